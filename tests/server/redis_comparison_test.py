"""Plain commands beside Debian's redis-server: the same replies and errors, to the letter.

Every case is asked of both servers, in RESP2 and in RESP3. Times may differ by a second, because two
servers have two clocks. IDEM_SEED replays the random part.
"""
import os
import random
import time
import unittest

from support.random_commands import FAR_S, MAX, random_command
from support.two_servers import ServersTest, same

RANDOM_COMMANDS = 20_000 // int(os.environ.get("IDEM_TEST_SIZE_DIVISOR", 1))


class ComparisonTest(ServersTest):
    def check(self, *lines):
        """Each line is a command, its words apart by blanks; '' is the empty word."""
        for pair in self.pairs:
            pair.ask("FLUSHALL")
            for line in lines:
                command = [b"" if word == "''" else word for word in line.split(" ")]
                ours, theirs = pair.ask(*command)
                self.assertTrue(same(command, ours, theirs),
                                f"{line}: {ours!r}, but Redis says {theirs!r}")

    # --- Strings ----------------------------------------------------------------------------------

    def test_counters(self):
        self.check("INCR n", "INCRBY n 41", "DECR n", "DECRBY n 50", "GET n", "TTL n",
                   "EXPIRE n 1000", "INCR n", "TTL n", "SET n ''", "INCR n", "SET n abc", "DECR n",
                   "SET n 1.5", "INCR n", "SET n 01", "INCR n", "SET n +1", "INCR n",
                   f"SET n {MAX}", "INCR n", "INCRBY n 0", "DECR n", f"SET n {-MAX - 1}", "DECR n",
                   f"DECRBY n {-MAX - 1}", f"INCRBY n {MAX}", "INCRBY n abc", "DECRBY n 1.5",
                   f"INCRBY n {MAX + 1}", "INCR", "INCR a b", "INCRBY n", "INCRBY n 1 2", "DECRBY n")

    def test_getex(self):
        self.check("GETEX k", "SET k v", "GETEX k", "TTL k", "GETEX k EX 1000", "TTL k",
                   "GETEX k PERSIST", "TTL k", "GETEX k persist", f"GETEX k EXAT {FAR_S}",
                   "EXPIRETIME k", f"GETEX k pxat {FAR_S}000", "PEXPIRETIME k", "GETEX k",
                   "TTL k", "GETEX k EX 0", "GETEX k EX -1", "GETEX k EX abc", "GETEX k EX",
                   f"GETEX k EX {MAX}", "GETEX k PX 1000 EX 1", "GETEX k EX 10 EX 1000", "TTL k",
                   "GETEX k EX 1 PERSIST", "GETEX k PERSIST EX 1", "GETEX k PERSIST PERSIST",
                   "GETEX k KEEPTTL", "GETEX k NX", "GETEX k GET", "GETEX none EX 0",
                   "GETEX none EX abc", "GETEX none WAT", "GETEX", "GETEX k EXAT 1", "EXISTS k",
                   "SET k v", "GETEX k PXAT 1", "EXISTS k")

    def test_mset(self):
        self.check("MSET a 1 b 2 c 3", "MGET a b c", "MSET a x", "GET a", "MSET a 1 a 2", "GET a",
                   "MSETNX a 9 d 9", "GET d", "MSETNX d 1 e 2 d 3", "MGET d e", "MSET a", "MSET a 1 b",
                   "MSETNX a 1 b", "MSET", "EXPIRE a 1000", "MSET a 5", "TTL a")

    def test_set(self):
        options = ["", "NX", "XX", "GET", "KEEPTTL", "EX 1000", "PX 1000000", f"EXAT {FAR_S}",
                   f"PXAT {FAR_S}000", "EXAT 1", "PXAT 1", "EX 0", "EX abc", "EX", "WAT"]
        lines = []
        for first in options:
            for second in options:
                for before in ("DEL k", "SET k old EX 2000"):
                    command = " ".join(word for word in ("SET k new", first, second) if word)
                    lines += [before, command, "GET k", "TTL k"]
        self.check(*lines)

    def test_other_strings(self):
        self.check("GETSET k 1", "GETSET k 2", "GETDEL k", "GETDEL k", "STRLEN k", "SET k abc",
                   "STRLEN k", "GETSET k", "GETDEL", "STRLEN", "SETNX k 1", "SETNX q 1",
                   "EXPIRE q 1000", "GETSET q 2", "TTL q", "SETEX q 1000 v", "TTL q", "SETEX q 0 v",
                   "PSETEX q 1000000 v", "PTTL q", "PSETEX q -1 v", "SETEX q abc v", "SETEX q 1")

    # --- Keys -------------------------------------------------------------------------------------

    def test_moments(self):
        self.check("EXPIRETIME k", "PEXPIRETIME k", "SET k v", "EXPIRETIME k", "PEXPIRETIME k",
                   f"EXPIREAT k {FAR_S}", "EXPIRETIME k", "TTL k", f"PEXPIREAT k {FAR_S}123",
                   "PEXPIRETIME k", f"EXPIREAT k {FAR_S + 9} NX", f"EXPIREAT k {FAR_S - 9} GT",
                   f"EXPIREAT k {FAR_S + 9} LT", f"EXPIREAT k {FAR_S + 9} XX", "EXPIRETIME k",
                   f"EXPIREAT k {FAR_S + 9} XX LT", f"EXPIREAT k {FAR_S - 9} LT XX", "EXPIRETIME k",
                   "PERSIST k", f"EXPIREAT k {FAR_S} XX LT", "EXPIRETIME k",
                   "EXPIREAT k 1 GT", "EXPIREAT k abc", f"EXPIREAT k {MAX}", f"EXPIREAT k {-MAX - 1}",
                   "EXPIREAT k 1 WAT", "EXPIREAT k 1 NX XX", "EXPIREAT k 1 GT LT", "EXPIREAT k",
                   "PEXPIREAT k abc", "PEXPIREAT k 1 WAT", "EXPIREAT k 1", "EXISTS k", "SET k v",
                   f"PEXPIREAT k {-MAX - 1}", "EXISTS k", "SET k v", "EXPIREAT k -1", "EXISTS k",
                   "EXPIREAT none 1", "EXPIRETIME", "EXPIRETIME a b")

    def test_keys(self):
        self.check("SET a 1", "UNLINK a none", "UNLINK", "TOUCH", "MSET a 1 b 2", "TOUCH a b none a",
                   "EXISTS a a", "DEL a a b", "TYPE a", "KEYS *", "SET abc 1", "KEYS a?c", "KEYS x*",
                   "KEYS", "KEYS a b", "DBSIZE", "FLUSHDB", "DBSIZE", "FLUSHALL WAT",
                   "FLUSHALL ASYNC", "FLUSHDB sync", "FLUSHALL SYNC ASYNC", "PERSIST a", "EXPIRE a 1")

    def test_objects(self):
        self.check("OBJECT ENCODING k", "SET k 123", "OBJECT ENCODING k", "SET k abc",
                   "object encoding k", "SET k " + "x" * 44, "OBJECT ENCODING k",
                   "SET k " + "x" * 45, "OBJECT ENCODING k", "SET k 0123", "OBJECT ENCODING k",
                   "OBJECT ENCODING", "OBJECT ENCODING k k", "OBJECT WAT k", "OBJECT",
                   "MEMORY USAGE none", "MEMORY USAGE k WAT", "MEMORY USAGE k SAMPLES abc",
                   "MEMORY USAGE k SAMPLES -1", "MEMORY USAGE", "MEMORY WAT", "MEMORY")

    # --- The server -------------------------------------------------------------------------------

    def test_operators(self):
        self.check("WAIT 0 0", "WAIT abc 0", "WAIT 0 abc", "WAIT 0 -1", "WAIT", "ROLE a",
                   "LATENCY LATEST", "LATENCY HISTORY command", "LATENCY RESET", "LATENCY WAT",
                   "LATENCY", "LATENCY LATEST a", "SLOWLOG LEN", "SLOWLOG RESET", "SLOWLOG GET",
                   "SLOWLOG GET 1", "SLOWLOG GET -1", "SLOWLOG GET abc", "SLOWLOG GET -2",
                   "SLOWLOG WAT", "SLOWLOG", "SLOWLOG LEN 1", "FUNCTION FLUSH", "FUNCTION FLUSH SYNC",
                   "FUNCTION FLUSH WAT", "FUNCTION FLUSH SYNC SYNC", "FUNCTION LIST", "FUNCTION WAT",
                   "FUNCTION", "MODULE LIST", "MODULE WAT", "SHUTDOWN WAT", "SHUTDOWN ABORT", "SHUTDOWN SAVE NOSAVE", "TIME a",
                   "PING", "PING a", "PING a b", "ECHO a", "ECHO", "SELECT 0", "SELECT abc",
                   "SELECT 99999999999", "CLIENT GETNAME", "CLIENT SETNAME a\nb", "CLIENT WAT",
                   "WAT", "WAT a b", "HELLO 4", "HELLO abc", "AUTH x", "RESET a")

    def test_role(self):
        for pair in self.pairs:
            ours, theirs = pair.ask("ROLE")
            self.assertEqual((ours[0], ours[2]), (theirs[0], theirs[2]))

    # --- At random --------------------------------------------------------------------------------

    def test_random_commands(self):
        seed = int(os.environ.get("IDEM_SEED", time.time_ns()))
        chosen = random.Random(seed)
        for pair in self.pairs:
            pair.ask("FLUSHALL")
            history = []
            for _ in range(RANDOM_COMMANDS // len(self.pairs)):
                command = random_command(chosen)
                history.append(command)
                ours, theirs = pair.ask(*command)
                self.assertTrue(same(command, ours, theirs),
                                f"IDEM_SEED={seed}: {command}: {ours!r}, but Redis says {theirs!r}; "
                                f"before: {history[-10:]}")


if __name__ == "__main__":
    unittest.main()
