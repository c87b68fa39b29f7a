// T13: the cache layer of AWS Powertools' idempotency, as it is, over node-redis.
const assert = require('node:assert/strict');
const {after, before, beforeEach, test} = require('node:test');
const {createClient} = require('@redis/client');
const {IdempotencyConfig, makeIdempotent} = require('@aws-lambda-powertools/idempotency');
const {CachePersistenceLayer} = require('@aws-lambda-powertools/idempotency/cache');

process.env.AWS_LAMBDA_FUNCTION_NAME = 'pay';  // the prefix of its keys

const client = createClient({socket: {port: Number(process.env.IDEM_PORT)}});
before(() => client.connect());
after(() => client.close());

const context = {getRemainingTimeInMillis: () => 30000};
let runs = 0;
beforeEach(() => { runs = 0; });

// `work` behind the layer, as a Lambda would have it.
function idempotent(work, options = {}) {
  const config = new IdempotencyConfig(options);
  config.registerLambdaContext(context);
  return makeIdempotent(async (payload) => {
    ++runs;
    return work(payload);
  }, {persistenceStore: new CachePersistenceLayer({client}), config, keyPrefix: 'test'});
}

test('the same request runs once, and its answer is replayed', async () => {
  const pay = idempotent(async ({order}) => ({receipt: order + 1000}));
  for (let i = 0; i < 3; ++i) assert.deepEqual(await pay({order: 7}), {receipt: 1007});
  assert.equal(runs, 1);
  assert.deepEqual(await pay({order: 8}), {receipt: 1008});
  assert.equal(runs, 2);
});

test('a request that runs is refused', async () => {
  let finish;
  const slow = idempotent(() => new Promise((resolve) => { finish = resolve; }));
  const first = slow({order: 'slow'});
  await assert.rejects(async () => {
    while (!finish) await client.ping();
    await slow({order: 'slow'});
  }, {name: 'IdempotencyAlreadyInProgressError'});
  finish('done');
  assert.equal(await first, 'done');
  assert.equal(await slow({order: 'slow'}), 'done');
  assert.equal(runs, 1);
});

test('a request that failed runs again', async () => {
  const fails = idempotent(async () => {
    if (runs === 1) throw new Error('no network');
    return 'paid';
  });
  await assert.rejects(fails({order: 'fails'}), /no network/);
  assert.equal(await fails({order: 'fails'}), 'paid');
  assert.equal(runs, 2);
});

test('another payload under the same key is refused', async () => {
  const options = {eventKeyJmesPath: 'id', payloadValidationJmesPath: 'amount'};
  const pay = idempotent(async () => 'paid', options);
  assert.equal(await pay({id: 'x', amount: 1}), 'paid');
  await assert.rejects(pay({id: 'x', amount: 2}), {name: 'IdempotencyValidationError'});
  assert.equal(runs, 1);
});

test('of many concurrent callers one runs', async () => {
  const pay = idempotent(async () => {
    await client.ping();
    return 'paid';
  });
  const outcomes = await Promise.allSettled(Array.from({length: 20}, () => pay({order: 'race'})));
  assert.equal(runs, 1);
  assert.ok(outcomes.some(({status}) => status === 'fulfilled'));
});
