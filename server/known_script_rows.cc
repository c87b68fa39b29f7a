#include "server/known_script_rows.h"

#include "server/lock_scripts.h"

namespace idem::server {
namespace {

// Written in a way of our own; what matters is the normal form (script_text.h).
constexpr KnownScript kRows[] = {
    // --- One key: free it if it is mine.
    // Laravel, redlock-rb, go-redsync, bsm/redislock, Redis' own documentation
    {DeleteIfMine, 1, 1,
     "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) "
     "else return 0 end"},
    // ioredis-lock, redislock, redis-semaphore
    {DeleteIfMine, 1, 1,
     "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return "
     "0"},
    // node-redis-warlock
    {DeleteIfMine, 1, 1,
     "local v = redis.call('get', KEYS[1]) "
     "if v == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"},
    // redis-py
    {DeleteIfMine, 1, 1,
     "local v = redis.call('get', KEYS[1]) if not v or v ~= ARGV[1] then return 0 end "
     "redis.call('del', KEYS[1]) return 1"},
    // Spring Integration, without a channel
    {DeleteIfMineTrueFalse, 1, 1,
     "local v = redis.call('get', KEYS[1]) "
     "if v == ARGV[1] then redis.call('del', KEYS[1]) return true end return false"},
    // go-redsync 4
    {DeleteIfMineTellAbsent, 1, 1,
     "local v = redis.call('get', KEYS[1]) if v == ARGV[1] then return redis.call('del', KEYS[1]) "
     "elseif v == false then return -1 else return 0 end"},

    // --- One key: a new time to live if it is mine.
    // go-redsync, bsm/redislock, redlock-universal
    {ExpireMsIfMine, 1, 2,
     "if redis.call('get', KEYS[1]) == ARGV[1] then "
     "return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"},
    // ioredis-lock, redislock
    {ExpireMsIfMine, 1, 2,
     "if redis.call('get', KEYS[1]) == ARGV[1] then "
     "return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"},
    // redis-semaphore
    {ExpireMsIfMine, 1, 2,
     "local v = redis.call('get', KEYS[1]) "
     "if v == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) return 1 end return 0"},
    // redis-py: reacquire
    {ExpireMsIfMine, 1, 2,
     "local v = redis.call('get', KEYS[1]) if not v or v ~= ARGV[1] then return 0 end "
     "redis.call('pexpire', KEYS[1], ARGV[2]) return 1"},
    // Spring Integration
    {ExpireMsIfMineTrueFalse, 1, 2,
     "if redis.call('get', KEYS[1]) == ARGV[1] then "
     "redis.call('pexpire', KEYS[1], ARGV[2]) return true end return false"},
    // Medusa, and many by hand
    {ExpireSecondsIfMine, 1, 2,
     "if redis.call('get', KEYS[1]) == ARGV[1] then "
     "return redis.call('expire', KEYS[1], ARGV[2]) else return 0 end"},
    {ExpireSecondsIfMine, 1, 2,
     "if redis.call('get', KEYS[1]) == ARGV[1] then "
     "return redis.call('expire', KEYS[1], ARGV[2]) end return 0"},
    // redis-py: extend
    {ExtendIfMine, 1, 3,
     "local v = redis.call('get', KEYS[1]) if not v or v ~= ARGV[1] then return 0 end "
     "local t = redis.call('pttl', KEYS[1]) if not t then t = 0 end if t < 0 then return 0 end "
     "local n = ARGV[2] if ARGV[3] == \"0\" then n = ARGV[2] + t end "
     "redis.call('pexpire', KEYS[1], n) return 1"},
    // node-redis-warlock
    {SetAgainIfMine, 3, 0,
     "local v = redis.call('get', KEYS[1]) if v == KEYS[3] then "
     "return redis.call('set', KEYS[1], KEYS[3], 'px', KEYS[2], 'xx') else return 0 end"},
    // redlock-universal
    {ExpireMsIfMineInTime, 1, 3,
     "local t = redis.call('pttl', KEYS[1]) if t == -2 then return {-1, -2} end "
     "if t < ARGV[2] then return {0, t} end local v = redis.call('get', KEYS[1]) "
     "if v == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[3]) return {1, t} "
     "else return {-1, t} end"},

    // --- One key: claim it.
    // go-redsync 4
    {ClaimOrRenew, 1, 2,
     "if redis.call('get', KEYS[1]) == ARGV[1] then "
     "return redis.call('pexpire', KEYS[1], ARGV[2]) "
     "elseif redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2], 'nx') then return 1 "
     "else return 0 end"},
    // Spring Integration
    {ClaimOrRenewTrueFalse, 1, 2,
     "local v = redis.call('get', KEYS[1]) "
     "if v == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) return true "
     "elseif not v then redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) return true end "
     "return false"},
    // redlock-rb
    {SetIfFreeOrMine, 1, 3,
     "if (redis.call('exists', KEYS[1]) == 0 and ARGV[3] == 'yes') "
     "or redis.call('get', KEYS[1]) == ARGV[1] then "
     "return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) end"},
    // Laravel's Cache::add
    {SetIfFree, 1, 2,
     "return redis.call('exists', KEYS[1]) < 1 and redis.call('setex', KEYS[1], ARGV[2], ARGV[1])"},
    // by hand
    {SetNxThenExpireMs, 1, 2,
     "local r = redis.call('setnx', KEYS[1], ARGV[1]) "
     "if r == 1 then redis.call('pexpire', KEYS[1], ARGV[2]) end return r"},

    // --- One key: look.
    // redlock-rb
    {ValueAndTtl, 1, 0, "return {redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1])}"},
    // rate-limit-redis
    {ValueAndTtl, 1, 0,
     "local v = redis.call('get', KEYS[1]) local t = redis.call('pttl', KEYS[1]) return {v, t}"},
    // redlock-universal
    {ValueAndTtlIfAny, 1, 0,
     "local v = redis.call('get', KEYS[1]) if not v then return nil end "
     "local t = redis.call('pttl', KEYS[1]) return {v, t}"},
    // bsm/redislock
    {TtlIfMine, 1, 1,
     "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pttl', KEYS[1]) "
     "else return -3 end"},

    // --- Several keys.
    // redlock 4 and 5, bull-redlock
    {ClaimAll, 1, 2,
     "for i, k in ipairs(KEYS) do if redis.call('exists', k) == 1 then return 0 end end "
     "for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end return #KEYS"},
    {RenewAllIfMine, 1, 2,
     "for i, k in ipairs(KEYS) do if redis.call('get', k) ~= ARGV[1] then return 0 end end "
     "for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end return #KEYS"},
    {DeleteThoseOfMine, 1, 1,
     "local n = 0 for i, k in ipairs(KEYS) do if redis.call('get', k) == ARGV[1] then "
     "redis.pcall('del', k) n = n + 1 end end return n"},
    // @sesamecare-oss/redlock
    {ClaimAllInDatabase, 1, 3,
     "redis.pcall('select', ARGV[1]) "
     "for i, k in ipairs(KEYS) do if redis.call('exists', k) == 1 then return 0 end end "
     "for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[2], 'px', ARGV[3]) end return #KEYS"},
    {RenewAllIfMineInDatabase, 1, 3,
     "redis.pcall('select', ARGV[1]) "
     "for i, k in ipairs(KEYS) do if redis.call('get', k) ~= ARGV[2] then return 0 end end "
     "for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[2], 'px', ARGV[3]) end return #KEYS"},
    {DeleteThoseOfMineInDatabase, 1, 2,
     "redis.pcall('select', ARGV[1]) "
     "local n = 0 for i, k in ipairs(KEYS) do if redis.call('get', k) == ARGV[2] then "
     "redis.pcall('del', k) n = n + 1 end end return n"},
    // @redis-kit/lock
    {ClaimAllTellOne, 1, 2,
     "if redis.call('exists', unpack(KEYS)) > 0 then return 0 end "
     "for i = 1, #KEYS do redis.call('set', KEYS[i], ARGV[1], 'px', ARGV[2]) end return 1"},
    {RenewAllIfMineTellOne, 1, 2,
     "local m = redis.call('mget', unpack(KEYS)) "
     "for x, v in ipairs(m) do if v ~= ARGV[1] then return 0 end end "
     "for x, k in ipairs(KEYS) do redis.call('set', k, ARGV[1], 'px', ARGV[2]) end return 1"},
    {DeleteThoseOfMine, 1, 1,
     "local n = 0 for i = 1, #KEYS do if redis.call('get', KEYS[i]) == ARGV[1] then "
     "redis.call('del', KEYS[i]) n = n + 1 end end return n"},

    // --- A counter in a window.
    // rate-limiter-flexible
    {CountInWindow, 1, 2,
     "redis.call('set', KEYS[1], 0, 'ex', ARGV[2], 'nx') "
     "local n = redis.call('incrby', KEYS[1], ARGV[1]) local t = redis.call('pttl', KEYS[1]) "
     "if t == -1 then redis.call('expire', KEYS[1], ARGV[2]) t = 1000 * ARGV[2] end return {n, t}"},
    // rate-limit-redis 4 and newer; before
    {CountHit, 1, 1,
     "local t = redis.call('pttl', KEYS[1]) if t <= 0 then "
     "redis.call('set', KEYS[1], 1, 'px', ARGV[1]) return {1, ARGV[1]} end "
     "local n = redis.call('incr', KEYS[1]) return {n, t}"},
    {CountHitOrBegin, 1, 2,
     "local n = redis.call('incr', KEYS[1]) local t = redis.call('pttl', KEYS[1]) "
     "if t <= 0 or ARGV[1] == '1' then redis.call('pexpire', KEYS[1], ARGV[2]) t = ARGV[2] end "
     "return {n, t}"},
    // by hand
    {CountFromFirstSeconds, 1, 1,
     "local n = redis.call('incr', KEYS[1]) "
     "if n == 1 then redis.call('expire', KEYS[1], ARGV[1]) end return n"},
    {CountFromFirstMs, 1, 1,
     "local n = redis.call('incr', KEYS[1]) "
     "if n == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end return n"},
};

}  // namespace

std::span<const KnownScript> KnownScriptRows() { return kRows; }

}  // namespace idem::server
