"""A server that grows from nothing: one client sends eight SET at a time and waits for their
answers. Who stops to grow its table is seen in the slowest of them.
"""

from reporting import rival
from reporting.figures import median, spread, table, three_digits

IN_FLIGHT = 8
COLUMNS = {"p50_us": "p50", "p99_us": "p99", "p99_9_us": "p99.9", "p99_99_us": "p99.99",
           "max_us": "slowest"}


def grow(side, keys, cores, scratch):
    with side.start("off", cores[0], scratch) as server:
        load = rival.run_load(server, cores[1], operations="set", connections=1,
                              in_flight=IN_FLIGHT, count=keys)
    return {key: load[key] for key in (*COLUMNS, "wrong", "unanswered", "operations_per_second")}


def measure(effort, cores, scratch):
    """{name of the server: [result of each round]}"""
    results = {side.name: [] for side in rival.RIVALS}
    for _ in range(effort.rounds):
        for side in rival.RIVALS:
            results[side.name].append(grow(side, effort.growing_keys, cores, scratch))
    return results


def rows(results):
    def milliseconds(us):
        return three_digits(us / 1000)

    def cells(name, rounds):
        for key in COLUMNS:
            values = [one[key] for one in rounds]
            yield (spread(values, milliseconds) if key in ("p99_99_us", "max_us")
                   else milliseconds(median(values)))
    return table(["", *(f"{title} ms" for title in COLUMNS.values())],
                 [[name, *cells(name, rounds)] for name, rounds in results.items()])


def faults(results):
    for name, rounds in results.items():
        if any(one["wrong"] or one["unanswered"] for one in rounds):
            yield f"{name}, while growing: wrong or missing answers to SET"
