"""Scripts in the manner of the libraries that send them; those of redis-py are its own."""
from redis.lock import Lock

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
