"""`bench/run --table`: the table by itself, beside its yardstick and what people pick instead.

Every table has a process of its own, and only one is there at a time: 20 M entries take some 4 GiB.
"""

import dataclasses
import os
import re

from reporting import (expiry_storm, lock_holds, plots, server_growth, table_figures, table_memory,
                       table_runs)
from reporting.figures import count, median
from reporting.table_runs import Setup, side_by_side


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float  # of an operation on resident keys
    fresh_keys: int  # of an operation on fresh ones
    sizes: tuple
    disk_sizes: tuple  # of the peers on disk: filling them takes long
    stripes: tuple
    memory_keys: int
    stripe_keys: int
    growing_keys: int
    storm_staying: int
    storm_expiring: int
    storm_seconds: float
    only: str = ""  # a regular expression: the parts that are measured


NAME = "table"
QUICK = Effort(rounds=3, seconds=0.1, fresh_keys=20_000, sizes=(1_000_000,),
               disk_sizes=(1_000_000,), stripes=(1, 16, 64, 256), memory_keys=500_000,
               stripe_keys=100_000, growing_keys=500_000, storm_staying=300_000,
               storm_expiring=600_000, storm_seconds=1)
FULL = Effort(rounds=5, seconds=0.3, fresh_keys=50_000,
              sizes=(100_000, 1_000_000, 5_000_000, 20_000_000), disk_sizes=(1_000_000,),
              stripes=(1, 4, 16, 64, 256), memory_keys=2_000_000, stripe_keys=312_500,
              growing_keys=3_000_000, storm_staying=1_000_000, storm_expiring=2_000_000,
              storm_seconds=2)
CONTENTION_KEYS = 1_000_000
PHASES = ",".join([*table_figures.APART, *(side_by_side(operation, threads) for threads in (1, 2)
                                           for operation in table_figures.OPERATIONS)])


def flags(effort, **more):
    return tuple({"seconds": effort.seconds, "fresh_keys": effort.fresh_keys, **more}.items())


def operations(effort, available, scratch, say):
    """{keys: {table: [run of each round]}}"""
    results = {}
    for keys in effort.sizes:
        say(f"table: operations, {keys:,} resident")
        names = [name for name in table_runs.TITLES if name in available and
                 (name in table_runs.IN_MEMORY or keys in effort.disk_sizes)]
        # Few fresh keys beside a small table: they stay in it.
        fresh = min(effort.fresh_keys, keys // 20)
        shape = {"keys": keys, "phases": PHASES, "fresh_keys": fresh}
        results[keys] = table_runs.in_turns(
            [Setup(name, name, flags(effort, **shape)) for name in names], effort.rounds, scratch)
    return results


def contention(effort, available, scratch):
    shape = {"keys": CONTENTION_KEYS, "batches": 1}
    phases = ",".join(side_by_side(operation, threads) for operation in ("find", "claim")
                      for threads in (1, 2, 4))
    stripes = [Setup(str(number), "idem", flags(effort, phases=phases, stripes=number, **shape))
               for number in effort.stripes]
    hot = [Setup(name, name, flags(effort, phases="find,find+find,find+hot", **shape))
           for name in table_runs.IN_MEMORY if name in available]
    return {"stripes": table_runs.in_turns(stripes, effort.rounds, scratch),
            "hot key": table_runs.in_turns(hot, effort.rounds, scratch)}


def growth_by_claims(effort, scratch):
    shape = (("keys", max(effort.sizes)), ("only_claims", True))
    return table_runs.in_turns([Setup("Idem, claims", "idem", shape),
                                Setup("no table: the machine itself", "machine", shape)],
                               effort.rounds, scratch)


def run(effort, scratch, say):
    allowed = sorted(os.sched_getaffinity(0))
    cores = allowed[-1], allowed[-2 if len(allowed) > 1 else -1]
    available = table_runs.available()
    parts = {
        "operations": lambda: operations(effort, available, scratch, say),
        "claims": lambda: growth_by_claims(effort, scratch),
        "contention": lambda: contention(effort, available, scratch),
        "memory": lambda: table_memory.measure(effort.memory_keys, available, cores, scratch),
        "holds": lambda: lock_holds.measure(effort),
        "growing": lambda: server_growth.measure(effort, cores, scratch),
        "storm": lambda: expiry_storm.measure(effort, cores, scratch),
    }
    results = {"effort": dataclasses.asdict(effort),
               "left out": [title for name, title in table_runs.TITLES.items()
                            if name not in available]}
    for name, measure in parts.items():
        if re.search(effort.only, name):
            say(f"table: {name}")
            results[name] = measure()
    return results


def growth_of(results):
    """The runs of the largest size that time single calls."""
    by_size_of_table = results.get("operations", {})
    largest = by_size_of_table[max(by_size_of_table)] if by_size_of_table else {}
    return {**results.get("claims", {}),
            **{name: runs for name, runs in largest.items() if name in table_runs.IN_MEMORY}}


def of_operations(effort, by_size_of_table):
    del effort
    for keys, by_table in by_size_of_table.items():
        yield f"{count(keys)} resident, 36-byte keys, 100-byte responses"
        yield table_figures.operations(by_table)


def of_contention(effort, results):
    del effort
    yield f"Threads and stripes, Idem, {count(CONTENTION_KEYS)} resident"
    yield table_figures.scaling(results["stripes"])
    yield "One hot key: lookups of evenly chosen keys on one thread, while another reads"
    yield table_figures.hot_key(results["hot key"])


def of_memory(effort, results):
    yield f"Bytes of an entry, {count(effort['memory_keys'])} of them"
    yield table_memory.rows(results)


def of_holds(effort, results):
    yield f"Holds of a lock, one stripe of {count(effort['stripe_keys'])} keys"
    yield lock_holds.rows(results)


def of_growing(effort, results):
    yield f"Servers growing to {count(effort['growing_keys'])}, eight SET at a time"
    yield server_growth.rows(results)


def of_storm(effort, results):
    yield (f"{count(effort['storm_expiring'])} expire beside {count(effort['storm_staying'])}, "
           f"GET at {expiry_storm.RATE // 1000} k/s")
    yield expiry_storm.rows(results)


# Each gives a heading and a table in turn.
DOCUMENTS = {"operations": of_operations, "contention": of_contention, "memory": of_memory,
             "holds": of_holds, "growing": of_growing, "storm": of_storm}


def document(results):
    parts = []
    if results["left out"]:
        parts.append("Not measured, for its library was not there: " +
                     ", ".join(results["left out"]) + ".")
    for name, document_part in DOCUMENTS.items():
        if name in results:
            lines = list(document_part(results["effort"], results[name]))
            parts += [("## " + line if number % 2 == 0 else line)
                      for number, line in enumerate(lines)]
    growing = growth_of(results)
    if growing:
        parts += [f"## Single calls while growing to {count(max(results['effort']['sizes']))}",
                  "Idem's row without a remark is claim and completion in one. What was preempted "
                  "is told apart, but for what the hypervisor stole.", table_figures.growth(growing)]
    return "\n\n".join(parts)


def by_size(results, operation, batch):
    """{title: [(keys, ns)]}"""
    curves = {}
    for keys, by_table in results["operations"].items():
        for name, runs in by_table.items():
            ns = table_figures.all_ns(runs, operation, batch)
            curves.setdefault(table_figures.title(name), []).append((keys, median(ns)))
    return curves


def while_growing(results, key):
    """{title: [(M keys, the median of the rounds)]}"""
    curves = {}
    for name, runs in growth_of(results).items():
        windows = zip(*(run["growth"]["windows"] for run in runs))
        keys = runs[0]["keys"] / len(runs[0]["growth"]["windows"])
        curves[table_figures.title(name)] = [
            (keys * (number + 1), max(1, median([window[key] for window in rounds])) / 1000)
            for number, rounds in enumerate(windows)]
    return curves


def memory_bars(results):
    groups = {}
    for result in results["memory"]:
        if not result["response_bytes"]:
            continue
        both = groups.setdefault(result["title"], [None, None])
        both[result["response_bytes"] != 100] = result["rss"]
    return groups


def storm_bars(results):
    return {f"{name}, {when}": [median([one[when][key] for one in rounds]) / 1000
                                for key in ("p50_us", "p99_us", "max_us")]
            for name, rounds in results["storm"].items() for when in ("before", "during")}


def draw(results, folder):
    """Draws the plots into the folder and returns Markdown that shows them."""
    if not plots.possible():
        return "No plots: gnuplot is not installed."
    shown = []

    def plot(kind, name, title, *arguments, **more):
        path = os.path.join(folder, f"{NAME}-{name}.svg")
        kind(path, title, *arguments, **more)
        shown.append(plots.link(path, title))
    if "operations" in results:
        for operation, title in table_figures.OPERATIONS.items():
            for batch in (1, 16):
                plot(plots.lines, f"{operation}-{batch}", f"{title}, {batch} a call",
                     by_size(results, operation, batch), "keys resident", "ns a key")
    if growth_of(results):
        for key, title in (("p50_ns", "p50"), ("p99_9_ns", "p99.9"), ("p99_99_ns", "p99.99"),
                           ("max_ns", "slowest")):
            plot(plots.lines, f"growth-{title}", f"single calls while growing: {title}",
                 while_growing(results, key), "keys in the table", "us", log="y")
    if "memory" in results:
        plot(plots.bars, "memory", "resident bytes of an entry", memory_bars(results),
             ("100-byte response", "16-byte response"), "bytes")
    if "storm" in results:
        plot(plots.bars, "expiry", "GET while many records expire", storm_bars(results),
             ("p50", "p99", "slowest"), "ms", log=True)
    return "## Plots\n\n" + "\n\n".join(shown)


def faults(results):
    yield from expiry_storm.faults(results.get("storm", {}))
    yield from server_growth.faults(results.get("growing", {}))
