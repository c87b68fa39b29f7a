"""The tables of `bench/run --table`, made of the runs of table_load."""

from reporting import table_runs
from reporting.figures import count, median, ratio, spread, table, three_digits

OPERATIONS = {
    "find": "replay / lookup",
    "duplicate": "duplicate claim",
    "claim": "fresh claim",
    "insert": "insert with response",
}
APART = {"find-apart": "replay / lookup, calls apart",
         "duplicate-apart": "duplicate claim, calls apart"}
YARDSTICK = "ceiling"


def title(name):
    return table_runs.TITLES.get(name, name)


def all_ns(runs, phase, batch):
    return [ns for ns in (table_runs.ns(run, phase, batch) for run in runs) if ns is not None]


def beside(results, name, other, phase, batch):
    """Round by round: how many times the other's ns the table takes."""
    pairs = zip(all_ns(results[name], phase, batch), all_ns(results[other], phase, batch))
    return [ours / theirs for ours, theirs in pairs]


def speedups(runs, operation, batch, threads):
    """How much more so many threads do than one, round by round."""
    phase = table_runs.side_by_side(operation, threads)
    pairs = [(table_runs.keys_per_second(run, phase, batch),
              table_runs.keys_per_second(run, operation, batch)) for run in runs]
    return [many / one for many, one in pairs if many and one]


COLUMNS = [(operation, batch) for operation in OPERATIONS for batch in (1, 16)]
COLUMNS += [(operation, 1) for operation in APART]
COLUMN_HEADS = [{**OPERATIONS, **APART}[operation] + (f", {batch} a call" if batch > 1 else "")
                for operation, batch in COLUMNS]


def rows_of(results, values, spell):
    """A row for each table; values(name, operation, batch) are those of the rounds."""
    for name in results:
        cells = [values(name, operation, batch) for operation, batch in COLUMNS]
        yield [title(name), *(spread(cell, spell) if cell else "" for cell in cells)]


def operations(results):
    def ns(name, operation, batch):
        return all_ns(results[name], operation, batch)

    def of_yardstick(name, operation, batch):
        return beside(results, name, YARDSTICK, operation, batch)

    def two_threads(name, operation, batch):
        return speedups(results[name], operation, batch, 2)
    parts = ["ns a key, one thread:",
             table(["table", *COLUMN_HEADS], rows_of(results, ns, three_digits))]
    if YARDSTICK in results:
        parts += ["Times what the yardstick takes, round by round:",
                  table(["table", *COLUMN_HEADS], rows_of(results, of_yardstick, ratio))]
    return "\n\n".join([*parts, "Throughput of two threads beside one:",
                        table(["table", *COLUMN_HEADS], rows_of(results, two_threads, ratio))])


GROWTH_HEAD = ["table", "RSS bytes a key", "ns a key", "p50 ns", "p99", "p99.9", "p99.99",
               "slowest call", "the worst at M keys", "slowest preempted", "switches", "stolen ms"]


def milliseconds(ns):
    return f"{three_digits(ns / 1e6)} ms"


def growth_row(name, runs):
    growths = [run["growth"] for run in runs]

    def middle(key):
        return three_digits(median([growth["undisturbed"][key] for growth in growths]))
    worst = max((growth["slowest"] for growth in growths), key=lambda call: call["ns"])
    preempted = max(growth["slowest_preempted"]["ns"] for growth in growths)
    return [title(name), *(three_digits(median([growth[key] for growth in growths]))
                           for key in ("rss_bytes_per_key", "ns_per_key")),
            *(middle(key) for key in ("p50_ns", "p99_ns", "p99_9_ns", "p99_99_ns")),
            spread([growth["slowest"]["ns"] for growth in growths], milliseconds),
            three_digits(worst["at"] / 1e6), milliseconds(preempted),
            three_digits(median([growth["switches"] for growth in growths])),
            three_digits(median([growth["stolen_ms"] for growth in growths]))]


def growth(results):
    return table(GROWTH_HEAD, [growth_row(name, runs) for name, runs in results.items()])


def scaling(results):
    """Of the runs by number of stripes; the rows are operations by number of stripes."""
    rows = []
    for operation in ("find", "claim"):
        for stripes, runs in results.items():
            def rate(threads):
                phase = table_runs.side_by_side(operation, threads)
                return [table_runs.keys_per_second(run, phase, 1) for run in runs]
            rows.append([OPERATIONS[operation], stripes, *(count(median(rate(threads)))
                                                           for threads in (1, 2, 4)),
                         *(spread(speedups(runs, operation, 1, threads), ratio)
                           for threads in (2, 4))])
    return table(["operation", "stripes", "keys/s, 1 thread", "2 threads", "4 threads", "2 : 1",
                  "4 : 1"], rows)


def hot_key(results):
    def row(name, runs):
        alone, beside_even, beside_hot = (
            all_ns(runs, phase, 1) for phase in ("find", "find+find", "find+hot"))
        slower = [hot / even for hot, even in zip(beside_hot, beside_even)]
        return [title(name), *(three_digits(median(ns)) for ns in (alone, beside_even, beside_hot)),
                spread(slower, ratio)]
    return table(["table", "alone, ns", "beside even lookups", "beside one hot key", "hot : even"],
                 [row(name, runs) for name, runs in results.items()])


def losses(results, peer):
    for operation, what in OPERATIONS.items():
        longer = beside(results, "idem", peer, operation, 1)
        if median(longer) > 1:
            yield f"library, {what}: {spread(longer, ratio)} times the ns of {title(peer)}"
    for key in ("p99_ns", "p99_9_ns", "p99_99_ns", "max_ns"):
        more = [ours["growth"]["undisturbed"][key] / theirs["growth"]["undisturbed"][key]
                for ours, theirs in zip(results["idem"], results[peer])]
        if median(more) > 1:
            name = key.removesuffix("_ns").replace("_", ".")
            yield f"library, {name} of a call while growing: {spread(more, ratio)} times " \
                  f"{title(peer)}'s"
    more = (median([run["growth"]["rss_bytes_per_key"] for run in results["idem"]]) /
            median([run["growth"]["rss_bytes_per_key"] for run in results[peer]]))
    if more > 1:
        yield f"library, memory: {ratio(more)} times that of {title(peer)}"
