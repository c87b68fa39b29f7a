"""`bench/run --storage`: what the files cost. See the modules of the tables."""

import dataclasses
import os

from reporting import disk_use, log_bytes


@dataclasses.dataclass(frozen=True)
class Effort:
    resident_keys: int
    writes: int


NAME = "storage"
QUICK = Effort(resident_keys=100_000, writes=1_500_000)
FULL = Effort(resident_keys=1_000_000, writes=10_000_000)


def run(effort, scratch, say):
    allowed = sorted(os.sched_getaffinity(0))
    server_core, client_core = allowed[-1], allowed[-2 if len(allowed) > 1 else -1]
    say("storage: bytes of a claim + complete")
    results = {"log bytes": log_bytes.measure(server_core, client_core, scratch)}
    say("storage: disk in use")
    results["disk use"] = disk_use.measure(effort, server_core, client_core, scratch)
    return results


def document(results):
    return "\n\n".join([
        "## Log bytes of a claim and its completion", log_bytes.rows(results["log bytes"]),
        "## Disk in use, constant live data, `everysec`", disk_use.rows(results["disk use"])])


def faults(results):
    for result in results["disk use"]:
        if result["wrong"]:
            yield f"{result['system']}, {result['case']}: {result['wrong']} wrong answers"
