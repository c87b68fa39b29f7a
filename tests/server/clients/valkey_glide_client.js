// T13: valkey-glide 2 as it is: a core in Rust behind a binding of Node, in RESP2 and in RESP3.
// IDEM_CLIENT names it.
const assert = require('node:assert/strict');
const {describe, before, after, test} = require('node:test');
const {Batch, Decoder, GlideClient, ProtocolVersion, Script, TimeUnit} =
    require(process.env.IDEM_CLIENT);
const {claimsCompletesAndReplays} = require('./stories');

const addresses = [{host: '127.0.0.1', port: Number(process.env.IDEM_PORT)}];
const connect = (RESP, options = {}) => GlideClient.createClient(
    {addresses, protocol: ProtocolVersion[`RESP${RESP}`], requestTimeout: 10000,
     advancedConfiguration: {connectionTimeout: 10000}, ...options});

for (const RESP of [2, 3]) {
  describe(`valkey-glide in RESP${RESP}`, () => {
    let client;
    const key = (name) => `glide:${RESP}:${name}`;
    const send = (...parts) => client.customCommand(parts.map(String));
    const begin = (name, ...options) => send('IDEM.BEGIN', key(name), ...options);
    const refusedWith = (code) => ({name: 'RequestError', message: new RegExp(code)});

    before(async () => { client = await connect(RESP); });
    after(() => client.close());

    test('connects as it is', async () => {
      assert.equal(await client.ping(), 'PONG');
      assert.match(await client.info(), /role:master/);
      assert.match(await send('CLIENT', 'INFO'), new RegExp(`resp=${RESP} lib-name=GlideJS`));
    });

    test('connects with a name and a database', async () => {
      const named = await connect(RESP, {clientName: 'worker-1', databaseId: 0});
      assert.equal(await named.clientGetName(), 'worker-1');
      named.close();
    });

    test('claims, completes and replays',
         () => claimsCompletesAndReplays({begin, send, key, refusedWith}));

    test('keeps the bytes of a response', async () => {
      const response = Buffer.from(Array.from({length: 70000}, (_, i) => i % 256));
      const [, token] = await begin('bytes');
      await client.customCommand(['IDEM.COMPLETE', key('bytes'), String(token), response]);
      const replay =
          await client.customCommand(['IDEM.BEGIN', key('bytes')], {decoder: Decoder.Bytes});
      assert.deepEqual(replay[3], response);
    });

    test('locks by SET NX, and values end', async () => {
      const expiry = {type: TimeUnit.Milliseconds, count: 60000};
      const lock = (owner) =>
          client.set(key('lock'), owner, {conditionalSet: 'onlyIfDoesNotExist', expiry});
      assert.equal(await lock('mine'), 'OK');
      assert.equal(await lock('other'), null);
      const left = await client.pttl(key('lock'));
      assert.ok(left > 50000 && left <= 60000);
      assert.equal(await client.del([key('lock')]), 1);
      assert.equal(await client.get(key('lock')), null);
    });

    test('many at once, on one connection', async () => {
      const values = Array.from({length: 300}, (_, i) => String(i));
      const stored = await Promise.all(values.map((i) => client.set(key(`p:${i}`), i)));
      assert.deepEqual(stored, values.map(() => 'OK'));
      assert.deepEqual(await Promise.all(values.map((i) => client.get(key(`p:${i}`)))), values);
      await assert.rejects(begin('p:0'), refusedWith('WRONGTYPE'));
      await assert.rejects(send('IDEM.NONE'), refusedWith("unknown command 'IDEM.NONE'"));
    });

    test('scans', async () => {
      const seen = new Set();
      let cursor = '0';
      do {
        const [next, keys] = await client.scan(cursor, {match: key('p:*'), count: 50});
        keys.forEach((found) => seen.add(found));
        cursor = next;
      } while (cursor !== '0');
      assert.equal(seen.size, 300);
    });

    test('a transaction: all or nothing', async () => {
      const counter = key('multi');
      const batch = new Batch(true).set(counter, '1').incr(counter).get(counter);
      assert.deepEqual(await client.exec(batch, true), ['OK', 2, '2']);
      const refused = new Batch(true).set(counter, '3').customCommand(['IDEM.NONE']);
      await assert.rejects(client.exec(refused, true), refusedWith('EXECABORT|unknown command'));
      assert.equal(await client.get(counter), '2');
    });

    test('a pipeline that is no transaction', async () => {
      const batch = new Batch(false).set(key('b'), '1').customCommand(['IDEM.GET', key('b')]);
      const [stored, refused] = await client.exec(batch, false);
      assert.equal(stored, 'OK');
      assert.ok(refused instanceof Error);
    });

    test('a watched key that has changed', async () => {
      const other = await connect(RESP);
      await client.watch([key('watched')]);
      await other.set(key('watched'), '2');
      assert.equal(await client.exec(new Batch(true).set(key('watched'), '3'), true), null);
      assert.equal(await client.get(key('watched')), '2');
      other.close();
    });

    test('a script of its own is sent by its digest, then by its text', async () => {
      const unlock = new Script(
          'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end');
      await client.set(key('script'), 'mine');
      const run = (owner) => client.invokeScript(unlock, {keys: [key('script')], args: [owner]});
      assert.equal(await run('other'), 0);
      assert.equal(await run('mine'), 1);
      unlock.release();
    });

    test('of many concurrent callers one claims', async () => {
      const answers = await Promise.all(Array.from({length: 50}, () => begin('race')));
      assert.equal(answers.filter(([outcome]) => outcome === 'CLAIMED').length, 1);
    });
  });
}
