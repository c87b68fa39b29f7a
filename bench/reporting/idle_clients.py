"""`bench/run --idle`: what clients that are connected and silent cost: memory, and latency of the
others, who ask at a fixed rate.
"""

import contextlib
import dataclasses
import os
import socket

from reporting import rival
from reporting.figures import median, ratio, spread, table, three_digits

RATE = 20_000
CONNECTIONS = 50
PERCENTILES = ("p50_us", "p99_us", "p99_9_us")


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float
    idle: int


NAME = "idle"
QUICK = Effort(rounds=3, seconds=1, idle=10_000)
FULL = Effort(rounds=7, seconds=3, idle=10_000)


def connect_silent(server):
    """A client that has asked once and was answered."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(b"*1\r\n$4\r\nPING\r\n")
    if client.recv(16) != b"+PONG\r\n":
        raise RuntimeError("no answer to PING")
    return client


def ask(server, side, core, effort, seed):
    load = rival.run_load(server, core, operations="begin" if side is rival.Idem else "set",
                          connections=CONNECTIONS, rate=RATE, warmup=0.3, seconds=effort.seconds,
                          seed=seed)
    if load["wrong"]:
        raise RuntimeError(f"{side.name}: {load['wrong']} wrong answers")
    return {key: load[key] for key in PERCENTILES}


def measure(side, effort, cores, scratch):
    with side.start("off", cores[0], scratch, "--maxclients", str(effort.idle + 100)) as server:
        alone = ask(server, side, cores[1], effort, seed=1)
        before = server.rss_bytes()
        with contextlib.ExitStack() as stack:
            for _ in range(effort.idle):
                stack.enter_context(connect_silent(server))
            idle_bytes = (server.rss_bytes() - before) / effort.idle
            beside = ask(server, side, cores[1], effort, seed=2)
    return {"alone": alone, "beside": beside, "idle_bytes": idle_bytes}


def run(effort, scratch, say):
    allowed = sorted(os.sched_getaffinity(0))
    cores = allowed[-1], allowed[-2 if len(allowed) > 1 else -1]
    results = {"idle": effort.idle, "rounds": []}
    for number in range(effort.rounds):
        say(f"idle: round {number + 1} of {effort.rounds}")
        results["rounds"].append({side.name: measure(side, effort, cores, scratch)
                                  for side in rival.RIVALS})
    return results


def document(results):
    def row(name):
        rounds = [one[name] for one in results["rounds"]]

        def cell(key):
            alone, beside = ([one[when][key] for one in rounds] for when in ("alone", "beside"))
            return (f"{three_digits(median(alone))} / {three_digits(median(beside))}, " +
                    spread([b / a for a, b in zip(alone, beside)], ratio))
        return [name, three_digits(median([one["idle_bytes"] for one in rounds])),
                *(cell(key) for key in PERCENTILES)]
    return (f"## {results['idle']:,} silent clients\n\n" +
            f"{CONNECTIONS} others ask at {RATE // 1000} k/s (BEGIN of fresh keys; of Redis, SET NX "
            "EX): us without the silent / with them, and the ratio.\n\n" +
            table(["server", "bytes a silent client", "p50", "p99", "p99.9"],
                  [row(side.name) for side in rival.RIVALS]))


def faults(results):
    del results
    return []
