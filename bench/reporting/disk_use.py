"""What the files take while a store of constant size is written to for long: log and snapshots
beside Redis' append-only file with its rewrites at their defaults."""

import dataclasses
import statistics

from reporting import rival
from reporting.figures import count, table

SAMPLE_SECONDS = 0.05
KEY_AND_VALUE_BYTES = 36 + 100
REDIS_FLAGS = ("--auto-aof-rewrite-percentage", "100")  # the default, and from 64 MiB on


@dataclasses.dataclass(frozen=True)
class Case:
    title: str
    operations: dict  # by the rival's name
    idem_flags: tuple = ()
    retention_ms: int = 86_400_000
    filled: bool = True


CASES = (
    Case("the same keys, overwritten", {"Idem": "overwrite", "Redis": "overwrite"}),
    Case("claim + complete, kept for 2 s", {"Idem": "pair", "Redis": "set-pair"},
         ("--default-lease-ms", "1000", "--default-retention-ms", "2000"), 2000, filled=False),
)


def measure(effort, server_core, client_core, scratch):
    return [measure_side(case, side, effort, server_core, client_core, scratch)
            for case in CASES for side in rival.RIVALS]


def measure_side(case, side, effort, server_core, client_core, scratch):
    flags = case.idem_flags if side is rival.Idem else REDIS_FLAGS
    with side.start("everysec", server_core, scratch, *flags) as server:
        if case.filled:
            rival.fill(server, side, client_core, effort.resident_keys, "set-pair")
        before = server.written_bytes()
        samples = Samples()
        with rival.start_load(server, client_core, operations=case.operations[side.name],
                              connections=50, in_flight=16, count=effort.writes, seed=2,
                              resident_seed=rival.RESIDENT_SEED,
                              resident_keys=effort.resident_keys,
                              retention_ms=case.retention_ms) as load, \
                rival.connect(server) as connection:
            while not load.wait(SAMPLE_SECONDS):
                samples.take(server, connection)
            done = load.result()
        return {"case": case.title, "system": side.name, "operations": done["operations"],
                "wrong": done["wrong"] + done["unanswered"],
                "live bytes": KEY_AND_VALUE_BYTES * samples.keys_max,
                "used memory": samples.memory_max,
                "disk bytes": samples.disk, "disk bytes mean": statistics.mean(samples.steady()),
                "disk bytes most": max(samples.steady()),
                "disk bytes ever": max(samples.disk, default=0),
                "bytes written per operation":
                    (server.written_bytes() - before) / done["operations"]}


class Samples:
    def __init__(self):
        self.disk = []
        self.keys_max = 0
        self.memory_max = 0

    def take(self, server, connection):
        self.disk.append(server.disk_bytes())
        self.keys_max = max(self.keys_max, connection.ask("DBSIZE"))
        self.memory_max = max(self.memory_max, int(connection.info()["used_memory"]))

    def steady(self):
        """The last third, when the beginning is forgotten."""
        return self.disk[len(self.disk) * 2 // 3:] or [0]


def mib(value):
    return f"{value / (1 << 20):.0f} MiB"


def bound(result):
    """What Idem promises, of the live bytes that it counts."""
    return 5 * result["used memory"] + (256 << 20)


def over_the_bound(results):
    return [result for result in results
            if result["system"] == "Idem" and result["disk bytes ever"] > bound(result)]


def rows(results):
    return table(["written to", "system", "operations", "keys + values", "used_memory",
                  "disk, mean", "most", "ever", "5 x used_memory + 256 MiB",
                  "given to the disk per operation"],
                 [[result["case"], result["system"], count(result["operations"]),
                   mib(result["live bytes"]), mib(result["used memory"]),
                   mib(result["disk bytes mean"]), mib(result["disk bytes most"]),
                   mib(result["disk bytes ever"]),
                   mib(bound(result)) if result["system"] == "Idem" else "",
                   f"{result['bytes written per operation']:.0f} bytes"] for result in results])
