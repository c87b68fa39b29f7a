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
except ImportError:
    print("skipped: python3-redis is not installed")
    sys.exit(SKIPPED)

LONG_MS = 10_000_000

DELETE = [
    Lock.LUA_RELEASE_SCRIPT,
    'if redis.call("get",KEYS[1]) == ARGV[1] then\n    return redis.call("del",KEYS[1])\n'
    'else\n    return 0\nend',
    "if redis.call('GET', KEYS[1]) == ARGV[1] then\n  return redis.call('DEL', KEYS[1])\nend\nreturn 0",
    """
    local key = KEYS[1]
    local identifier = ARGV[1]

    if redis.call('get', key) == identifier then
      return redis.call('del', key)
    end

    return 0
    """,
    """-- Delete a key if content is equal
    local key     = KEYS[1]
    local content = ARGV[1]
    local value = redis.call('get', key)
    if value == content then
      return redis.call('del', key);
    end
    return 0""",
    """local val = redis.call("GET", KEYS[1])
    if val == ARGV[1] then
        return redis.call("DEL", KEYS[1])
    elseif val == false then
        return -1
    else
        return 0
    end""",
    """local owner = redis.call('GET', KEYS[1])
    if (owner == ARGV[1]) then
        redis.call('UNLINK', KEYS[1])
        return true
    end
    return false""",
]
EXPIRE = [
    Lock.LUA_REACQUIRE_SCRIPT,
    'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("pexpire", KEYS[1], ARGV[2]) '
    "else return 0 end",
    "if redis.call('GET', KEYS[1]) == ARGV[1] then\n  return redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
    "end\nreturn 0",
    """
    local key = KEYS[1]
    local identifier = ARGV[1]
    local lockTimeout = ARGV[2]
    local value = redis.call('get', key)
    if value == identifier then
      redis.call('pexpire', key, lockTimeout)
      return 1
    end
    return 0
    """,
    """if (redis.call('GET', KEYS[1]) == ARGV[1]) then
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return true
    end
    return false""",
    """local key = KEYS[1]
    local ownerId = ARGV[1]
    local ttl = tonumber(ARGV[2])
    if redis.call('GET', key) == ownerId then
      return redis.call('EXPIRE', key, ttl)
    else
      return 0
    end""",
    "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('expire',KEYS[1],ARGV[2]) end return 0",
]
CLAIM = [
    """if redis.call("GET", KEYS[1]) == ARGV[1] then
        return redis.call("PEXPIRE", KEYS[1], ARGV[2])
    elseif redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2], "NX") then
        return 1
    else
        return 0
    end""",
    """local lockClientId = redis.call('GET', KEYS[1])
    if lockClientId == ARGV[1] then
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return true
    elseif not lockClientId then
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return true
    end
    return false""",
    "return redis.call('exists',KEYS[1])<1 and redis.call('setex',KEYS[1],ARGV[2],ARGV[1])",
    """local result = redis.call('SETNX', KEYS[1], ARGV[1])
    if result == 1 then
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    return result""",
]
CLAIM_IF_ALLOWED = """if (redis.call("exists", KEYS[1]) == 0 and ARGV[3] == "yes") or redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("set", KEYS[1], ARGV[1], "PX", ARGV[2])
end"""
EXTEND_IN_TIME = """
local current_ttl = redis.call("PTTL", KEYS[1])
local min_ttl = tonumber(ARGV[2])
local new_ttl = tonumber(ARGV[3])
-- Check if key exists
if current_ttl == -2 then
  return {-1, -2}  -- Key doesn't exist
end
if current_ttl < min_ttl then
  return {0, current_ttl}  -- Too late
end
local current_value = redis.call("GET", KEYS[1])
if current_value == ARGV[1] then
  redis.call("PEXPIRE", KEYS[1], new_ttl)
  return {1, current_ttl}
else
  return {-1, current_ttl}
end"""
SET_AGAIN = """local key = KEYS[1]
local ttl = KEYS[2]
local id  = KEYS[3]
local value = redis.call('GET', key)
if value == id then
  return redis.call('SET', key, id, 'PX', ttl, 'XX');
else
  return 0
end"""
LOOK = [
    'return { redis.call("get", KEYS[1]), redis.call("pttl", KEYS[1]) }',
    """local value = redis.call("GET", KEYS[1])
    local left = redis.call("PTTL", KEYS[1])
    return { value, left }""",
    """local value = redis.call("GET", KEYS[1])
    -- If key doesn't exist, return nil
    if not value then
      return nil
    end
    local ttl = redis.call("PTTL", KEYS[1])
    return {value, ttl}""",
    'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("pttl", KEYS[1]) else return -3 end',
]
CLAIM_ALL = """
  -- Return 0 if an entry already exists.
  for i, key in ipairs(KEYS) do
    if redis.call("exists", key) == 1 then
      return 0
    end
  end

  -- Create an entry for each provided key.
  for i, key in ipairs(KEYS) do
    redis.call("set", key, ARGV[1], "PX", ARGV[2])
  end

  -- Return the number of entries added.
  return #KEYS
"""
RENEW_ALL = """
  for i, key in ipairs(KEYS) do
    if redis.call("get", key) ~= ARGV[1] then
      return 0
    end
  end
  for i, key in ipairs(KEYS) do
    redis.call("set", key, ARGV[1], "PX", ARGV[2])
  end
  return #KEYS
"""
RELEASE_ALL = """
  local count = 0
  for i, key in ipairs(KEYS) do
    -- Only remove entries for *this* lock value.
    if redis.call("get", key) == ARGV[1] then
      redis.pcall("del", key)
      count = count + 1
    end
  end
  return count
"""
SELECT = '-- Protected call\nredis.pcall("SELECT", tonumber(ARGV[1]))\n'
KIT = [
    """local token = ARGV[1]
    local ttlMs = ARGV[2]
    if redis.call("EXISTS", unpack(KEYS)) > 0 then
      return 0
    end
    for i = 1, #KEYS do
      redis.call("SET", KEYS[i], token, "PX", ttlMs)
    end
    return 1""",
    """local token = ARGV[1]
    local ttl = ARGV[2]
    local values = redis.call("MGET", unpack(KEYS))
    for _, currValue in ipairs(values) do
      if currValue ~= token then
        return 0
      end
    end
    for _, key in ipairs(KEYS) do
      redis.call("SET", key, token, "PX", ttl)
    end
    return 1""",
    """local token = ARGV[1]
    local count = 0
    for i = 1, #KEYS do
      if redis.call("GET", KEYS[i]) == token then
        redis.call("DEL", KEYS[i])
        count = count + 1
      end
    end
    return count""",
]
COUNT_IN_WINDOW = r"""redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX') \
local consumed = redis.call('incrby', KEYS[1], ARGV[1]) \
local ttl = redis.call('pttl', KEYS[1]) \
if ttl == -1 then \
  redis.call('expire', KEYS[1], ARGV[2]) \
  ttl = 1000 * ARGV[2] \
end \
return {consumed, ttl} \
""".replace("\\\n", "")
COUNT_HIT = """local windowMs = tonumber(ARGV[1])
local timeToExpire = redis.call("PTTL", KEYS[1])
if timeToExpire <= 0 then
redis.call("SET", KEYS[1], 1, "PX", windowMs)
return { 1, windowMs }
end
local totalHits = redis.call("INCR", KEYS[1])
return { totalHits, timeToExpire }"""
COUNT_OR_BEGIN = """local totalHits = redis.call("INCR", KEYS[1])
local timeToExpire = redis.call("PTTL", KEYS[1])
if timeToExpire <= 0 or ARGV[1] == "1"
then
redis.call("PEXPIRE", KEYS[1], tonumber(ARGV[2]))
timeToExpire = tonumber(ARGV[2])
end
return { totalHits, timeToExpire }"""
COUNT_FROM_FIRST = [
    "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n",
    "local c = redis.call('incr',KEYS[1])\nif c == 1 then\n redis.call('pexpire',KEYS[1],ARGV[1])\nend\nreturn c",
]

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
