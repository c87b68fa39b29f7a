// T13: ioredis 5 and 6 and iovalkey, as they are. They send "info" in lower case, and wait for it;
// ioredis CLIENT SETINFO, too; ioredis 6 speaks RESP3. IDEM_CLIENT names one.
const assert = require('node:assert/strict');
const {after, test} = require('node:test');

const client = process.env.IDEM_CLIENT;
const Redis = require(client);
const {claimsCompletesAndReplays} = require('./stories');
const key = (rest) => `${client}:${rest}`;
const tellsItsName = client !== 'iovalkey';

const port = Number(process.env.IDEM_PORT);
const redis = new Redis(port);
after(() => redis.quit());

const begin = (name, ...options) => redis.call('IDEM.BEGIN', name, ...options);
const refusedWith = (code) => ({name: 'ReplyError', message: new RegExp(`^${code}`)});

test('connects as it is', async () => {
  assert.equal(await redis.ping(), 'PONG');
  assert.match(await redis.info('server'), /redis_version:8\./);
  if (tellsItsName) assert.match(await redis.client('INFO'), /lib-name=ioredis/);
});

test('connects with a name and a database', async () => {
  const named = new Redis({port, db: 0, connectionName: 'worker-1'});
  assert.equal(await named.client('GETNAME'), 'worker-1');
  assert.equal(await named.quit(), 'OK');
});

test('claims, completes and replays', () => claimsCompletesAndReplays({
  begin: (name, ...options) => begin(key(name), ...options),
  send: (...parts) => redis.call(...parts), key, refusedWith}));

test('fails a claim, and the next attempt has a higher token', async () => {
  const first = await begin(key('retry'));
  assert.equal(await redis.call('IDEM.FAIL', key('retry'), first[1], 'RETRY'), 'OK');
  const second = await begin(key('retry'));
  assert.deepEqual([second[0], second[2]], ['CLAIMED', 2]);
  assert.ok(second[1] > first[1]);
});

test('keeps the bytes of a response', async () => {
  const response = Buffer.from(Array.from({length: 70000}, (_, i) => i % 256));
  const [, token] = await begin(key('bytes'));
  await redis.call('IDEM.COMPLETE', key('bytes'), token, response);
  const replay = await redis.callBuffer('IDEM.BEGIN', key('bytes'));
  assert.deepEqual(replay[3], response);
});

test('locks by SET NX', async () => {
  assert.equal(await redis.set(key('lock'), 'mine', 'PX', 60000, 'NX'), 'OK');
  assert.equal(await redis.set(key('lock'), 'other', 'PX', 60000, 'NX'), null);
  assert.equal(await redis.set(key('lock'), 'other', 'PX', 60000, 'NX', 'GET'), 'mine');
  const left = await redis.pttl(key('lock'));
  assert.ok(left > 50000 && left <= 60000);
  assert.equal(await redis.del(key('lock')), 1);
  assert.equal(await redis.get(key('lock')), null);
});

test('pipelines, and each command has its own outcome', async () => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 300; ++i) pipeline.set(key(`p:${i}`), i).get(key(`p:${i}`));
  const results = await pipeline.call('IDEM.BEGIN', key('p:0')).call('IDEM.NONE').exec();
  for (let i = 0; i < 300; ++i) {
    assert.deepEqual(results.slice(2 * i, 2 * i + 2), [[null, 'OK'], [null, String(i)]]);
  }
  assert.match(results[600][0].message, /^WRONGTYPE/);
  assert.match(results[601][0].message, /^ERR unknown command 'IDEM.NONE'/);
});

test('scans', async () => {
  const seen = new Set();
  for await (const keys of redis.scanStream({match: key('p:*'), count: 50})) {
    keys.forEach((key) => seen.add(key));
  }
  assert.equal(seen.size, 300);
});

test('of many concurrent callers one claims', async () => {
  const answers = await Promise.all(Array.from({length: 50}, () => begin(key('race'))));
  assert.equal(answers.filter(([outcome]) => outcome === 'CLAIMED').length, 1);
});

test('a double click waits for the one result', async () => {
  const [, token] = await begin(key('click'), 'LEASE', 30000);
  const [second, third] = [redis.duplicate(), redis.duplicate()];
  const waits = [second.call('IDEM.BEGIN', key('click'), 'WAIT', 30000),
                 third.call('IDEM.WAIT', key('click'), 30000)];
  while (!/\r\nwaiting:2\r\n/.test(await redis.info())) ;
  assert.deepEqual((await begin(key('click'), 'WAIT', 10)).slice(0, 2), ['BUSY', 'running']);
  await redis.call('IDEM.COMPLETE', key('click'), token, 'receipt', 'CODE', 201);
  for (const replay of await Promise.all(waits)) {
    assert.deepEqual(replay.slice(0, 4), ['REPLAY', 'completed', 201, 'receipt']);
  }
  await Promise.all([second.quit(), third.quit()]);
});

test('a transaction: all or nothing', async () => {
  const results = await redis.multi().set(key('m'), 1).incr(key('m')).get(key('m')).exec();
  assert.deepEqual(results, [[null, 'OK'], [null, 2], [null, '2']]);
  await assert.rejects(redis.multi().set(key('m'), 3).call('IDEM.NONE').exec(), /EXECABORT/);
  assert.equal(await redis.get(key('m')), '2');
});

test('a watched key that has changed', async () => {
  const other = redis.duplicate();
  await redis.set(key('w'), '1');
  await redis.watch(key('w'));
  await other.set(key('w'), '2');
  assert.equal(await redis.multi().set(key('w'), '3').exec(), null);
  assert.equal(await redis.get(key('w')), '2');
  await other.quit();
});

test('a script of its own is sent by name, then by text', async () => {
  redis.defineCommand('unlockIfMine', {
    numberOfKeys: 1,
    lua: 'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end',
  });
  await redis.set(key('script'), 'mine');
  assert.equal(await redis.unlockIfMine(key('script'), 'other'), 0);
  assert.equal(await redis.unlockIfMine(key('script'), 'mine'), 1);
  await assert.rejects(redis.eval('return 1', 0), /is not known to Idem/);
});
