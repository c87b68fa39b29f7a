"""Bytes of an entry of each kind: of tables in this process by the growth of its resident set, of servers also
by their own account. Keys are UUID texts, which Idem's budget counts as 16 bytes.
"""

import contextlib
import os
import socket
import time

from reporting import rival, servers, table_runs
from reporting.figures import table

MEMCACHED = os.environ.get("MEMCACHED", "memcached")
KEY_BYTES = 16  # as a packed UUID
SETTLE_SECONDS = 0.3  # for what a server counts only now and then
DAY_MS = 86_400_000


def table_setups(keys):
    """(title, response bytes, Setup)"""
    for code, and_code in ((0, ""), (200, ", with a code")):
        for size in (100, 16):
            yield f"Idem, finished{and_code}", size, ("idem", size, code)
    yield from ((table_runs.TITLES[name], size, (name, size, 0))
                for name, size in (("std", 100), ("std", 16), ("absl", 100), ("tbb", 100)))


def of_table(name, size, code, keys, scratch):
    flags = (("keys", keys), ("phases", ""), ("response_bytes", size), ("code", code))
    result = table_runs.run(table_runs.Setup(name, name, flags), scratch)
    return result["growth"]["rss_bytes_per_key"]


class Memcached(servers.Server):
    """Speaks no RESP, and gets its entries by its own protocol."""

    def __init__(self, core, scratch):
        super().__init__([MEMCACHED, "-u", "root", "-l", "127.0.0.1", "-p", "{port}", "-m", "8192",
                          "-t", "1"], core, scratch)

    def answers_ping(self):
        try:
            return self.ask(b"version\r\n").startswith(b"VERSION")
        except OSError:
            return False

    def ask(self, request):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            reply = b""
            while not reply.endswith((b"END\r\n", b"\r\n")) or reply.startswith(
                    b"STAT") and not reply.endswith(b"END\r\n"):
                reply += connection.recv(65536)
            return reply

    def stat(self, name):
        lines = self.ask(b"stats\r\n").decode().splitlines()
        return int(dict(line.split(" ")[1:3] for line in lines if line.startswith("STAT"))[name])

    def fill(self, keys, size):
        value = b"r" * size
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            for first in range(0, keys, 1000):
                connection.sendall(b"".join(
                    b"set %s 0 86400 %d noreply\r\n%s\r\n" % (key, size, value)
                    for key in map(uuid_text, range(first, min(first + 1000, keys)))))
            connection.sendall(b"version\r\n")
            connection.recv(64)


def uuid_text(number):
    digits = b"%032x" % (number * 0x9e3779b97f4a7c15f39cc0605cedc835 % (1 << 128))
    return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def of_memcached(size, keys, core, scratch):
    with Memcached(core, scratch) as server:
        before = server.rss_bytes()
        server.fill(keys, size)
        held = server.stat("curr_items")
        if held != keys:
            raise RuntimeError(f"memcached holds {held} of {keys} entries")
        return {"rss": (server.rss_bytes() - before) / keys, "own": server.stat("bytes") / keys}


# (the title of Redis' peer, its operation of load_gen; Idem's; response bytes)
SERVER_SETUPS = (
    ("redis-server", "set-until", "idem-server, register", "set-until", 100),
    ("redis-server", "set-until", "idem-server, register", "set-until", 16),
    ("redis-server, hash of the Lua scripts", "lua-pair", "idem-server, record", "pair", 100),
    ("redis-server, SET NX EX", "set", "idem-server, seen id", "seen", 0),
    ("redis-server, high watermark", "lua-producer", "idem-server, sequence", "producer", 0))


def of_server(side, operations, size, keys, cores, scratch):
    """Entries that one operation each has made."""
    with side.start("off", cores[0], scratch) as server, rival.connect(server) as connection:
        rss, own = server.rss_bytes(), int(connection.info()["used_memory"])
        rival.run_load(server, cores[1], operations=operations, connections=50, in_flight=16,
                       count=keys, response_bytes=size,
                       expire_at_unix_ms=int(time.time() * 1000) + DAY_MS)
        time.sleep(SETTLE_SECONDS)
        return {"rss": (server.rss_bytes() - rss) / keys,
                "own": (int(connection.info()["used_memory"]) - own) / keys}


def measure(keys, available, cores, scratch):
    """[{"title": .., "response_bytes": .., "rss": bytes of an entry, "own": by its own account}]"""
    results = []
    for title, size, (name, _, code) in table_setups(keys):
        if name in available:
            results.append({"title": title, "response_bytes": size, "own": None,
                            "rss": of_table(name, size, code, keys, scratch)})
    for redis, redis_makes, idem, idem_makes, size in SERVER_SETUPS:
        peer = of_server(rival.Redis, redis_makes, size, keys, cores, scratch)
        own = of_server(rival.Idem, idem_makes, size, keys, cores, scratch)
        for title, entry in ((redis, peer), (idem, own)):
            results.append({"title": title, "response_bytes": size, "peer_rss": peer["rss"],
                            **entry})
    for size in (100, 16):
        with contextlib.suppress(FileNotFoundError):
            results.append({"title": "memcached", "response_bytes": size,
                            **of_memcached(size, keys, cores[0], scratch)})
    return results


def redis_bytes(results, size):
    return next(result["rss"] for result in results
                if result["title"] == "redis-server" and result["response_bytes"] == size)


def row(results, result):
    size = result["response_bytes"]
    peer_rss = result.get("peer_rss") or redis_bytes(results, size)
    return [result["title"], size, f"{result['rss']:.0f}",
            f"{result['own']:.0f}" if result["own"] else "",
            f"{result['rss'] - KEY_BYTES - size:.0f}",
            f"{result['rss'] / peer_rss:.2f}"]


def rows(results):
    return table(["", "response bytes", "resident bytes of an entry", "by its own account",
                  f"beside {KEY_BYTES} of the key and the response", "of redis-server's"],
                 [row(results, result) for result in results])
