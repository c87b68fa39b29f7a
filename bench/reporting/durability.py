"""What a durable answer costs: Idem beside Redis and beside its own weaker mode, the curve of group
commit, and what a storm of writes does to replays.

An operation is a whole request: IDEM.BEGIN and IDEM.COMPLETE, or SET NX PX and SET, one after the
other. All subjects of a figure take turns.
"""

import contextlib
import dataclasses
import json
import os
import subprocess

from reporting import plots, servers
from reporting.figures import count, median, ratio, spread, table, three_digits

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOAD_GEN = os.path.join(os.environ.get("IDEM_BENCHES", os.path.join(ROOT, "build/release/bench")),
                        "load_gen")
IDEM_SERVER = os.environ.get("IDEM_SERVER", os.path.join(ROOT, "build/release/server/idem-server"))
REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[-1], CORES[-2 if len(CORES) > 1 else -1]


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float
    warmup: float
    clients: tuple  # of the curve
    resident_keys: int


NAME = "durability"
QUICK = Effort(rounds=3, seconds=0.4, warmup=0.1, clients=(1, 4, 16, 64, 256, 1024),
               resident_keys=50_000)
FULL = Effort(rounds=5, seconds=2, warmup=0.3, clients=tuple(2 ** i for i in range(11)),
              resident_keys=200_000)


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    durability: str
    operation: str = "pair"

    def start(self, scratch):
        if self.operation == "pair":
            return servers.start_idem(IDEM_SERVER, self.durability, SERVER_CORE, scratch)
        return servers.start_redis(REDIS_SERVER, self.durability, SERVER_CORE, scratch)


IDEM = Subject("Idem always", "always")
INTERVAL = Subject("Idem interval", "everysec")
OFF = Subject("Idem, log off", "off")
REDIS = Subject("Redis always", "always", "set-pair")

SHAPES = ((1, 1), (50, 1), (50, 16))
STORM = {"operations": "pair", "connections": 50}
REPLAYS = {"operations": "replay", "connections": 10}


class Seeds:
    """Fresh keys for every run; the resident ones are those of seed 1."""
    last = 1

    @classmethod
    def next(cls):
        cls.last += 1
        return cls.last


def load_command(server, flags):
    return [LOAD_GEN, f"--port={server.port}",
            *(f"--{key}={value}" for key, value in flags.items())]


def start_load(server, **flags):
    return subprocess.Popen(load_command(server, flags), stdout=subprocess.PIPE, text=True,
                            preexec_fn=servers.pinned_to(CLIENT_CORE))


def result_of(load):
    output, _ = load.communicate(timeout=600)
    if load.returncode > 1:
        raise RuntimeError(f"{' '.join(load.args)} failed")
    return json.loads(output)


def run_load(server, **flags):
    return result_of(start_load(server, **flags))


def measure_load(subject, effort, scratch, connections, in_flight):
    with subject.start(scratch) as server:
        return run_load(server, operations=subject.operation, connections=connections,
                        in_flight=in_flight, seconds=effort.seconds, warmup=effort.warmup,
                        seed=Seeds.next())


def measure_storm(subject, effort, scratch):
    """Replays of records that are durable, while other clients claim and complete."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(subject.start(scratch))
        run_load(server, operations="pair", connections=50, in_flight=16,
                 count=effort.resident_keys, seed=1)
        storm = start_load(server, **STORM, seconds=effort.seconds + 2 * effort.warmup,
                           seed=Seeds.next())
        stack.callback(storm.kill)
        replays = run_load(server, **REPLAYS, seconds=effort.seconds, warmup=effort.warmup,
                           resident_seed=1, resident_keys=effort.resident_keys, seed=Seeds.next())
        return {"replays": replays, "storm": result_of(storm)}


def in_turns(subjects, rounds, measure):
    """{name: [result of each round]}"""
    results = {subject.name: [] for subject in subjects}
    for _ in range(rounds):
        for subject in subjects:
            results[subject.name].append(measure(subject))
    return results


def run(effort, scratch, say):
    results = {"shapes": {}, "curve": {}}
    for connections, in_flight in SHAPES:
        say(f"durability: {connections} x {in_flight}")
        results["shapes"][f"{connections} x {in_flight}"] = in_turns(
            (IDEM, REDIS, INTERVAL), effort.rounds,
            lambda subject: measure_load(subject, effort, scratch, connections, in_flight))
    for clients in effort.clients:
        say(f"durability: group commit, {clients} clients")
        results["curve"][clients] = in_turns(
            (IDEM, REDIS), effort.rounds,
            lambda subject: measure_load(subject, effort, scratch, clients, 1))
    say("durability: replays under a storm of writes")
    results["storm"] = in_turns((IDEM, OFF), effort.rounds,
                                lambda subject: measure_storm(subject, effort, scratch))
    return results


# --- tables

def rates(loads):
    return [load["operations_per_second"] for load in loads]


def ratios(ours, theirs):
    return [a / b for a, b in zip(ours, theirs)]


def shape_row(shape, loads):
    ours, redis, interval = (rates(loads[s.name]) for s in (IDEM, REDIS, INTERVAL))
    return [shape, count(median(ours)), count(median(redis)), spread(ratios(ours, redis), ratio),
            count(median(interval)), spread(ratios(ours, interval), ratio),
            " / ".join(three_digits(median([load[key] for load in loads[IDEM.name]]))
                       for key in ("p50_us", "p99_us", "p99_9_us"))]


BAR_CELLS = 40


def curve_rows(curve):
    best = max(median(rates(loads[s.name])) for loads in curve.values() for s in (IDEM, REDIS))
    for clients, loads in curve.items():
        for subject in (IDEM, REDIS):
            rate = median(rates(loads[subject.name]))
            p99 = median([load["p99_us"] for load in loads[subject.name]])
            yield [clients if subject is IDEM else "", subject.name, count(rate), three_digits(p99),
                   "█" * max(1, round(BAR_CELLS * rate / best))]


def draw(results, folder):
    """Group commit as pictures; returns Markdown that shows them."""
    if not plots.possible():
        return "No plots: gnuplot is not installed."
    shown = []
    for key, name, title in (("operations_per_second", "rate", "claim + complete, durable: pairs/s"),
                             ("p99_us", "p99", "claim + complete, durable: p99, us")):
        curves = {subject.name: [(int(clients), median([load[key] for load in loads[subject.name]]))
                                 for clients, loads in results["curve"].items()]
                  for subject in (IDEM, REDIS)}
        path = os.path.join(folder, f"{NAME}-group-commit-{name}.svg")
        plots.lines(path, title, curves, "clients, one operation in flight each", title)
        shown.append(plots.link(path, title))
    return "## Plots\n\n" + "\n\n".join(shown)


def storm_row(subject, runs):
    replays = [run["replays"] for run in runs]
    return [subject.name, count(median(rates([run["storm"] for run in runs]))),
            count(median(rates(replays))),
            *(spread([load[key] for load in replays], three_digits)
              for key in ("p50_us", "p99_us", "p99_9_us"))]


def storm_ratio(storm):
    p99s = [[run["replays"]["p99_us"] for run in storm[s.name]] for s in (IDEM, OFF)]
    return spread(ratios(*p99s), ratio)


def document(results):
    return "\n\n".join([
        "## Durable answers",
        "Claim + complete (Redis: SET NX PX + SET). A ratio is the median of the rounds, with the "
        "lowest and highest behind it.",
        table(["clients x in flight", "Idem always /s", "Redis always /s", "Idem : Redis",
               "Idem interval /s", "always : interval", "p50 / p99 / p99.9 us, Idem always"],
              [shape_row(shape, loads) for shape, loads in results["shapes"].items()]),
        "Group commit: one operation in flight on each connection.",
        table(["clients", "", "/s", "p99 us", ""], curve_rows(results["curve"])),
        "Replays of durable records by 10 clients, while 50 others claim and complete. The p99 "
        f"with the log on is {storm_ratio(results['storm'])} times that with the log off.",
        table(["", "storm /s", "replays /s", "p50 us", "p99 us", "p99.9 us"],
              [storm_row(s, results["storm"][s.name]) for s in (IDEM, OFF)]),
    ])


def all_loads(results):
    for figure in (*results["shapes"].values(), *results["curve"].values()):
        for name, loads in figure.items():
            yield from ((name, load) for load in loads)
    for name, runs in results["storm"].items():
        yield from ((name, load) for run in runs for load in run.values())


def faults(results):
    for name, load in all_loads(results):
        if load["wrong"] or load["unanswered"]:
            yield (f"{name}: {load['wrong']} wrong, {load['unanswered']} missing, the first: "
                   f"{load['first_wrong']}")
