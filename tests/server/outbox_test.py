"""IDEM.CHANGES to redis-py; and the outbox of examples/outbox.py over kill -9 of the store and of the
publisher: each order that was completed is published exactly once.

One worker completes orders. In each life of the store it is killed, or its publisher, or both, at a
moment counted in answers or in orders that were published; then both are started again.
"""
import importlib.util
import pathlib
import socket
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.idem_server import SKIPPED, IdemServer, fresh_directory

try:
    import redis
except ImportError:
    print("skipped: python3-redis is not installed")
    sys.exit(SKIPPED)

PATH = pathlib.Path(__file__).resolve().parents[1] / "examples" / "outbox.py"
SPEC = importlib.util.spec_from_file_location("outbox", PATH)
outbox = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(outbox)

LIVES = 6
ORDERS_IN_A_LIFE = 25


class Life:
    """A store and its publisher."""

    def __init__(self, directory):
        self.server = IdemServer(f"{directory}/store", "--restart-grace-ms", "0",
                                 "--segment-bytes", "4mb")
        self.publisher = outbox.start_publisher(self.server.port, f"{directory}/downstream.db")

    def read_until(self, order):
        """What the publisher prints up to this order."""
        for line in self.publisher.stdout:
            if line.split()[0] == order:
                return
        raise AssertionError(f"the publisher ended before {order}")

    def kill(self, store_first):
        """kill -9; a publisher without a store ends by itself, too."""
        if store_first:
            self.server.kill()
        self.publisher.kill()
        self.publisher.wait(60)
        self.publisher.stdout.close()
        if not store_first:
            self.server.kill()
        self.server.close()


class WaitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(fresh_directory())
        cls.server = cls.enterClassContext(IdemServer(directory))

    def setUp(self):
        self.client = self.enterContext(redis.Redis(port=self.server.port))

    def changes(self, client, *words):
        return client.execute_command("IDEM.CHANGES", *words)

    def end(self):
        return self.changes(self.client, 0)[1]

    def wait_for_blocked(self, count):
        until_s = time.monotonic() + 60
        while self.client.info("clients")["blocked_clients"] != count:
            self.assertLess(time.monotonic(), until_s)

    def test_a_change_ends_the_wait(self):
        end = self.end()
        with ThreadPoolExecutor() as pool, redis.Redis(port=self.server.port) as other:
            page = pool.submit(self.changes, other, end, "BLOCK", 60_000)
            self.wait_for_blocked(1)
            self.client.set("plain", "value")
            outbox.complete(self.client, "order-7")
            next_lsn, _, [change] = page.result()
        self.assertEqual(change[1:3], [b"completed", b"order-7"])
        self.assertEqual(next_lsn, change[0])
        self.wait_for_blocked(0)

    def test_the_time_to_wait_ends_it(self):
        begun_s = time.monotonic()
        self.assertEqual(self.changes(self.client, self.end(), "BLOCK", 50)[2], [])
        self.assertGreaterEqual(time.monotonic() - begun_s, 0.049)

    def test_a_connection_that_goes_is_forgotten(self):
        end = self.end()
        with socket.create_connection(("127.0.0.1", self.server.port)) as gone:
            gone.sendall(b"IDEM.CHANGES %d BLOCK 60000\r\n" % end)
            self.wait_for_blocked(1)
        self.wait_for_blocked(0)


class OutboxTest(unittest.TestCase):
    def test_each_order_is_published_once(self):
        orders = []
        with fresh_directory() as directory:
            for number in range(LIVES):
                life = Life(directory)
                with redis.Redis(port=life.server.port) as client:
                    for _ in range(ORDERS_IN_A_LIFE):
                        orders.append(f"order-{len(orders)}")
                        outbox.complete(client, orders[-1])
                        if len(orders) % ORDERS_IN_A_LIFE == 5 * number:
                            life.read_until(orders[-1])
                if number == LIVES - 1:
                    life.read_until(orders[-1])
                life.kill(store_first=number % 2 == 0)
            mails = outbox.Downstream(f"{directory}/downstream.db").mails()
        self.assertEqual(mails, orders)


if __name__ == "__main__":
    unittest.main()
