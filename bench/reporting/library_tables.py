"""The library's results as Markdown, and where Idem loses."""

from reporting.figures import count, median, ratio, spread, table, three_digits

OPERATIONS = {
    "FreshClaim": "claim of a fresh key",
    "ClaimComplete": "claim + complete",
    "Replay": "replay",
    "Duplicate": "duplicate of a running claim",
}
SUBJECTS = {"store": "Idem", "batch16": "Idem, 16 a call", "map": "striped unordered_map"}
PERCENTILES = ["p50_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns"]


class Runs:
    """The runs of the binaries, by name and number of threads."""

    def __init__(self, runs):
        self.runs = runs

    def find(self, name, threads=1):
        return [run for run in self.runs
                if (run["name"] + "/").startswith(name + "/") and run["threads"] == threads]

    def values(self, name, key, threads=1):
        return [run[key] for run in self.find(name, threads)]

    def ns_a_key(self, name):
        return [1e9 / rate for rate in self.values(name, "items_per_second")]

    def cpu_ns_a_key(self, name):
        return [run["cpu_time"] / run["real_time"] * 1e9 / run["items_per_second"]
                for run in self.find(name)]


def memory_rows(runs):
    for operation, title in OPERATIONS.items():
        by_map = median(runs.cpu_ns_a_key(f"{operation}/map"))
        for subject, by in SUBJECTS.items():
            name = f"{operation}/{subject}"
            yield [title, by, spread(runs.ns_a_key(name), three_digits),
                   three_digits(median(runs.cpu_ns_a_key(name))),
                   count(median(runs.values(name, "items_per_second", 1))),
                   count(median(runs.values(name, "items_per_second", 2))),
                   ratio(by_map / median(runs.cpu_ns_a_key(name)))]


def latency_rows(runs):
    for subject in ("store", "map"):
        name = f"Latency/{subject}"
        yield [SUBJECTS[subject], *(count(median(runs.values(name, key))) for key in PERCENTILES)]


def footprint_rows(runs):
    for subject in ("store", "map"):
        name = f"Memory/{subject}"
        counted = runs.values(name, "counted_bytes_per_entry") if subject == "store" else []
        yield [SUBJECTS[subject], three_digits(runs.values(name, "rss_bytes_per_entry")[0]),
               three_digits(counted[0]) if counted else "",
               three_digits(runs.values(name, "fill_ns_per_entry")[0])]


def memory(runs, resident):
    return "\n\n".join([
        f"{count(resident)} finished requests resident, 36-byte keys, 100-byte responses, no log.",
        table(["operation", "by", "ns a key, 1 thread", "CPU ns", "keys/s, 1 thread",
               "keys/s, 2 threads", "map's CPU : its own"], memory_rows(runs)),
        "Single calls, half fresh claims, half replays, in ns; two clock reads are included:",
        table(["by", "p50", "p99", "p99.9", "p99.99", "max"], latency_rows(runs)),
        "Per finished request, while the table was filled:",
        table(["by", "RSS bytes", "bytes by its own account", "ns"], footprint_rows(runs)),
        f"Of every figure the key's text takes {three_digits(median(runs.ns_a_key('KeyText')))} "
        "ns. A fingerprint of 104 bytes takes "
        f"{three_digits(median(runs.ns_a_key('FingerprintOf')))} ns more, of which these figures "
        "have nothing.",
    ])


def durable_row(runs, title, name, threads):
    def value(key):
        return median(runs.values(name, key, threads))
    syncs = value("fdatasyncs_per_pair") if name.startswith("Claim") else 1
    return [title, threads, spread(runs.values(name, "items_per_second", threads), count),
            three_digits(syncs), *(count(value(key)) for key in ("p50_us", "p99_us", "p99_9_us"))]


def durable(runs):
    rows = [durable_row(runs, f"claim + complete, {mode}", f"ClaimComplete/{mode}", threads)
            for mode in ("always", "interval") for threads in (1, 16, 64)]
    rows.append(durable_row(runs, "ceiling: 4 KiB pwrite + fdatasync", "Disk/pwrite_fdatasync", 1))
    return table(["operation", "callers", "/s", "fdatasyncs each", "p50 us", "p99 us", "p99.9 us"],
                 rows)


def memory_losses(runs):
    for operation, title in OPERATIONS.items():
        slower = (median(runs.cpu_ns_a_key(f"{operation}/store")) /
                  median(runs.cpu_ns_a_key(f"{operation}/map")))
        if slower > 1:
            yield f"library, {title}: {ratio(slower)} times the striped map's CPU"
    for key in PERCENTILES[:-1]:
        more = median(runs.values("Latency/store", key)) / median(runs.values("Latency/map", key))
        if more > 1:
            yield f"library, {key.removesuffix('_ns').replace('_', '.')} of one call: " \
                  f"{ratio(more)} times the striped map's"
    more = (runs.values("Memory/store", "rss_bytes_per_entry")[0] /
            runs.values("Memory/map", "rss_bytes_per_entry")[0])
    if more > 1:
        yield f"library, memory: {ratio(more)} times the striped map's"
