"""Runs of table_load: one table in one process each, the setups in turns."""

import dataclasses
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE_LOAD = os.path.join(os.environ.get("IDEM_BENCHES", os.path.join(ROOT, "build/release/bench")),
                          "table_load")
RUN_SECONDS = 3600  # a bound

TITLES = {
    "idem": "Idem",
    "ceiling": "yardstick",
    "ceiling-4k": "yardstick, 4 KiB pages",
    "absl": "striped absl::flat_hash_map",
    "std": "striped std::unordered_map",
    "tbb": "tbb::concurrent_hash_map",
    "rocksdb-no-wal": "RocksDB, WAL off",
    "rocksdb": "RocksDB, WAL on",
    "lmdb": "LMDB, no sync",
}
IN_MEMORY = ("idem", "ceiling", "ceiling-4k", "absl", "std", "tbb")
ON_DISK = ("rocksdb-no-wal", "rocksdb", "lmdb")
DISK_FILL_BATCH = 128


@dataclasses.dataclass(frozen=True)
class Setup:
    name: str  # of the figure
    table: str
    flags: tuple = ()  # (name, value) of table_load


def available():
    """The tables of this build."""
    done = subprocess.run([TABLE_LOAD, "--list"], capture_output=True, text=True, check=True,
                          timeout=10)
    return done.stdout.split()


def run(setup, scratch):
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        command = [TABLE_LOAD, f"--table={setup.table}", f"--directory={directory}",
                   *(f"--{name}={value}" for name, value in setup.flags)]
        if setup.table in ON_DISK:
            command.append(f"--fill_batch={DISK_FILL_BATCH}")
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=RUN_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)


def in_turns(setups, rounds, scratch):
    """{name of the setup: [result of each round]}; the order turns round each time."""
    setups = list(setups)
    results = {setup.name: [] for setup in setups}
    for number in range(rounds):
        for setup in setups if number % 2 == 0 else reversed(setups):
            results[setup.name].append(run(setup, scratch))
    return results


def ns(result, phase, batch):
    """Of one key, of the phase's first thread; None if it was not asked for."""
    for one in result["phases"]:
        if one["phase"] == phase and one["batch"] == batch:
            return one["ns_per_key"][0]
    return None


def keys_per_second(result, phase, batch):
    """Of all threads of the phase together."""
    for one in result["phases"]:
        if one["phase"] == phase and one["batch"] == batch:
            return one["keys_per_second"]
    return None


def side_by_side(operation, threads):
    return "+".join([operation] * threads)
