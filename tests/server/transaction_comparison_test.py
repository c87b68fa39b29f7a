"""MULTI, EXEC and WATCH beside Debian's redis-server: the same replies, and the same keys left."""
import os
import random
import threading
import time
import unittest

from support.random_commands import random_command
from support.resp_connection import ErrorReply, RespConnection
from support.two_servers import Pair, ServersTest, same

try:
    import redis
except ImportError:
    redis = None

TRANSACTIONS = 2_000 // int(os.environ.get("IDEM_TEST_SIZE_DIVISOR", 1))
KEYS = "abcde"


class TransactionComparisonTest(ServersTest):
    def check(self, *lines):
        """Commands on the first connection; those that begin with "2:" on a second one."""
        for pair, version in zip(self.pairs, (2, 3)):
            other = Pair(*self.ports, version)
            pair.ask("RESET")
            pair.ask("HELLO", version)
            pair.ask("FLUSHALL")
            for line in lines:
                asked = other if line.startswith("2:") else pair
                ours, theirs = asked.ask(*line.removeprefix("2:").split(" "))
                self.assertEqual(ours, theirs, f"{line} of {lines}")
                self.assertEqual(isinstance(ours, ErrorReply), isinstance(theirs, ErrorReply))
            other.close()

    def test_what_is_queued_is_executed(self):
        self.check("MULTI", "SET k 1", "INCR k", "GET k", "EXEC", "GET k")
        self.check("MULTI", "EXEC", "PING")
        self.check("MULTI", "SET k v", "2:GET k", "EXEC", "2:GET k")
        self.check("MULTI", "PING", "ECHO hi", "GET none", "MGET a b", "EXISTS k", "EXEC")
        self.check("MULTI", "SET k v EX 1000", "TTL k", "PERSIST k", "TTL k", "DEL k", "TTL k", "EXEC")
        self.check("SET k v", "MULTI", "EXPIREAT k 4000000009", "EXPIREAT k 4000000009 LT",
                   "EXPIREAT k 4000000008 LT", "EXPIRETIME k", "SET n v EXAT 4000000009",
                   "EXPIREAT n 4000000009 GT", "PEXPIRETIME n", "EXEC", "EXPIRETIME k",
                   "EXPIREAT k 4000000008 LT", "PEXPIRETIME n")
        self.check("SET k v", "MULTI", "EXPIRE k -1 XX", "EXPIRE k -1 GT", "EXPIRE k -1 NX",
                   "EXISTS k", "SET k v EX 9", "EXPIREAT k 1 XX", "GET k", "SET k v EXAT 1", "GET k",
                   "EXEC", "EXISTS k")
        self.check("MULTI", "MSET a 1 b 2", "MSETNX b 3 c 4", "GET c", "MSETNX d 5 e 6", "MGET a b c d e",
                   "DEL a a none", "EXISTS a b", "EXEC", "MGET a b c d e")
        self.check("SET k old", "MULTI", "GETSET k new", "GETDEL k", "GETDEL k", "SETNX k x",
                   "SET k y NX GET", "STRLEN k", "GETEX k PERSIST", "EXEC", "GET k")

    def test_a_command_that_fails_does_not_hinder_the_others(self):
        self.check("SET k abc", "MULTI", "INCR k", "SET n 1", "SET n 2 NX", "SET k v EX 0", "INCR n",
                   "EXEC", "MGET k n")

    def test_values_of_any_size(self):
        large, small = "L" * 100_000, "s" * 300
        self.check(f"SET a {large}", "MULTI", "GET a", f"SET b {large}", "GET b", f"SET c {small}",
                   "GET c", "MGET a b c", "STRLEN b", "EXEC", "MGET a b c")

    def test_errors_while_queueing(self):
        self.check("EXEC", "DISCARD", "MULTI", "MULTI", "SET k v", "EXEC", "GET k")
        self.check("MULTI", "SET k", "SET k v", "EXEC", "GET k", "EXEC")
        self.check("MULTI", "WAT", "EXEC", "PING")
        self.check("MULTI", "CLIENT WAT", "EXEC")
        self.check("MULTI", "WATCH k", "SET k v", "EXEC")
        self.check("MULTI a", "EXEC")
        self.check("MULTI", "DISCARD a", "DISCARD")
        self.check("MULTI", "SHUTDOWN", "EXEC")

    def test_discard_and_reset(self):
        self.check("MULTI", "SET k v", "DISCARD", "GET k", "EXEC")
        self.check("WATCH k", "MULTI", "DISCARD", "2:SET k v", "MULTI", "GET k", "EXEC")

    def test_watch(self):
        self.check("WATCH", "UNWATCH", "UNWATCH a")
        self.check("WATCH k", "MULTI", "SET k mine", "EXEC", "GET k")
        self.check("WATCH k", "2:SET k other", "MULTI", "SET k mine", "EXEC", "GET k", "MULTI",
                   "SET k mine", "EXEC")
        self.check("SET k 1", "WATCH k", "2:SET k 2", "MULTI", "GET k", "EXEC")
        self.check("SET k 1", "WATCH k k", "WATCH k", "2:DEL k", "MULTI", "SET x 1", "EXEC", "GET x")
        self.check("SET k 1", "WATCH k", "2:GET k", "MULTI", "SET x 1", "EXEC", "GET x")
        self.check("SET k 1", "WATCH k", "2:SET k 2", "UNWATCH", "MULTI", "SET x 1", "EXEC", "GET x")
        self.check("WATCH k", "SET k 2", "MULTI", "SET x 1", "EXEC", "GET x")
        self.check("SET k 1 EX 1000", "WATCH k", "2:INCR k", "MULTI", "GET k", "EXEC")
        self.check("SET k 1", "WATCH k", "2:EXPIRE k 1000", "MULTI", "GET k", "EXEC")
        self.check("SET k 1 EX 1000", "WATCH k", "2:EXPIRE k 500", "MULTI", "SET k 2", "EXEC", "GET k")
        self.check("SET k 1 EX 1000", "WATCH k", "2:PERSIST k", "MULTI", "SET k 2", "EXEC", "GET k")
        self.check("SET k 1 EX 1000", "WATCH k", "2:TTL none", "MULTI", "SET k 2 KEEPTTL", "EXEC", "GET k")
        self.check("SET k 1", "WATCH k", "MULTI", "UNWATCH", "SET x 1", "EXEC", "2:SET k 2", "GET x")
        self.check("SET k 1", "WATCH k", "MULTI", "2:SET k 2", "SET k", "EXEC")

    def test_scripts_inside(self):
        release = ("EVAL", "if redis.call('get', KEYS[1]) == ARGV[1] then "
                   "return redis.call('del', KEYS[1]) else return 0 end", 1, "k", "mine")
        for pair in self.pairs:
            pair.ask("FLUSHALL")
            for command in (("MULTI",), ("SET", "k", "mine"), release, release, ("SET", "k", "other"),
                            release, ("EXEC",), ("GET", "k")):
                ours, theirs = pair.ask(*command)
                self.assertEqual(ours, theirs, command)

    def test_random_transactions(self):
        seed = int(os.environ.get("IDEM_SEED", time.time_ns()))
        chosen = random.Random(seed)
        for pair in self.pairs:
            pair.ask("FLUSHALL")
            for _ in range(TRANSACTIONS // len(self.pairs)):
                commands = [random_command(chosen) for _ in range(chosen.randrange(12))]
                for command in (["MULTI"], *commands):
                    pair.ask(*command)
                ours, theirs = pair.ask("EXEC")
                told = f"IDEM_SEED={seed}: {commands}: {ours!r}, but Redis says {theirs!r}"
                self.assertEqual(isinstance(ours, ErrorReply), isinstance(theirs, ErrorReply), told)
                self.assertEqual(len(ours), len(theirs), told)
                for command, our, their in zip(commands, ours, theirs):
                    if isinstance(theirs, ErrorReply):
                        break
                    self.assertTrue(same(command, our, their), f"{command} of {told}")
                for key in KEYS:
                    for command in (["GET", key], ["TTL", key]):
                        our, their = pair.ask(*command)
                        self.assertTrue(same(command, our, their), f"afterwards {command} of {told}")


class WhatRedisDoesNotHaveTest(ServersTest):
    def setUp(self):
        self.idem = RespConnection(self.ports[0])
        self.addCleanup(self.idem.close)
        self.idem.ask("FLUSHALL")

    def execute(self, *commands):
        self.assertEqual(self.idem.ask("MULTI"), "OK")
        queued = self.idem.ask_all(commands)
        return queued, self.idem.ask("EXEC")

    def test_records_are_not_changed_in_a_transaction(self):
        self.idem.ask("IDEM.BEGIN", "record")
        queued, reply = self.execute(["SET", "k", "v"], ["IDEM.BEGIN", "other"])
        self.assertEqual(queued, ["QUEUED", "ERR Command not allowed inside a transaction"])
        self.assertEqual(reply.code, "EXECABORT")
        self.assertEqual(self.idem.ask("EXISTS", "k", "other"), 0)
        _, reply = self.execute(["SET", "k", "v"], ["TYPE", "record"], ["EXISTS", "record"],
                                ["DEL", "record"], ["DEL", "k", "record"], ["SET", "record", "v"],
                                ["MGET", "record", "k"])
        self.assertEqual(reply[:3], ["OK", "record", 1])
        self.assertEqual([error.code for error in reply[3:6]], ["WRONGTYPE"] * 3)
        self.assertEqual(reply[6], [None, b"v"])
        self.assertEqual(self.idem.ask("WATCH", "record").code, "WRONGTYPE")

    def test_a_watched_key_that_becomes_a_record(self):
        self.assertEqual(self.idem.ask("WATCH", "turned"), "OK")
        with RespConnection(self.ports[0]) as other:
            other.ask("IDEM.BEGIN", "turned")
        _, reply = self.execute(["SET", "k", "v"])
        self.assertIsNone(reply)

    def test_what_a_watch_does_not_notice(self):
        with RespConnection(self.ports[0]) as other:
            self.idem.ask("WATCH", "absent")
            other.ask_all([["SET", "absent", "1"], ["DEL", "absent"]])
            self.assertEqual(self.execute(["SET", "absent", "2"])[1], ["OK"])

    def test_limits(self):
        keys = [f"key{i}" for i in range(65)]
        queued, reply = self.execute(*(["SET", key, "v"] for key in keys))
        self.assertEqual(set(queued), {"QUEUED"})
        self.assertEqual(reply, "ERR a transaction takes at most 64 keys; split it")
        self.assertEqual(self.idem.ask("DBSIZE"), 1)  # a record of the test before
        self.assertEqual(self.execute(*(["SET", key, "v"] for key in keys[:64]))[1], ["OK"] * 64)
        self.assertEqual(self.idem.ask("WATCH", *keys), "ERR WATCH takes at most 64 keys")
        self.assertEqual(len(self.execute(*[["INCR", "n"]] * 10_000)[1]), 10_000)
        queued, reply = self.execute(*[["INCR", "n"]] * 10_001)
        self.assertEqual(queued[-1], "ERR a transaction takes at most 10000 commands and 64 MiB; split it")
        self.assertEqual(reply.code, "EXECABORT")
        self.assertEqual(self.idem.ask("GET", "n"), b"10000")
        self.idem.ask("SET", "big", b"b" * (1 << 20))
        _, reply = self.execute(["SET", "k", "v"], *[["GET", "big"]] * 65)
        self.assertEqual(reply, "ERR the answers of this transaction are larger than 64 MiB; split it")
        self.assertEqual(self.idem.ask("EXISTS", "k"), 0)

    def test_refused_commands(self):
        for command in (["FLUSHALL"], ["HELLO", "3"], ["SHUTDOWN"], ["IDEM.GET", "k"]):
            queued, reply = self.execute(command)
            self.assertEqual(queued, ["ERR Command not allowed inside a transaction"], command)
            self.assertEqual(reply.code, "EXECABORT")


@unittest.skipIf(redis is None, "python3-redis is not installed")
class RedisPyTest(ServersTest):
    def test_a_pipeline_is_a_transaction(self):
        with redis.Redis(port=self.ports[0]) as client:
            replies = client.pipeline().set("p", 1).incr("p").expire("p", 100).get("p").execute()
            self.assertEqual(replies, [True, 2, True, b"2"])

    def test_watch_races(self):
        threads, rounds = 4, 100

        def add_one():
            with redis.Redis(port=self.ports[0]) as client:
                for _ in range(rounds):
                    client.transaction(self._increment, "raced")

        workers = [threading.Thread(target=add_one) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        with redis.Redis(port=self.ports[0]) as client:
            self.assertEqual(int(client.get("raced")), threads * rounds)

    @staticmethod
    def _increment(pipe):
        value = int(pipe.get("raced") or 0)
        pipe.multi()
        pipe.set("raced", value + 1)

    def test_a_lock(self):
        with redis.Redis(port=self.ports[0]) as client:
            lock = client.lock("lock", timeout=100, blocking=False)
            other = client.lock("lock", timeout=100, blocking=False)
            self.assertTrue(lock.acquire())
            self.assertFalse(other.acquire())
            self.assertTrue(lock.extend(1000))
            self.assertGreater(client.ttl("lock"), 1000)
            self.assertTrue(lock.reacquire())
            self.assertLessEqual(client.ttl("lock"), 100)
            other.local.token = b"not mine"
            self.assertRaises(redis.exceptions.LockNotOwnedError, other.reacquire)
            self.assertRaises(redis.exceptions.LockNotOwnedError, other.release)
            lock.release()
            self.assertRaises(redis.exceptions.LockError, lock.release)
            self.assertTrue(other.acquire())


if __name__ == "__main__":
    unittest.main()
