// T13: node-redis 4, 5 and 6, as they are, in RESP2 and, but for 4, in RESP3. IDEM_CLIENT names one.
const assert = require('node:assert/strict');
const {describe, before, after, test} = require('node:test');
const {createClient} = require(process.env.IDEM_CLIENT);
const {claimsCompletesAndReplays} = require('./stories');

const speaksResp3 = process.env.IDEM_CLIENT !== 'node-redis4';

const socket = {port: Number(process.env.IDEM_PORT)};

for (const RESP of speaksResp3 ? [2, 3] : [2]) {
  describe(`node-redis in RESP${RESP}`, () => {
    const client = createClient({RESP, socket});
    const key = (name) => `${process.env.IDEM_CLIENT}:${RESP}:${name}`;
    const send = (...parts) => client.sendCommand(parts.map(String));
    const begin = (name, ...options) => send('IDEM.BEGIN', key(name), ...options);
    const refusedWith = (code) => ({message: new RegExp(`^${code}`)});

    const end = (connected) => connected.close ? connected.close() : connected.quit();

    before(() => client.connect());
    after(() => end(client));

    test('connects as it is', async () => {
      assert.equal(await client.ping(), 'PONG');
      assert.match(await client.info(), /role:master/);
      const hello = await send('HELLO');
      assert.equal(RESP === 3 ? hello.proto : hello[hello.indexOf('proto') + 1], RESP);
    });

    test('connects with a name and a database', async () => {
      const named = createClient({RESP, socket, database: 0, name: 'worker-1'});
      await named.connect();
      assert.equal(await named.clientGetName(), 'worker-1');
      assert.match(await named.sendCommand(['CLIENT', 'INFO']), /lib-name=node-redis/);
      await end(named);
    });

    test('claims, completes and replays',
         () => claimsCompletesAndReplays({begin, send, key, refusedWith}));

    test('describes a record: a map in RESP3, pairs in RESP2', async () => {
      const [, token] = await begin('told');
      const told = await send('IDEM.GET', key('told'));
      const pairs = RESP === 3 ? Object.entries(told).flat() : told;
      assert.deepEqual(pairs.slice(0, 6), ['state', 'running', 'attempt', 1, 'token', token]);
      assert.equal(await send('IDEM.GET', key('nothing')), null);
    });

    test('fails a claim for good, and replays the failure', async () => {
      const [, token] = await begin('fail');
      await send('IDEM.FAIL', key('fail'), token, 'FINAL', 'no funds', 'CODE', 402);
      assert.deepEqual((await begin('fail')).slice(0, 4),
                       ['REPLAY', 'failed_final', 402, 'no funds']);
    });

    test('locks by SET NX, and values end', async () => {
      const lock = key('lock');
      assert.equal(await client.set(lock, 'mine', {NX: true, PX: 60000}), 'OK');
      assert.equal(await client.set(lock, 'other', {NX: true, PX: 60000}), null);
      const left = await client.pTTL(lock);
      assert.ok(left > 50000 && left <= 60000);
      assert.ok(await client.expire(lock, 1000));
      assert.equal(await client.del(lock), 1);
      assert.equal(await client.get(lock), null);
    });

    test('pipelines by itself what is sent in one turn', async () => {
      const answers = await Promise.all(Array.from({length: 300}, (_, i) => [
        client.set(key(`p:${i}`), String(i)), client.get(key(`p:${i}`)),
      ]).flat());
      answers.forEach((answer, i) => assert.equal(answer, i % 2 ? String((i - 1) / 2) : 'OK'));
      await assert.rejects(begin('p:0'), refusedWith('WRONGTYPE'));
      await assert.rejects(send('IDEM.NONE'), refusedWith("ERR unknown command 'IDEM.NONE'"));
    });

    test('scans', async () => {
      const seen = new Set();
      for await (const keys of client.scanIterator({MATCH: key('p:*'), COUNT: 50})) {
        [keys].flat().forEach((found) => seen.add(found));
      }
      assert.equal(seen.size, 300);
    });

    test('a transaction: all or nothing', async () => {
      const counter = key('multi');
      const replies = await client.multi().set(counter, '1').incr(counter).get(counter).exec();
      assert.deepEqual(replies, ['OK', 2, '2']);
      const refused = client.multi().set(counter, '3').addCommand(['IDEM.NONE']);
      await assert.rejects(refused.exec());
      assert.equal(await client.get(counter), '2');
    });

    test('a watched key that has changed', async () => {
      const other = createClient({RESP, socket}), watching = createClient({RESP, socket});
      await Promise.all([other.connect(), watching.connect()]);
      await watching.watch(key('watched'));
      await other.set(key('watched'), '2');
      await assert.rejects(watching.multi().set(key('watched'), '3').exec(), {name: /Error/});
      assert.equal(await other.get(key('watched')), '2');
      await Promise.all([end(other), end(watching)]);
    });

    test('an eval of a lock library', async () => {
      const lock = key('script');
      const release =
          'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end';
      await client.set(lock, 'mine');
      assert.equal(await client.eval(release, {keys: [lock], arguments: ['other']}), 0);
      assert.equal(await client.eval(release, {keys: [lock], arguments: ['mine']}), 1);
    });

    test('of many concurrent callers one claims', async () => {
      const answers = await Promise.all(Array.from({length: 50}, () => begin('race')));
      assert.equal(answers.filter(([outcome]) => outcome === 'CLAIMED').length, 1);
    });
  });
}
