"""How many acknowledged operations a kill -9 and a power cut cost, Idem beside Redis.

The driver, the clients and the cuts are those of the tests (tests/server/support), and send the
same commands to every server: claim_workload.py.
"""

import dataclasses
import os
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/server"))

from support.campaign import Campaign
from support.claim_workload import CLIENTS, IN_FLIGHT, ClaimWorkload
from support.cuts import KillNine, PowerCut
from support.idem_server import IdemServer
from support.loop_disk import LoopDisk, Unavailable
from support.redis_server import RedisServer

from reporting.figures import table


@dataclasses.dataclass(frozen=True)
class System:
    name: str
    flags: tuple
    server: type

    @property
    def settings(self):
        return " ".join(self.flags)

    def start(self, directory, cycle, **options):
        del cycle
        keeps_nothing = self.server is IdemServer and "--appendfsync" not in self.flags
        return self.server(None if keeps_nothing else directory, *self.flags, **options)


def append_only(fsync):
    return ("--appendonly", "yes", "--appendfsync", fsync)


SYSTEMS = [System(name, flags, server)
           for flags in (("--appendonly", "no"), append_only("no"), append_only("everysec"),
                         append_only("always"))
           for name, server in (("Idem", IdemServer), ("Redis", RedisServer))]


@dataclasses.dataclass(frozen=True)
class Effort:
    cycles: int
    kill_seconds: tuple  # a life is killed after at least and at most so long
    power_seconds: tuple  # longer than the second that everysec may lose


NAME = "lost-acks"
QUICK = Effort(cycles=2, kill_seconds=(0.2, 0.4), power_seconds=(1.1, 1.6))
FULL = Effort(cycles=6, kill_seconds=(0.2, 0.6), power_seconds=(1.1, 2.2))
SEED = 1


def campaign(system, cut, effort, seconds):
    """One row of the table."""
    started_s = time.monotonic()
    workload = ClaimWorkload(SEED)
    driver = Campaign(SEED, system.start, cut, workload, answers=2, seconds=seconds)
    driver.run(effort.cycles)
    counts = workload.counts
    return {
        "system": system.name, "settings": system.settings, "cut": cut.name,
        "cycles": counts["cycles"], "cuts while starting": counts["cuts while starting"],
        "acked": counts["acked"], "lost claims": counts["lost claims"],
        "lost completions": counts["lost completions"],
        "done twice": counts["done twice"], "kept behind a loss": counts["kept behind a loss"],
        "oldest loss ms": round(1000 * workload.oldest_loss_s),
        "wrong": driver.violations(),
        "seconds": round(time.monotonic() - started_s, 1),
    }


def run(effort, scratch, say):
    """{"rows": .., "skipped": why there are no power cuts, or ""}"""
    rows, skipped = [], ""
    for system in SYSTEMS:
        say(f"lost acks: {system.name} {system.settings}, kill -9")
        with tempfile.TemporaryDirectory(dir=scratch) as directory:
            rows.append(campaign(system, KillNine(directory), effort, effort.kill_seconds))
    for system in SYSTEMS:
        say(f"lost acks: {system.name} {system.settings}, power cut")
        try:
            with LoopDisk() as disk:
                rows.append(campaign(system, PowerCut(disk), effort, effort.power_seconds))
        except Unavailable as why:
            skipped = str(why)
            break
    return {"rows": rows, "skipped": skipped}


HEAD = ["cut", "system", "settings", "cycles", "acked operations", "of them lost",
        "keys executed twice", "lost up to .. before the cut", "kept behind a loss"]


def row(result):
    lost = result["lost claims"] + result["lost completions"]
    return [result["cut"], result["system"], f"`{result['settings']}`",
            f"{result['cycles']} + {result['cuts while starting']} while starting",
            f"{result['acked']:,}", f"{lost:,}", f"{result['done twice']:,}",
            f"{result['oldest loss ms']} ms" if lost else "", result["kept behind a loss"]]


def document(results):
    parts = ["## Lost acknowledgements",
             f"{CLIENTS} clients, {IN_FLIGHT} claims in flight each; settings that are not named "
             "are the server's own defaults.",
             table(HEAD, [row(result) for result in results["rows"]])]
    if results["skipped"]:
        parts.append(f"Power cuts were *skipped*: {results['skipped']}.")
    return "\n\n".join(parts)


def faults(results):
    """What must not be: a wrong answer, a server that does not start, a loss where none may be."""
    for result in results["rows"]:
        name = f"{result['system']} {result['settings']}, {result['cut']}"
        for complaint in result["wrong"][:3]:
            yield f"{name}: {complaint}"
        lost = result["lost claims"] + result["lost completions"]
        has_log = "--appendfsync" in result["settings"]
        syncs_each = "always" in result["settings"]
        if lost and (syncs_each or has_log and result["cut"] == KillNine.name):
            yield f"{name}: {lost} acknowledged operations are lost"
