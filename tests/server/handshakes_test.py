"""What clients that are not in Debian or npm send when they connect, replayed word by word.

The transcripts follow the clients' sources and what was recorded on the wire; each step says what
the client needs to see to go on. Optional steps, whose failure a client forgives, are there as well:
what it must not do is to break the connection or the order of replies.
"""
import unittest

from support.idem_server import IdemServer, fresh_directory
from support.resp_connection import ErrorReply, RespConnection

ID = "0123456789abcdef"


# --- What a step may expect ------------------------------------------------------------------------

def text(*parts):
    """A bulk or verbatim string that holds all of these."""
    return lambda reply: isinstance(reply, bytes) and all(part.encode() in reply for part in parts)


def error(start):
    return lambda reply: isinstance(reply, ErrorReply) and reply.startswith(start)


def hello(version, name=None):
    """The fields that client libraries read."""
    def matches(reply):
        if not isinstance(reply, list) or len(reply) != 14:
            return False
        told = dict(zip(reply[::2], reply[1::2]))
        return (told[b"proto"] == version and told[b"server"] == b"redis" and
                told[b"mode"] == b"standalone" and told[b"role"] == b"master" and
                told[b"modules"] == [] and told[b"id"] > 0 and
                told[b"version"].split(b".")[0].isdigit())
    return matches


def number(reply):
    return isinstance(reply, int) and not isinstance(reply, bool)


def pairs(**expected):
    return lambda reply: isinstance(reply, list) and all(
        [name.encode().replace(b"_", b"-"), value.encode()] in
        [reply[i:i + 2] for i in range(0, len(reply), 2)] for name, value in expected.items())


def of_length(count):
    return lambda reply: isinstance(reply, list) and len(reply) >= count


OK = "OK"
UNKNOWN = error("ERR unknown")
SETINFO = [("CLIENT SETINFO LIB-NAME lib", OK), ("CLIENT SETINFO LIB-VER 1.2.3", OK)]
NO_MAINT = ("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip", error("ERR unknown"))

# Each is one connection: [(what is sent, what is needed)], and lists are sent at once.
HANDSHAKES = {
    "redis-py 8": [("HELLO 3", hello(3)), NO_MAINT, *SETINFO, ("SELECT 0", OK)],
    "redis-py 8, with a name and a password": [
        ("HELLO 3 AUTH default secret", hello(3)), NO_MAINT, ("CLIENT SETNAME worker-1", OK), *SETINFO,
        ("CLIENT GETNAME", b"worker-1")],
    "go-redis 9": [
        ("HELLO 3", hello(3)), [("SELECT 0", OK), ("CLIENT SETNAME worker-1", OK)],
        ("CLIENT MAINT_NOTIFICATIONS ON", UNKNOWN), SETINFO, ("PING", "PONG")],
    "go-redis 9, with a name and a password": [
        ("HELLO 3 AUTH default secret SETNAME worker-1", hello(3)), ("READONLY", UNKNOWN),
        ("CLIENT GETNAME", b"worker-1")],
    "go-redis 9, RESP2": [("HELLO 2", hello(2)), SETINFO, ("GET nothing", None)],
    "Jedis 8": [("HELLO 3", hello(3)), ("CLIENT SETNAME worker-1", OK), *SETINFO, ("SELECT 0", OK)],
    "Jedis 8, RESP2": [("AUTH default secret", OK), ("HELLO 2", hello(2)), *SETINFO],
    "Lettuce 7": [
        [("HELLO 3", hello(3)), ("SELECT 0", OK)], [*SETINFO, ("CLIENT MAINT_NOTIFICATIONS ON", UNKNOWN)]],
    "Lettuce 7, with a name and a password": [
        ("HELLO 3 AUTH default secret SETNAME worker-1", hello(3)), ("CLIENT GETNAME", b"worker-1")],
    "Lettuce 7, RESP2": [("PING", "PONG"), *SETINFO],
    "Lettuce 7, a version that is none": [("HELLO 9", "NOPROTO unsupported protocol version")],
    "StackExchange.Redis": [
        [("HELLO 2", hello(2)), ("CLIENT SETNAME worker-1", OK), *SETINFO, ("CLIENT ID", number)],
        [("CONFIG GET timeout", [b"timeout", b"0"]),
         ("CONFIG GET replica-read-only", [b"replica-read-only", b"yes"]),
         ("CONFIG GET databases", [b"databases", b"1"]),
         ("SENTINEL MASTERS", UNKNOWN),
         ("INFO replication", text("role:master", "connected_slaves:0")),
         ("INFO server", text("redis_version:", "redis_mode:standalone", "run_id:")),
         ("CLUSTER NODES", UNKNOWN),
         ("GET __Booksleeve_TieBreak", None),
         (f"ECHO {ID}", ID.encode())]],
    "StackExchange.Redis, RESP3": [
        [("HELLO 3 AUTH default secret", hello(3)), ("CLIENT SETNAME worker-1", OK), *SETINFO],
        [("INFO replication", text("role:master")), (f"ECHO {ID}", ID.encode())]],
    "StackExchange.Redis, the probe without INFO": [
        ("SET probe x PX 1 NX", OK), (f"ECHO {ID}", ID.encode())],
    "StackExchange.Redis, a lock": [
        ("SET lock mine PX 60000 NX", OK), ("SET lock other PX 60000 NX", None),
        ("DELEX lock IFEQ other", 0), ("DELEX lock IFEQ mine", 1)],
    "StackExchange.Redis, a lock before 8.4": [
        ("SET lock2 mine PX 60000 NX", OK),
        ("WATCH lock2", OK), ("GET lock2", b"mine"),
        [("MULTI", OK), ("DEL lock2", "QUEUED"), ("EXEC", [1])]],
    "valkey-glide 2, RESP3": [
        [("HELLO 3", hello(3)), *SETINFO], ("INFO REPLICATION", text("role:master")),
        ("SELECT 0", OK)],
    "valkey-glide 2, with a name and a password": [
        [("HELLO 3 AUTH default secret", hello(3)), ("CLIENT SETNAME worker-1", OK), *SETINFO],
        ("CLIENT GETNAME", b"worker-1")],
    "redis-rs": [SETINFO, ("PING", "PONG")],
    "redis-rs, RESP3": [("HELLO 3", hello(3)), [*SETINFO, ("SELECT 0", OK)]],
    "fred 10": [
        ("PING", "PONG"), ("CLIENT SETNAME fred-1", OK), ("CLIENT ID", number),
        ("INFO server", text("redis_version:"))],
    "predis 3": [("HELLO 2 SETNAME predis", hello(2)), *SETINFO, ("CLIENT GETNAME", b"predis")],
    "predis 1": [("AUTH default secret", OK), ("SELECT 0", OK)],
    "redis-rb 4": [("AUTH default secret", OK), ("SELECT 0", OK), ("CLIENT SETNAME rb", OK)],
    "redis-client of Ruby": [[("HELLO 3", hello(3)), ("SELECT 0", OK), *SETINFO]],
    "redis-plus-plus": [("HELLO 3", hello(3)), ("CLIENT SETNAME cpp", OK), ("READONLY", UNKNOWN)],
    "memtier_benchmark": [("SELECT 0", OK), ("HELLO 3", hello(3)), ("SET memtier-1 x", OK)],
    "redis_exporter": [
        ("CLIENT SETNAME redis_exporter", OK),
        ("CONFIG GET *", pairs(maxmemory_policy="noeviction", databases="1")),
        ("INFO ALL", text("redis_version:", "used_memory:", "connected_clients:", "role:master",
                          "total_commands_processed:", "keyspace_hits:")),
        ("LATENCY LATEST", []), ("SLOWLOG LEN", 0), ("SLOWLOG GET 1", [])],
    "RedisInsight and its like": [
        ("INFO", text("redis_version:", "redis_mode:standalone")), ("COMMAND", of_length(50)),
        ("COMMAND LIST", of_length(50)), ("MODULE LIST", []),
        ("CONFIG GET databases", [b"databases", b"1"]), ("DBSIZE", number), ("SCAN 0 COUNT 10", of_length(2)),
        ("TYPE nothing", "none"), ("TTL nothing", -2), ("MEMORY USAGE nothing", None)],
    "celery, a singleton": [("SETNX once job-1", 1), ("SETNX once job-2", 0), ("GET once", b"job-1")],
    "Laravel, unique jobs": [
        ["EVAL", "return redis.call('exists',KEYS[1])<1 and redis.call('setex',KEYS[1],ARGV[2],ARGV[1])",
         "1", "laravel:unique", "job", "60", OK],
        ["EVAL", "return redis.call('exists',KEYS[1])<1 and redis.call('setex',KEYS[1],ARGV[2],ARGV[1])",
         "1", "laravel:unique", "job", "60", None]],
}


def steps_of(group):
    """[(words, expected)] of one write."""
    if isinstance(group, tuple):
        group = [group]
    if group and isinstance(group[0], str):  # words apart already, the expectation last
        return [(group[:-1], group[-1])]
    return [(sent.split(" "), expected) for sent, expected in group]


class HandshakesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(IdemServer(cls.enterClassContext(fresh_directory())))

    def test_every_client_gets_what_it_needs(self):
        for client, groups in HANDSHAKES.items():
            with self.subTest(client), RespConnection(self.server.port) as connection:
                for group in groups:
                    steps = steps_of(group)
                    replies = connection.ask_all([words for words, _ in steps])
                    for (words, expected), reply in zip(steps, replies):
                        fits = expected(reply) if callable(expected) else reply == expected
                        self.assertTrue(fits, f"{client}: {words} answered {reply!r}")
                self.assertEqual(connection.ask("ECHO", client), client.encode(), "in order to the end")

    def test_a_subscription_is_refused_and_the_connection_goes_on(self):
        with RespConnection(self.server.port) as connection:
            replies = connection.ask_all([["CLIENT", "SETNAME", "sub"],
                                          ["SUBSCRIBE", "__Booksleeve_MasterChanged"], ["PING"]])
            self.assertEqual((replies[0], replies[2]), ("OK", "PONG"))
            self.assertRegex(replies[1], "^ERR unknown command 'SUBSCRIBE'")


if __name__ == "__main__":
    unittest.main()
