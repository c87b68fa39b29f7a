"""The scripts of lock and rate limit libraries: Idem's native code beside Redis' Lua.

The texts are in the manner of the libraries that send them (those of redis-py are its own); each is
run on keys in many states, by EVAL and by EVALSHA, and what it answers and leaves is compared.
"""
import hashlib
import itertools
import sys
import unittest

from support.idem_server import SKIPPED
from support.resp_connection import ErrorReply
from support.two_servers import ServersTest

try:
    from redis.lock import Lock
    from support.script_texts import (
        DELETE, EXPIRE, CLAIM, CLAIM_IF_ALLOWED, EXTEND_IN_TIME,
        SET_AGAIN, LOOK, CLAIM_ALL, RENEW_ALL, RELEASE_ALL,
        SELECT, KIT, COUNT_IN_WINDOW, COUNT_HIT, COUNT_OR_BEGIN,
        COUNT_FROM_FIRST)
except ImportError:
    print("skipped: python3-redis is not installed")
    sys.exit(SKIPPED)

LONG_MS = 10_000_000

# What a key may be before: nothing, or a value with or without a deadline.
STATES = [(), ("mine", None), ("mine", LONG_MS), ("other", None), ("other", LONG_MS), ("7", None),
          ("7", LONG_MS)]


def alike(ours, theirs):
    """Equal, but for what a second makes, and for where in the script an error was."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(ours, int) and isinstance(theirs, int) and min(ours, theirs) > 1000:
        return abs(ours - theirs) <= 1000
    if isinstance(ours, ErrorReply) and isinstance(theirs, ErrorReply):
        return theirs.startswith(ours.removeprefix("ERR "), theirs.find(" ") + 1) or ours == theirs
    return ours == theirs


class ScriptComparisonTest(ServersTest):
    def check(self, script, key_count, *argument_lists):
        sha = hashlib.sha1(script.encode()).hexdigest()
        keys = [f"key{i}" for i in range(key_count)]
        for pair in self.pairs:
            self.assertEqual(pair.idem.ask("SCRIPT", "LOAD", script), sha.encode(), script)
            for states in itertools.product(STATES, repeat=key_count):
                for arguments in argument_lists:
                    self.run_once(pair, script, sha, keys, states, arguments)

    def run_once(self, pair, script, sha, keys, states, arguments):
        def ask(*command):
            return pair.ask(*command)
        for key, state in zip(keys, states):
            ask("DEL", key)
            if state:
                value, ttl_ms = state
                ask("SET", key, value, *(["PX", ttl_ms] if ttl_ms else []))
        ours = pair.idem.ask("EVALSHA", sha, len(keys), *keys, *arguments)
        theirs = pair.redis.ask("EVAL", script, len(keys), *keys, *arguments)
        case = f"{script}\nkeys {states}, arguments {arguments}"
        self.assertTrue(alike(ours, theirs), f"{case}: {ours!r}, but Redis says {theirs!r}")
        for key in keys:
            for command in ("GET", "PTTL"):
                ours, theirs = ask(command, key)
                self.assertTrue(alike(ours, theirs),
                                f"{case}: {command} {key} is {ours!r}, in Redis {theirs!r}")

    def test_free_one_if_it_is_mine(self):
        for script in DELETE:
            self.check(script, 1, ["mine"], ["7"])

    def test_expire_one_if_it_is_mine(self):
        for script in EXPIRE:
            self.check(script, 1, ["mine", 5_000_000], ["mine", 0], ["mine", -1], ["7", 1_000_000])
        self.check(EXPIRE[1], 1, ["mine", "abc"])

    def test_extend_one_if_it_is_mine(self):
        self.check(Lock.LUA_EXTEND_SCRIPT, 1, ["mine", 5_000_000, "0"], ["mine", 5_000_000, "1"],
                   ["other", 0, "1"], ["other", 0, "0"])
        self.check(EXTEND_IN_TIME, 1, ["mine", 1000, 5_000_000], ["mine", 2 * LONG_MS, 5_000_000])

    def test_claim_one(self):
        for script in CLAIM:
            self.check(script, 1, ["mine", 5_000_000], ["7", 5_000_000])
        self.check(CLAIM_IF_ALLOWED, 1, ["mine", 5_000_000, "yes"], ["mine", 5_000_000, "no"],
                   ["mine", 0, "yes"])

    def test_look_at_one(self):
        for script in LOOK:
            self.check(script, 1, ["mine"])

    def test_set_again(self):
        sha = self.pairs[0].idem.ask("SCRIPT", "LOAD", SET_AGAIN)
        for state in (["mine", "PX", 5000], ["other"]):
            for pair in self.pairs:
                pair.ask("SET", "key", *state)
                ours = pair.idem.ask("EVALSHA", sha, 3, "key", LONG_MS, "mine")
                self.assertEqual(ours, pair.redis.ask("EVAL", SET_AGAIN, 3, "key", LONG_MS, "mine"))
                self.assertTrue(alike(*pair.ask("PTTL", "key")))

    def test_several_keys(self):
        for script in (CLAIM_ALL, RENEW_ALL, RELEASE_ALL, *KIT):
            self.check(script, 2, ["mine", 5_000_000], ["7", 0])
            self.check(script, 1, ["other", 5_000_000])

    def test_several_keys_behind_a_select(self):
        for script in (CLAIM_ALL, RENEW_ALL, RELEASE_ALL):
            shifted = script.replace("ARGV[2]", "ARGV[3]").replace("ARGV[1]", "ARGV[2]")
            self.check(SELECT + shifted, 2, [0, "mine", 5_000_000])

    def test_counters(self):
        self.check(COUNT_IN_WINDOW, 1, [1, 5000], [3, 5000], ["abc", 5000], [1, "abc"], [1, 0])
        self.check(COUNT_HIT, 1, [5_000_000])
        self.check(COUNT_OR_BEGIN, 1, ["0", 5_000_000], ["1", 5_000_000])
        for script in COUNT_FROM_FIRST:
            self.check(script, 1, [5_000_000])

    def test_the_protocol_of_scripts(self):
        script = DELETE[1]
        sha = hashlib.sha1(script.encode()).hexdigest()
        for pair in self.pairs:
            for command in (["SCRIPT", "FLUSH"], ["SCRIPT", "EXISTS", sha], ["EVALSHA", sha, 1, "k", "v"],
                            ["EVALSHA", "wat", 0], ["EVAL", script, 1, "k", "v"],
                            ["SCRIPT", "EXISTS", sha, sha.upper(), "wat"],
                            ["EVALSHA", sha.upper(), 1, "k", "v"], ["EVAL", script, "abc"],
                            ["EVAL", script, -1], ["EVAL", script, 3, "k", "v"], ["EVAL", script],
                            ["EVALSHA", sha], ["SCRIPT", "FLUSH", "ASYNC"], ["SCRIPT", "EXISTS", sha],
                            ["SCRIPT", "FLUSH", "wat"], ["SCRIPT", "LOAD", script], ["SCRIPT", "LOAD"],
                            ["SCRIPT", "EXISTS"], ["SCRIPT", "EXISTS", sha], ["SCRIPT", "wat"], ["SCRIPT"],
                            ["SCRIPT", "FLUSH", "SYNC"]):
                ours, theirs = pair.ask(*command)
                self.assertEqual(ours, theirs, command)

    def test_an_unknown_script_is_named(self):
        script = "return redis.call('lpush', KEYS[1], ARGV[1])"
        sha = hashlib.sha1(script.encode()).hexdigest()
        idem = self.pairs[0].idem
        before = int(idem.info()["unknown_scripts"])
        for command in (["EVAL", script, 1, "k", "v"], ["SCRIPT", "LOAD", script]):
            self.assertRegex(idem.ask(*command), f"^ERR script {sha} is not known to Idem")
        self.assertEqual(idem.ask("SCRIPT", "EXISTS", sha), [0])
        self.assertEqual(int(idem.info()["unknown_scripts"]), before + 2)

    def test_a_script_leaves_records_alone(self):
        idem = self.pairs[0].idem
        idem.ask("IDEM.BEGIN", "record")
        for script in (*DELETE, *EXPIRE, *LOOK, RELEASE_ALL, RENEW_ALL, COUNT_HIT):
            reply = idem.ask("EVAL", script, 1, "record", "mine", 1000)
            self.assertEqual(reply.code, "WRONGTYPE", script)
        self.assertEqual(idem.ask("EVAL", CLAIM_ALL, 2, "free", "record", "mine", 1000), 0)
        self.assertEqual(idem.ask("EXISTS", "free", "record"), 1)


if __name__ == "__main__":
    unittest.main()
