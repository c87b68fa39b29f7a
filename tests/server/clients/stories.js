// What is the same through every client. `begin(name, ..options)` asks for key(name), `send(..parts)`
// sends any command, refusedWith(code) is the error that the client makes of one of the server.
const assert = require('node:assert/strict');

async function claimsCompletesAndReplays({begin, send, key, refusedWith}) {
  const [claimed, token, attempt, lease, steps] =
      await begin('order', 'BODY', 'card 42', 'LEASE', 30000);
  assert.deepEqual([claimed, attempt, lease, steps], ['CLAIMED', 1, 30000, []]);
  assert.ok(Number.isSafeInteger(token));
  assert.deepEqual((await begin('order', 'BODY', 'card 42')).slice(0, 2), ['BUSY', 'running']);
  assert.deepEqual(await begin('order', 'BODY', 'card 43'), ['MISMATCH', 'running']);
  await assert.rejects(send('IDEM.COMPLETE', key('order'), token - 1, 'stale'),
                       refusedWith('FENCED'));
  assert.equal(await send('IDEM.COMPLETE', key('order'), token, 'receipt', 'CODE', 201), 'OK');
  assert.deepEqual((await begin('order', 'BODY', 'card 42')).slice(0, 4),
                   ['REPLAY', 'completed', 201, 'receipt']);
}

module.exports = {claimsCompletesAndReplays};
