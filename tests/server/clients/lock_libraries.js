// T13: lock libraries as they are, over ioredis. What each sends is in PROTOCOL.md under "Scripts".
const assert = require('node:assert/strict');
const {after, describe, test} = require('node:test');
const Redis = require('ioredis');
const {Mutex, RedlockMutex} = require('redis-semaphore');
const Redlock4 = require('redlock');
const {default: Redlock5} = require('redlock5');

const port = Number(process.env.IDEM_PORT);
const redis = new Redis(port);
after(() => redis.quit());

describe('redis-semaphore', () => {
  const once = {lockTimeout: 60000, acquireTimeout: 1, acquireAttemptsLimit: 1, refreshInterval: 0};

  test('a mutex is held by one, refreshed, released', async () => {
    const mutex = new Mutex(redis, 'one', {...once, refreshInterval: 5});
    const other = new Mutex(redis, 'one', once);
    assert.ok(await mutex.tryAcquire());
    assert.ok(!await other.tryAcquire());
    await redis.pexpire('mutex:one', 1000);
    while (await redis.pttl('mutex:one') <= 50000);  // ends with the next refresh
    await other.release();
    assert.equal(await redis.exists('mutex:one'), 1);
    await mutex.release();
    assert.equal(await redis.exists('mutex:one'), 0);
    assert.ok(await other.tryAcquire());
    await other.release();
  });

  test('a mutex over a quorum', async () => {
    const mutex = new RedlockMutex([redis], 'quorum', once);
    assert.ok(await mutex.tryAcquire());
    assert.ok(!await new RedlockMutex([redis], 'quorum', once).tryAcquire());
    await mutex.release();
    assert.equal(await redis.exists('mutex:quorum'), 0);
  });
});

describe('redlock 4', () => {
  const redlock = new Redlock4([redis], {retryCount: 0});

  test('locks several keys at once, extends, unlocks', async () => {
    const lock = await redlock.lock(['r4:a', 'r4:b'], 60000);
    await assert.rejects(redlock.lock(['r4:b', 'r4:c'], 60000), /Exceeded|locking/);
    assert.equal(await redis.exists('r4:c'), 0);
    await lock.extend(600000);
    assert.ok(await redis.pttl('r4:b') > 60000);
    await lock.unlock();
    assert.equal(await redis.exists('r4:a', 'r4:b'), 0);
  });
});

describe('redlock 5', () => {
  const redlock = new Redlock5([redis], {retryCount: 0});

  test('acquires several keys at once, extends, releases', async () => {
    const lock = await redlock.acquire(['r5:a', 'r5:b'], 60000);
    await assert.rejects(redlock.acquire(['r5:b', 'r5:c'], 60000), /quorum/);
    assert.equal(await redis.exists('r5:c'), 0);
    const extended = await lock.extend(600000);
    assert.ok(await redis.pttl('r5:a') > 60000);
    await extended.release();
    assert.equal(await redis.exists('r5:a', 'r5:b'), 0);
  });

  test('runs a routine under a lock', async () => {
    const seen = await redlock.using(['r5:using'], 60000, async () => redis.exists('r5:using'));
    assert.equal(seen, 1);
    assert.equal(await redis.exists('r5:using'), 0);
  });
});
