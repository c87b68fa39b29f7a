"""DELETE, and its retry, whose first answer was lost: the finish of a DELETE is stored like any other.

Before: the order is gone, so the retry is told 404, as if it had never been there.

After: the retry is told the same 204. What was refused because there was nothing to delete is not
stored: the claim is released.

    deleted_order.py [port]
"""
import sys

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379


def delete_before(orders, order):
    if order not in orders:
        return 404
    orders.remove(order)
    return 204


def delete_after(client, orders, key, order):
    """`key` is the Idempotency-Key of the request: the same in its retry."""
    answer = client.execute_command("IDEM.BEGIN", key, "BODY", "DELETE " + order)
    if answer[0] == b"REPLAY":
        return answer[2]
    assert answer[0] == b"CLAIMED", answer
    if order not in orders:
        client.execute_command("IDEM.RELEASE", key, answer[1])
        return 404
    orders.remove(order)
    client.execute_command("IDEM.COMPLETE", key, answer[1], "", "CODE", 204)
    return 204


def main():
    orders = {"order-1", "order-2"}
    before = [delete_before(orders, "order-1") for _ in range(2)]
    print("before: DELETE order-1 and its retry:", *before)
    assert before == [204, 404], "the retry cannot tell"
    with redis.Redis(port=PORT) as client:
        after = [delete_after(client, orders, "delete-2", "order-2") for _ in range(2)]
        never = delete_after(client, orders, "delete-9", "order-9")
        print("after:  DELETE order-2 and its retry:", *after, "- what never was:", never)
        assert (after, never) == ([204, 204], 404), "the retry is told the same"


if __name__ == "__main__":
    main()
