"""An order behind an HTTP API with ETag and If-Match: IDEM.CAS from any Redis client.

The tutorials read the version, compare it with If-Match, and write: two updates that come together
both find it right, and one is lost. IDEM.CAS compares and writes in one step; the version is the
ETag, and who comes too late is told 412 with what stands there now.

    order_update.py [port]
"""
import sys
import threading

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
UPDATES = 8  # at once


def get_order(client):
    """GET /orders/7: ETag and body."""
    return client.execute_command("IDEM.CASGET", "order-7")


def patch_order(client, etag, order):
    """PATCH /orders/7 with If-Match: status, ETag and body."""
    answer = client.execute_command("IDEM.CAS", "order-7", etag, order)
    if answer[0] == b"OK":
        return 200, answer[1], order
    return 412, answer[1], answer[2]


def add_word(word, meet):
    """A client of the API: comes again, with what it was told, until its change is in."""
    with redis.Redis(port=PORT) as client:
        etag, order = get_order(client)
        meet.wait()
        status = 412
        while status == 412:
            status, etag, order = patch_order(client, etag, order + b" " + word)


def main():
    with redis.Redis(port=PORT) as client:
        status, _, order = patch_order(client, 0, b"tea")
        assert status == 200, "0 creates"
        meet = threading.Barrier(UPDATES)
        words = [b"word-%d" % i for i in range(UPDATES)]
        callers = [threading.Thread(target=add_word, args=(word, meet)) for word in words]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        _, order = get_order(client)
        print(order.decode())
        assert sorted(order.split()[1:]) == sorted(words), "every update is there, once"


if __name__ == "__main__":
    main()
