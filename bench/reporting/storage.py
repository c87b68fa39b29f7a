"""`bench/run --storage`: what the files cost. See the modules of the three tables."""

import dataclasses
import os

from reporting import disk_use, log_bytes, snapshots


@dataclasses.dataclass(frozen=True)
class Effort:
    pairs: int
    window_seconds: float
    resident_keys: int
    writes: int
    in_flight: int = 16


NAME = "storage"
QUICK = Effort(pairs=3, window_seconds=1, resident_keys=100_000, writes=3_000_000)
FULL = Effort(pairs=7, window_seconds=3, resident_keys=1_000_000, writes=10_000_000)


def run(effort, scratch, say):
    allowed = sorted(os.sched_getaffinity(0))
    server_core, client_core = allowed[-1], allowed[-2 if len(allowed) > 1 else -1]
    say("storage: bytes of a claim + complete")
    results = {"log bytes": log_bytes.measure(server_core, client_core, scratch)}
    say("storage: disk in use")
    results["disk use"] = disk_use.measure(effort, server_core, client_core, scratch)
    say("storage: snapshots under load")
    results["snapshots"] = snapshots.measure(effort, server_core, client_core, scratch)
    results["resident keys"] = effort.resident_keys
    return results


def document(results):
    return "\n\n".join([
        "## Log bytes of a claim and its completion", log_bytes.rows(results["log bytes"]),
        "## Disk in use, constant live data, `everysec`", disk_use.rows(results["disk use"]),
        f"## Snapshots under full load, {results['resident keys']:,} keys, `everysec`",
        snapshots.rows(results["snapshots"])])


def faults(results):
    for result in disk_use.over_the_bound(results["disk use"]):
        yield f"{result['case']}: {disk_use.mib(result['disk bytes ever'])} on the disk"
    for result in results["disk use"]:
        if result["wrong"]:
            yield f"{result['system']}, {result['case']}: {result['wrong']} wrong answers"
    for result in results["snapshots"]:
        for pair in result["pairs"]:
            if any(window["wrong"] for window in pair.values()):
                yield f"{result['system']} under snapshots: wrong answers"
