"""T13: redis-py as Debian ships it (4.3, RESP2), without a special setting."""
import asyncio
import sys
import threading
import unittest

from support.idem_server import SKIPPED, IdemServer, fresh_directory

try:
    import redis
    import redis.asyncio
except ImportError:
    print("skipped: python3-redis is not installed")
    sys.exit(SKIPPED)

CALLERS = 8


def claim(client, key, *options):
    """Begins; the token if that is a claim."""
    answer = client.execute_command("IDEM.BEGIN", key, *options)
    return answer[1] if answer[0] == b"CLAIMED" else None


class RedisPyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(fresh_directory())
        cls.server = cls.enterClassContext(IdemServer(cls.directory))

    def setUp(self):
        self.client = redis.Redis(port=self.server.port)
        self.addCleanup(self.client.close)
        self.key = self.id().rsplit(".", 1)[1].encode()

    def ask(self, *command):
        return self.client.execute_command(*command)

    def refused(self, code, *command):
        with self.assertRaisesRegex(redis.ResponseError, "^" + code):
            self.ask(*command)

    # --- Connecting -------------------------------------------------------------------------------

    def test_connects_as_it_is(self):
        self.assertTrue(self.client.ping())
        info = self.client.info()
        self.assertEqual((info["redis_mode"], info["role"], info["loading"]),
                         ("standalone", "master", 0))
        self.assertEqual(self.client.config_get("appendonly"), {"appendonly": "yes"})
        self.assertGreater(self.client.client_id(), 0)
        self.assertIn("idem.begin", self.client.command())

    def test_connects_with_a_name_a_database_and_health_checks(self):
        named = redis.Redis(port=self.server.port, db=0, client_name="worker-1",
                            health_check_interval=1, decode_responses=True)
        with named:
            self.assertEqual(named.client_getname(), "worker-1")
            self.assertEqual(named.client_info()["name"], "worker-1")
            self.assertEqual(named.echo("grüße"), "grüße")

    def test_connects_by_url_and_from_a_pool_of_threads(self):
        client = redis.from_url(f"redis://127.0.0.1:{self.server.port}/0")
        answers = []
        threads = [threading.Thread(
            target=lambda: answers.append(client.execute_command("IDEM.BEGIN", self.key)[0]))
            for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [b"BUSY"] * (CALLERS - 1) + [b"CLAIMED"])

    # --- Waiting ----------------------------------------------------------------------------------

    def test_a_double_click_gets_the_one_result(self):
        token = claim(self.client, self.key)
        answers = []
        threads = [threading.Thread(target=self.wait_for_it, args=(answers,))
                   for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        while self.client.info("idem")["waiting"] < CALLERS:
            pass
        self.assertEqual(answers, [])
        self.ask("IDEM.COMPLETE", self.key, token, "receipt", "CODE", 201)
        for thread in threads:
            thread.join()
        self.assertEqual([answer[:4] for answer in answers],
                         [[b"REPLAY", b"completed", 201, b"receipt"]] * CALLERS)

    def wait_for_it(self, answers):
        with redis.Redis(port=self.server.port) as client:
            answers.append(client.execute_command("IDEM.BEGIN", self.key, "WAIT", 60000))

    def test_who_goes_away_is_forgotten_and_the_next_gets_the_claim(self):
        token = claim(self.client, self.key)
        gone = redis.Redis(port=self.server.port, single_connection_client=True)
        gone.connection.send_command("IDEM.BEGIN", self.key, "WAIT", 60000)
        answers = []
        thread = threading.Thread(target=self.wait_for_it, args=(answers,))
        while self.client.info("idem")["waiting"] < 1:
            pass
        thread.start()
        while self.client.info("idem")["waiting"] < 2:
            pass
        gone.connection.disconnect()
        while self.client.info("idem")["waiting"] > 1:
            pass
        self.ask("IDEM.FAIL", self.key, token, "RETRY")
        thread.join()
        self.assertEqual((answers[0][0], answers[0][2]), (b"CLAIMED", 2))

    def test_time_is_over(self):
        claim(self.client, self.key)
        self.assertEqual(self.ask("IDEM.BEGIN", self.key, "WAIT", 20)[:2], [b"BUSY", b"running"])
        self.assertEqual(self.ask("IDEM.WAIT", self.key, 20)[:2], [b"BUSY", b"running"])

    def test_connects_with_asyncio(self):
        async def race():
            client = redis.asyncio.Redis(port=self.server.port)
            answers = await asyncio.gather(
                *(client.execute_command("IDEM.BEGIN", self.key) for _ in range(CALLERS)))
            await client.close()
            return sorted(answer[0] for answer in answers)

        self.assertEqual(asyncio.run(race()), [b"BUSY"] * (CALLERS - 1) + [b"CLAIMED"])

    # --- The life of a key ------------------------------------------------------------------------

    def test_claims_completes_and_replays(self):
        body = ("BODY", b"card 42")
        answer = self.ask("IDEM.BEGIN", self.key, *body, "LEASE", 30000)
        self.assertEqual((answer[0], answer[2:]), (b"CLAIMED", [1, 30000, []]))
        busy = self.ask("IDEM.BEGIN", self.key, *body)
        self.assertEqual((busy[:2], busy[3]), ([b"BUSY", b"running"], 1))
        self.assertTrue(0 < busy[2] <= 30000)
        self.assertEqual(self.ask("IDEM.BEGIN", self.key, "BODY", b"card 43"),
                         [b"MISMATCH", b"running"])
        response = bytes(range(256)) * 4096
        self.assertEqual(
            self.ask("IDEM.COMPLETE", self.key, answer[1], response, "CODE", 201), b"OK")
        replay = self.ask("IDEM.BEGIN", self.key, *body)
        self.assertEqual(replay[:4], [b"REPLAY", b"completed", 201, response])
        self.assertTrue(replay[4] >= 0 and 86_000_000 < replay[5] <= 86_400_000)

    def test_settling_again_is_safe(self):
        token = claim(self.client, self.key)
        for _ in range(2):
            self.assertEqual(self.ask("IDEM.COMPLETE", self.key, token, "done"), b"OK")
        self.refused("CONFLICT", "IDEM.COMPLETE", self.key, token, "other")
        self.refused("CONFLICT", "IDEM.FAIL", self.key, token, "RETRY")
        self.refused("FENCED", "IDEM.COMPLETE", self.key, token + 1, "done")
        self.refused("UNKNOWNKEY", "IDEM.COMPLETE", b"no " + self.key, token, "done")

    def test_a_failure_is_retried_or_replayed(self):
        token = claim(self.client, self.key)
        self.assertEqual(self.ask("IDEM.FAIL", self.key, token, "RETRY", "AFTER", 60000), b"OK")
        busy = self.ask("IDEM.BEGIN", self.key)
        self.assertEqual(busy[:2], [b"BUSY", b"backoff"])
        self.assertTrue(50000 < busy[2] <= 60000)
        other = self.key + b"2"
        token = claim(self.client, other)
        self.assertEqual(self.ask("IDEM.FAIL", other, token, "RETRY"), b"OK")
        again = self.ask("IDEM.BEGIN", other)
        self.assertEqual((again[0], again[2]), (b"CLAIMED", 2))
        self.assertGreater(again[1], token)
        self.assertEqual(self.ask("IDEM.FAIL", other, again[1], "FINAL", "no funds", "CODE", 402),
                         b"OK")
        self.assertEqual(self.ask("IDEM.BEGIN", other)[:4],
                         [b"REPLAY", b"failed_final", 402, b"no funds"])

    def test_a_stalled_worker_is_fenced(self):
        stalled = claim(self.client, self.key, "LEASE", 5)
        successor = None
        while successor is None:  # ends with the lease
            successor = claim(self.client, self.key)
        self.assertGreater(successor, stalled)
        self.refused("FENCED", "IDEM.COMPLETE", self.key, stalled, "late")
        self.refused("FENCED", "IDEM.EXTEND", self.key, stalled, 1000)
        self.assertEqual(self.ask("IDEM.COMPLETE", self.key, successor, "mine"), b"OK")
        self.refused("FENCED", "IDEM.COMPLETE", self.key, stalled, "late")
        self.assertEqual(self.ask("IDEM.BEGIN", self.key)[3], b"mine")

    def test_an_owner_finds_its_claim_again(self):
        token = claim(self.client, self.key, "OWNER", "worker-1", "LEASE", 30000)
        self.assertEqual(claim(self.client, self.key, "OWNER", "worker-1", "LEASE", 30000), token)
        self.assertIsNone(claim(self.client, self.key, "OWNER", "worker-2"))
        self.assertEqual(self.ask("IDEM.EXTEND", self.key, token, 60000), b"OK")
        self.assertEqual(self.ask("IDEM.RELEASE", self.key, token), b"OK")
        self.assertIsNone(self.ask("IDEM.GET", self.key))

    def test_an_operator_resolves_what_is_held(self):
        claim(self.client, self.key, "HOLD", "LEASE", 1)
        reason = None
        while reason != b"held":  # ends with the lease
            reason = self.ask("IDEM.BEGIN", self.key)[1]
        stuck = self.ask("IDEM.STUCK")[1]
        self.assertEqual([(entry[0], entry[1]) for entry in stuck if entry[0] == self.key],
                         [(self.key, b"held")])
        self.assertEqual(self.ask("IDEM.RESOLVE", self.key, "COMPLETE", "by hand"), b"OK")
        self.assertEqual(self.ask("IDEM.BEGIN", self.key)[3], b"by hand")

    def test_describes_and_forgets_a_record(self):
        token = claim(self.client, self.key, "FP", "digest", "LEASE", 30000, "TTL", 60000)
        pairs = self.ask("IDEM.GET", self.key)
        told = dict(zip(pairs[::2], pairs[1::2]))
        self.assertEqual((told[b"state"], told[b"attempt"], told[b"token"], told[b"code"]),
                         (b"running", 1, token, 0))
        self.assertRegex(told[b"fingerprint"], rb"^[0-9a-f]{32}$")
        self.assertEqual(self.client.type(self.key), b"record")
        self.refused("REFUSED", "IDEM.FORGET", self.key)
        self.refused("REFUSED", "DEL", self.key)
        self.assertEqual(self.ask("IDEM.FORGET", self.key, "FORCE"), b"OK")
        self.refused("UNKNOWNKEY", "IDEM.COMPLETE", self.key, token, "late")
        self.assertEqual(self.client.exists(self.key), 0)

    def test_misuse_is_told(self):
        self.refused("wrong number of arguments for 'idem.begin'", "IDEM.BEGIN")
        self.refused(".*not an integer", "IDEM.BEGIN", self.key, "LEASE", "x")
        self.refused(".*retention", "IDEM.BEGIN", self.key, "LEASE", 1000, "TTL", 10)
        self.refused(".*(1024|key)", "IDEM.BEGIN", b"k" * 1025)
        self.refused(".*FP", "IDEM.BEGIN", self.key, "FP", b"d" * 33)
        self.refused("unknown command 'IDEM.NONE', with args beginning with: 'a'", "IDEM.NONE", "a")
        self.assertIsNone(self.ask("IDEM.GET", self.key))
        claim(self.client, self.key)
        self.refused("WRONGTYPE", "GET", self.key)

    # --- Plain keys -------------------------------------------------------------------------------

    def test_locks_by_set_nx(self):
        self.assertTrue(self.client.set(self.key, "mine", nx=True, ex=100))
        self.assertIsNone(self.client.set(self.key, "other", nx=True, px=100_000))
        self.assertEqual(self.client.set(self.key, "other", nx=True, get=True), b"mine")
        self.assertIsNone(self.client.set(b"no " + self.key, "x", xx=True))
        self.assertFalse(self.client.setnx(self.key, "other"))
        self.assertEqual(self.client.delete(self.key), 1)
        self.assertIsNone(self.client.set(self.key, "first", nx=True, get=True))
        self.assertEqual(self.client.get(self.key), b"first")

    def test_tells_the_first_time_from_the_others(self):
        self.assertEqual(self.ask("IDEM.SEEN", self.key, "TTL", 60000), 1)
        self.assertEqual(self.ask("IDEM.MSEEN", 60000, self.key, b"new", b"new"), [0, 1, 0])
        self.client.set("plain", "v")
        told = self.ask("IDEM.MSEEN", 60000, "plain", "other")
        self.assertRegex(str(told[0]), "^WRONGTYPE")
        self.assertEqual(told[1], 1)
        self.assertEqual(set(self.client.scan_iter(_type="seen")), {self.key, b"new", b"other"})

    def test_counts_the_numbers_of_a_producer(self):
        self.assertEqual(self.ask("IDEM.SEQ", self.key, 0, 1), [b"GAP", 0])
        self.assertEqual(self.ask("IDEM.SEQ", self.key, 0, 0), [b"NEW"])
        self.assertEqual(self.ask("IDEM.SEQ", self.key, 0, 0), [b"DUPLICATE"])
        self.assertEqual(self.ask("IDEM.SEQ", self.key, 1, 0, "TTL", 0), [b"NEW"])
        self.assertEqual(self.ask("IDEM.SEQ", self.key, 0, 1), [b"FENCED", 1])
        self.assertEqual(self.ask("IDEM.SEQGET", self.key), [1, 1, -1])

    def test_updates_on_a_version(self):
        stored, version = self.ask("IDEM.CAS", self.key, 0, "a")
        self.assertEqual((stored, self.ask("IDEM.CASGET", self.key)), (b"OK", [version, b"a"]))
        stored, newer = self.ask("IDEM.CAS", self.key, version, "b", "TTL", 60000)
        self.assertEqual(stored, b"OK")
        self.assertGreater(newer, version)
        self.assertEqual(self.ask("IDEM.CAS", self.key, version, "c"), [b"CONFLICT", newer, b"b"])
        self.client.delete(self.key)
        self.assertEqual(self.ask("IDEM.CAS", self.key, newer, "c"), [b"CONFLICT", 0, None])

    def test_expires(self):
        self.client.set(self.key, "v", ex=100)
        self.assertIn(self.client.ttl(self.key), range(90, 101))
        self.client.set(self.key, "w", keepttl=True)
        self.assertTrue(90_000 < self.client.pttl(self.key) <= 100_000)
        self.assertTrue(self.client.expire(self.key, 1000, gt=True))
        self.assertTrue(self.client.persist(self.key))
        self.assertEqual((self.client.ttl(self.key), self.client.ttl("nothing")), (-1, -2))
        self.assertTrue(self.client.psetex(self.key, 1, "short"))
        while self.client.exists(self.key):  # ends after a millisecond
            pass
        self.assertIsNone(self.client.get(self.key))

    def test_values_are_any_bytes(self):
        value = bytes(range(256)) * 2048
        key = self.key + b"\r\n\0\xff"
        self.assertTrue(self.client.set(key, value))
        self.assertEqual(self.client.mget(key, "nothing"), [value, None])
        self.assertEqual((self.client.strlen(key), self.client.type(key)), (len(value), b"string"))
        self.assertEqual(self.client.getset(key, ""), value)
        self.assertEqual(self.client.getdel(key), b"")
        self.assertEqual(self.client.exists(key), 0)

    def test_pipelines(self):
        with self.client.pipeline(transaction=False) as pipe:
            for i in range(500):
                pipe.set(f"pipe:{i}", i).get(f"pipe:{i}").execute_command("IDEM.BEGIN", f"rec:{i}")
            pipe.get("rec:0")
            replies = pipe.execute(raise_on_error=False)
        self.assertEqual(replies[0:1500:3], [True] * 500)
        self.assertEqual(replies[1:1500:3], [str(i).encode() for i in range(500)])
        tokens = [reply[1] for reply in replies[2:1500:3]]
        self.assertEqual(tokens, sorted(set(tokens)))
        self.assertRegex(str(replies[1500]), "^WRONGTYPE")
        self.assertEqual(set(self.client.scan_iter("pipe:*", count=33)),
                         {f"pipe:{i}".encode() for i in range(500)})
        self.assertEqual(set(self.client.scan_iter("rec:*", _type="record")),
                         {f"rec:{i}".encode() for i in range(500)})

    def test_a_transaction_with_a_record_is_refused_and_the_connection_goes_on(self):
        with self.assertRaisesRegex(redis.ResponseError, "not allowed inside a transaction"):
            self.client.pipeline().set(self.key, "v").execute_command("IDEM.BEGIN", "r").execute()
        self.assertIsNone(self.client.get(self.key))


class RestartTest(unittest.TestCase):
    def test_an_answer_lost_in_a_kill_is_asked_for_again(self):
        begin = ("order", "BODY", "card 42", "OWNER", "worker-1")
        directory = self.enterContext(fresh_directory())
        with IdemServer(directory) as server, redis.Redis(port=server.port) as client:
            token = claim(client, *begin)
            server.kill()
            with self.assertRaises(redis.ConnectionError):
                client.execute_command("IDEM.COMPLETE", "order", token, "receipt")
        with IdemServer(directory) as server, redis.Redis(port=server.port) as client:
            self.assertEqual(claim(client, *begin), token)
            client.execute_command("IDEM.COMPLETE", "order", token, "receipt")
            self.assertEqual(client.execute_command("IDEM.BEGIN", *begin)[:4],
                             [b"REPLAY", b"completed", 0, b"receipt"])


if __name__ == "__main__":
    unittest.main()
