"""The servers side by side: what is asked of each, and the measurement of rounds: each server once."""

import contextlib
import dataclasses
import json
import os
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
    ceiling_reply: str = ""  # as long as Idem's; none: the ceiling is not measured

    @property
    def sides(self):
        return ("idem", "redis", "ceiling") if self.ceiling_reply else ("idem", "redis")

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

# What Idem answers, but for the digits and the key in a response.
RESPONSE = "$100\r\n" + 100 * "r" + "\r\n"
CLAIMED = "*5\r\n$7\r\nCLAIMED\r\n:4294967297\r\n:1\r\n:30000\r\n*0\r\n"
REPLAYED = f"*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:0\r\n{RESPONSE}:1000\r\n:86399000\r\n"

CLAIM = {"title": "SET NX EX, fresh key", "idem": "set", "redis": "set",
         "ceiling_reply": "+OK\r\n"}
BEGIN = {"title": "BEGIN of a fresh key / in Lua", "idem": "begin", "redis": "lua-begin"}
BEGIN_SET = {"title": "BEGIN of a fresh key / SET NX EX", "idem": "begin", "redis": "set",
             "ceiling_reply": CLAIMED}
PAIR = {"title": "BEGIN + COMPLETE / in Lua", "idem": "pair", "redis": "lua-pair"}
GET = {"title": "GET", "idem": "get", "redis": "get",
       "idem_fill": "set-pair", "redis_fill": "set-pair", "ceiling_reply": RESPONSE}
REPLAY = {"title": "replay / in Lua", "idem": "replay", "redis": "lua-replay",
          "idem_fill": "pair", "redis_fill": "lua-pair"}
REPLAY_GET = {"title": "replay / GET", "idem": "replay", "redis": "get",
              "idem_fill": "pair", "redis_fill": "set-pair", "ceiling_reply": REPLAYED}
MIXED = {"title": "half claims, half replays / SET NX, GET", "idem": "begin,replay",
         "redis": "set,get", "idem_fill": "pair", "redis_fill": "set-pair",
         "ceiling_reply": REPLAYED}
SEEN = {"title": "seen: a fresh id / SET NX EX", "idem": "seen", "redis": "set",
        "ceiling_reply": ":1\r\n"}
SEEN_AGAIN = {"title": "seen: a known id / SET NX EX", "idem": "seen-again", "redis": "set-again",
              "idem_fill": "seen", "redis_fill": "set", "ceiling_reply": ":0\r\n"}
MSEEN = {"title": "seen: 16 fresh ids a call / in Lua", "idem": "mseen", "redis": "lua-mseen",
         "ceiling_reply": "*16\r\n" + 16 * ":1\r\n"}
SEQ = {"title": "seq: the next number / high watermark in Lua", "idem": "seq", "redis": "lua-seq",
       "ceiling_reply": "*1\r\n$3\r\nNEW\r\n"}
DURABLE_PAIR = {"title": "BEGIN + COMPLETE / SET NX, SET", "idem": "pair", "redis": "set-pair"}


def quick_cases():
    for connections, in_flight in ((1, 1), (50, 1), (50, 16)):
        yield Case(**DURABLE_PAIR, connections=connections, in_flight=in_flight,
                   durability="always")
    for kind in (PAIR, REPLAY_GET, CLAIM, GET):
        for in_flight in (1, 16):
            yield Case(**kind, in_flight=in_flight)
    for kind in (BEGIN_SET, SEEN, SEQ):
        yield Case(**kind, in_flight=16)


def full_cases():
    for kind in (CLAIM, BEGIN_SET, BEGIN, PAIR, GET, REPLAY_GET, REPLAY, SEEN, SEEN_AGAIN, MSEEN, SEQ):
        for in_flight in (1, 16, 64):
            yield Case(**kind, in_flight=in_flight)
    yield Case(**MIXED, rate=20_000)
    for durability in ("always", "everysec"):
        for connections, in_flight in ((1, 1), (50, 1), (50, 16)):
            yield Case(**DURABLE_PAIR, connections=connections, in_flight=in_flight,
                       durability=durability)


class Bench:
    """Runs cases with the binaries and cores it is given."""

    def __init__(self, benches, idem_server, redis_server, cores, scratch, effort):
        self.load_gen = os.path.join(benches, "load_gen")
        ceiling = os.path.join(benches, "ceiling_server")
        core = cores[0]
        self.start = {
            "idem": lambda c: servers.start_idem(idem_server, c.durability, core, scratch),
            "redis": lambda c: servers.start_redis(redis_server, c.durability, core, scratch),
            "ceiling": lambda c: servers.start_ceiling(ceiling, c.ceiling_reply, core, scratch)}
        self.client_core = cores[1]
        self.effort = effort
        self.seed = RESIDENT_SEED

    def measure(self, case):
        """{"case": .., "pairs": [{"idem": result, "redis": result, maybe "ceiling": ..}, ..]}"""
        pairs = []
        with contextlib.ExitStack() as stack:
            resident = self.start_resident(case, stack)
            for _ in range(self.effort.pairs):
                pairs.append({side: self.measure_side(case, side, resident)
                              for side in case.sides})
        return {"case": dataclasses.asdict(case), "load": case.load, "pairs": pairs}

    def start_resident(self, case, stack):
        """The servers, filled, if the case reads; they live for all its pairs."""
        if not case.idem_fill:
            return {}
        started = {side: stack.enter_context(self.start[side](case)) for side in case.sides}
        for side in ("idem", "redis"):
            self.run_load(started[side], operations=getattr(case, side + "_fill"), connections=50,
                          in_flight=16, count=self.effort.resident_keys, seed=RESIDENT_SEED)
        return started

    def measure_side(self, case, side, resident):
        if resident:
            return self.measure_on(resident[side], case, side)
        with self.start[side](case) as server:  # fresh keys: an empty table each time
            return self.measure_on(server, case, side)

    def measure_on(self, server, case, side):
        self.seed += 1
        cpu_before = server.cpu_seconds()
        result = self.run_load(
            server, operations=case.redis if side == "redis" else case.idem,
            any_answer=str(side == "ceiling").lower(), connections=case.connections,
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
