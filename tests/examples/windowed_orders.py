"""Orders whose clients send no idempotency key: an order that looks like the one before it, issued
within the same minute, is the same order, sent again.

Before: the key is a hash of the order and of its minute. The retry of an order that was issued just
before the minute's end comes just behind it, has another key, and is delivered twice.

After: IDEM.BEGINWINDOW, which looks into the neighbour minutes, too, and tells under which key the
claim stands.

    windowed_orders.py [port]
"""
import hashlib
import sys
import time

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
MINUTE_MS = 60_000


def begin_before(client, order, issued_ms):
    key = b"before:%s@%d" % (hashlib.sha256(order).hexdigest().encode(), issued_ms // MINUTE_MS)
    return key, client.execute_command("IDEM.BEGIN", key)


def begin_after(client, order, issued_ms):
    return client.execute_command("IDEM.BEGINWINDOW", "after", MINUTE_MS, issued_ms, "BODY", order)


def deliver(client, begin, orders):
    """How many of the orders are delivered."""
    delivered = 0
    for order, issued_ms in orders:
        key, answer = begin(client, order, issued_ms)
        if answer[0] == b"CLAIMED":
            delivered += 1
            client.execute_command("IDEM.COMPLETE", key, answer[1], "delivery %d" % delivered)
    return delivered


def main():
    # A minute begins a while after now. The second order is a retry, the last one a new order.
    border_ms = (int(time.time() * 1000) // MINUTE_MS + 1) * MINUTE_MS
    orders = [(b"two pizzas", border_ms - 200),
              (b"two pizzas", border_ms + 100),
              (b"two pizzas", border_ms + 10 * MINUTE_MS)]
    with redis.Redis(port=PORT) as client:
        before = deliver(client, begin_before, orders)
        print(f"before (hash and minute):  {before} deliveries")
        assert before == 3, "the border is there"
        after = deliver(client, begin_after, orders)
        print(f"after (IDEM.BEGINWINDOW):  {after} deliveries")
        assert after == 2, "the border is gone"


if __name__ == "__main__":
    main()
