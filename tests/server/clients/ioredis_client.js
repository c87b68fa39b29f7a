// T13: ioredis 5, as it is: it sends CLIENT SETINFO and "info" in lower case, and waits for both.
const assert = require('node:assert/strict');
const {after, test} = require('node:test');
const Redis = require('ioredis');

const port = Number(process.env.IDEM_PORT);
const redis = new Redis(port);
after(() => redis.quit());

const begin = (key, ...options) => redis.call('IDEM.BEGIN', key, ...options);
const refusedWith = (code) => ({name: 'ReplyError', message: new RegExp(`^${code}`)});

test('ioredis connects as it is', async () => {
  assert.equal(await redis.ping(), 'PONG');
  assert.match(await redis.info('server'), /redis_version:8\./);
  assert.match(await redis.client('INFO'), /lib-name=ioredis/);
});

test('ioredis connects with a name and a database', async () => {
  const named = new Redis({port, db: 0, connectionName: 'worker-1'});
  assert.equal(await named.client('GETNAME'), 'worker-1');
  assert.equal(await named.quit(), 'OK');
});

test('ioredis claims, completes and replays', async () => {
  const [claimed, token, attempt, lease, steps] =
      await begin('io:order', 'BODY', 'card 42', 'LEASE', 30000);
  assert.deepEqual([claimed, attempt, lease, steps], ['CLAIMED', 1, 30000, []]);
  assert.ok(Number.isSafeInteger(token));
  assert.deepEqual((await begin('io:order', 'BODY', 'card 42')).slice(0, 2), ['BUSY', 'running']);
  assert.deepEqual(await begin('io:order', 'BODY', 'card 43'), ['MISMATCH', 'running']);
  await assert.rejects(redis.call('IDEM.COMPLETE', 'io:order', token - 1, 'stale'),
                       refusedWith('FENCED'));
  assert.equal(await redis.call('IDEM.COMPLETE', 'io:order', token, 'receipt', 'CODE', 201), 'OK');
  assert.deepEqual((await begin('io:order', 'BODY', 'card 42')).slice(0, 4),
                   ['REPLAY', 'completed', 201, 'receipt']);
});

test('ioredis fails a claim, and the next attempt has a higher token', async () => {
  const first = await begin('io:retry');
  assert.equal(await redis.call('IDEM.FAIL', 'io:retry', first[1], 'RETRY'), 'OK');
  const second = await begin('io:retry');
  assert.deepEqual([second[0], second[2]], ['CLAIMED', 2]);
  assert.ok(second[1] > first[1]);
});

test('ioredis keeps the bytes of a response', async () => {
  const response = Buffer.from(Array.from({length: 70000}, (_, i) => i % 256));
  const [, token] = await begin('io:bytes');
  await redis.call('IDEM.COMPLETE', 'io:bytes', token, response);
  const replay = await redis.callBuffer('IDEM.BEGIN', 'io:bytes');
  assert.deepEqual(replay[3], response);
});

test('ioredis locks by SET NX', async () => {
  assert.equal(await redis.set('io:lock', 'mine', 'PX', 60000, 'NX'), 'OK');
  assert.equal(await redis.set('io:lock', 'other', 'PX', 60000, 'NX'), null);
  assert.equal(await redis.set('io:lock', 'other', 'PX', 60000, 'NX', 'GET'), 'mine');
  const left = await redis.pttl('io:lock');
  assert.ok(left > 50000 && left <= 60000);
  assert.equal(await redis.del('io:lock'), 1);
  assert.equal(await redis.get('io:lock'), null);
});

test('ioredis pipelines, and each command has its own outcome', async () => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 300; ++i) pipeline.set(`io:p:${i}`, i).get(`io:p:${i}`);
  const results = await pipeline.call('IDEM.BEGIN', 'io:p:0').call('IDEM.NONE').exec();
  for (let i = 0; i < 300; ++i) {
    assert.deepEqual(results.slice(2 * i, 2 * i + 2), [[null, 'OK'], [null, String(i)]]);
  }
  assert.match(results[600][0].message, /^WRONGTYPE/);
  assert.match(results[601][0].message, /^ERR unknown command 'IDEM.NONE'/);
});

test('ioredis scans', async () => {
  const seen = new Set();
  for await (const keys of redis.scanStream({match: 'io:p:*', count: 50})) {
    keys.forEach((key) => seen.add(key));
  }
  assert.equal(seen.size, 300);
});

test('ioredis: of many concurrent callers one claims', async () => {
  const answers = await Promise.all(Array.from({length: 50}, () => begin('io:race')));
  assert.equal(answers.filter(([outcome]) => outcome === 'CLAIMED').length, 1);
});
