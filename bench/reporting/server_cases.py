"""The servers side by side: what is asked of each, and the measurement of pairs."""

import contextlib
import dataclasses
import json
import subprocess

from reporting import servers


@dataclasses.dataclass(frozen=True)
class Case:
    title: str
    idem: str   # operations of load_gen, taking turns
    redis: str
    connections: int = 50
    in_flight: int = 1
    durability: str = "off"
    rate: int = 0  # per second, open loop; 0: closed loop
    idem_fill: str = ""  # the operation that makes the resident keys
    redis_fill: str = ""

    @property
    def load(self):
        if self.rate:
            return f"{self.connections} at {self.rate // 1000} k/s"
        return f"{self.connections} x {self.in_flight}"


@dataclasses.dataclass(frozen=True)
class Effort:
    pairs: int
    seconds: float
    warmup: float
    resident_keys: int


RESIDENT_SEED = 1

CLAIM = {"title": "SET NX EX, fresh key", "idem": "set", "redis": "set"}
BEGIN = {"title": "BEGIN of a fresh key / in Lua", "idem": "begin", "redis": "lua-begin"}
PAIR = {"title": "BEGIN + COMPLETE / in Lua", "idem": "pair", "redis": "lua-pair"}
GET = {"title": "GET", "idem": "get", "redis": "get",
       "idem_fill": "set-pair", "redis_fill": "set-pair"}
REPLAY = {"title": "replay / in Lua", "idem": "replay", "redis": "lua-replay",
          "idem_fill": "pair", "redis_fill": "lua-pair"}
REPLAY_GET = {"title": "replay / GET", "idem": "replay", "redis": "get",
              "idem_fill": "pair", "redis_fill": "set-pair"}
MIXED = {"title": "half claims, half replays / SET NX, GET", "idem": "begin,replay",
         "redis": "set,get", "idem_fill": "pair", "redis_fill": "set-pair"}
DURABLE_PAIR = {"title": "BEGIN + COMPLETE / SET NX, SET", "idem": "pair", "redis": "set-pair"}


def quick_cases():
    for connections, in_flight in ((1, 1), (50, 1), (50, 16)):
        yield Case(**DURABLE_PAIR, connections=connections, in_flight=in_flight,
                   durability="always")
    for kind in (PAIR, REPLAY, CLAIM, GET):
        for in_flight in (1, 16):
            yield Case(**kind, in_flight=in_flight)
    yield Case(**BEGIN, in_flight=16)


def full_cases():
    for kind in (CLAIM, BEGIN, PAIR, GET, REPLAY, REPLAY_GET):
        for in_flight in (1, 16, 64):
            yield Case(**kind, in_flight=in_flight)
    yield Case(**MIXED, rate=20_000)
    for durability in ("always", "everysec"):
        for connections, in_flight in ((1, 1), (50, 1), (50, 16)):
            yield Case(**DURABLE_PAIR, connections=connections, in_flight=in_flight,
                       durability=durability)


class Bench:
    """Runs cases with the binaries and cores it is given."""

    def __init__(self, load_gen, idem_server, redis_server, cores, scratch, effort):
        self.load_gen = load_gen
        self.start = {"idem": lambda d: servers.start_idem(idem_server, d, cores[0], scratch),
                      "redis": lambda d: servers.start_redis(redis_server, d, cores[0], scratch)}
        self.client_core = cores[1]
        self.effort = effort
        self.seed = RESIDENT_SEED

    def measure(self, case):
        """{"case": .., "pairs": [{"idem": result, "redis": result}, ..]}"""
        pairs = []
        with contextlib.ExitStack() as stack:
            resident = self.start_resident(case, stack)
            for _ in range(self.effort.pairs):
                pairs.append({side: self.measure_side(case, side, resident)
                              for side in ("idem", "redis")})
        return {"case": dataclasses.asdict(case), "load": case.load, "pairs": pairs}

    def start_resident(self, case, stack):
        """Both servers, filled, if the case reads; they live for all its pairs."""
        if not case.idem_fill:
            return {}
        started = {side: stack.enter_context(self.start[side](case.durability))
                   for side in ("idem", "redis")}
        for side, server in started.items():
            self.run_load(server, operations=getattr(case, side + "_fill"), connections=50,
                          in_flight=16, count=self.effort.resident_keys, seed=RESIDENT_SEED)
        return started

    def measure_side(self, case, side, resident):
        if resident:
            return self.measure_on(resident[side], case, side)
        with self.start[side](case.durability) as server:  # fresh keys: an empty table each time
            return self.measure_on(server, case, side)

    def measure_on(self, server, case, side):
        self.seed += 1
        cpu_before = server.cpu_seconds()
        result = self.run_load(
            server, operations=getattr(case, side), connections=case.connections,
            in_flight=case.in_flight, rate=case.rate, seconds=self.effort.seconds,
            warmup=self.effort.warmup, seed=self.seed, resident_seed=RESIDENT_SEED,
            resident_keys=self.effort.resident_keys)
        cpu_us = (server.cpu_seconds() - cpu_before) * 1e6
        result["server_cpu_us"] = cpu_us / max(result["operations"], 1)
        result["server_busy"] = cpu_us / 1e6 / result["elapsed_seconds"]
        result["client_busy"] = result["client_cpu_seconds"] / result["elapsed_seconds"]
        return result

    def run_load(self, server, **flags):
        command = [self.load_gen, f"--port={server.port}",
                   *(f"--{name}={value}" for name, value in flags.items())]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300,
                              preexec_fn=servers.pinned_to(self.client_core))
        if done.returncode > 1:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return json.loads(done.stdout)
