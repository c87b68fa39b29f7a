"""`bench/run --loops`: the least server on each event loop that idem-server could be built on.

All of them answer ready-made bytes (bench/ceiling), so what differs is the loop. They take turns.
"""

import dataclasses
import os
import subprocess

from reporting import rival, servers
from reporting.figures import count, median, ratio, spread, table, three_digits

CEILING = os.path.join(rival.BENCHES, "ceiling_server")
CONNECTIONS = 50
CHOSEN = "epoll"


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float
    in_flight: tuple = (1, 16, 64)


NAME = "loops"
QUICK = Effort(rounds=3, seconds=0.5)
FULL = Effort(rounds=7, seconds=2)


def loops():
    """Those of this build."""
    done = subprocess.run([CEILING, "--loop=list"], capture_output=True, text=True, check=True,
                          timeout=10)
    return done.stdout.split()


def measure(loop, in_flight, effort, cores, scratch):
    with servers.start_ceiling(CEILING, "+OK\r\n", cores[0], scratch, "--loop", loop) as server:
        before = server.cpu_seconds()
        load = rival.run_load(server, cores[1], operations="set", any_answer="true",
                              connections=CONNECTIONS, in_flight=in_flight, warmup=0.1,
                              seconds=effort.seconds)
        cpu_us = (server.cpu_seconds() - before) * 1e6
    return {"operations_per_second": load["operations_per_second"],
            "cpu_us": cpu_us / load["operations"], "p99_us": load["p99_us"]}


def run(effort, scratch, say):
    allowed = sorted(os.sched_getaffinity(0))
    cores = allowed[-1], allowed[-2 if len(allowed) > 1 else -1]
    results = {"rounds": []}
    for number in range(effort.rounds):
        say(f"loops: round {number + 1} of {effort.rounds}")
        results["rounds"].append({
            in_flight: {loop: measure(loop, in_flight, effort, cores, scratch) for loop in loops()}
            for in_flight in effort.in_flight})
    return results


def document(results):
    rounds = results["rounds"]

    def row(in_flight, loop):
        ours = [one[in_flight][loop] for one in rounds]
        chosen = [one[in_flight][CHOSEN] for one in rounds]

        def beside(key):
            return spread([mine[key] / theirs[key] for mine, theirs in zip(ours, chosen)], ratio)
        return [f"{CONNECTIONS} x {in_flight}", loop,
                count(median([one["operations_per_second"] for one in ours])),
                beside("operations_per_second"),
                three_digits(median([one["cpu_us"] for one in ours])), beside("cpu_us"),
                three_digits(median([one["p99_us"] for one in ours]))]
    rows = [row(in_flight, loop) for in_flight in rounds[0] for loop in rounds[0][in_flight]]
    return "## Event loops, the least server on each\n\n" + table(
        ["clients", "loop", "operations/s", f": {CHOSEN}", "CPU us each", f": {CHOSEN}", "p99 us"],
        rows)


def faults(results):
    del results
    return []
