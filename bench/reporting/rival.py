"""Idem and Redis with the same log settings, and what each calls the same thing."""

import contextlib
import json
import os
import subprocess
import sys

from reporting import servers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/server"))

from support.resp_connection import RespConnection

BENCHES = os.environ.get("IDEM_BENCHES", os.path.join(ROOT, "build/release/bench"))
IDEM_SERVER = os.environ.get("IDEM_SERVER", os.path.join(ROOT, "build/release/server/idem-server"))
REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")
LOAD_SECONDS = 600  # a bound
RESIDENT_SEED = 1


class Idem:
    name = "Idem"
    pair = "pair"
    compaction = "snapshot"

    @staticmethod
    def start(durability, core, scratch, *flags):
        return servers.start_idem(IDEM_SERVER, durability, core, scratch, *flags)

    @staticmethod
    def log_bytes(info):
        return int(info["log_bytes_written"])

    @staticmethod
    def start_compaction(connection):
        return connection.ask("BGSAVE")

    @staticmethod
    def compacting(info):
        return info["rdb_bgsave_in_progress"] == "1"

    @staticmethod
    def extra_memory(info):
        """Beside the growth of the process itself."""
        del info
        return 0


class Redis:
    name = "Redis"
    pair = "set-pair"
    compaction = "BGREWRITEAOF"

    @staticmethod
    def start(durability, core, scratch, *flags):
        return servers.start_redis(REDIS_SERVER, durability, core, scratch, *flags)

    @staticmethod
    def log_bytes(info):
        return int(info["aof_current_size"])

    @staticmethod
    def start_compaction(connection):
        return connection.ask("BGREWRITEAOF")

    @staticmethod
    def compacting(info):
        return info["aof_rewrite_in_progress"] == "1" or info["aof_rewrite_scheduled"] == "1"

    @staticmethod
    def extra_memory(info):
        """What both processes have copied since the fork."""
        return int(info["aof_last_cow_size"])


RIVALS = (Idem, Redis)


def run_load(server, core, **flags):
    """What load_gen tells."""
    with start_load(server, core, **flags) as load:
        return load.result()


@contextlib.contextmanager
def start_load(server, core, **flags):
    command = [os.path.join(BENCHES, "load_gen"), f"--port={server.port}",
               *(f"--{name}={value}" for name, value in flags.items())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=servers.pinned_to(core)) as process:
        try:
            yield Load(process)
        finally:
            process.kill()


class Load:
    """A load that runs."""

    def __init__(self, process):
        self._process = process

    def wait(self, seconds):
        """True if it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def result(self):
        output, errors = self._process.communicate(timeout=LOAD_SECONDS)
        if self._process.returncode > 1:
            raise RuntimeError(f"{self._process.args}: {errors}")
        return json.loads(output)


def fill(server, rival, core, keys, operations=None):
    run_load(server, core, operations=operations or rival.pair, connections=50, in_flight=16,
             count=keys, seed=RESIDENT_SEED)


def connect(server):
    return RespConnection(server.port)
