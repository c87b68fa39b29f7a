"""A button that is clicked twice while the first click still runs: one charge, and both clicks get
the one receipt. WAIT is all it takes; the second click does not poll.

    double_click.py [port]
"""
import sys
import threading

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
ORDERS = 20
CLICKS = 4

charges = []


def pay(order, meet, receipts):
    """One click, with a connection of its own."""
    with redis.Redis(port=PORT) as client:
        meet.wait()
        answer = client.execute_command("IDEM.BEGIN", order, "BODY", order, "WAIT", 10000)
        if answer[0] == b"CLAIMED":
            charges.append(order)
            receipt = b"receipt for " + order
            client.execute_command("IDEM.COMPLETE", order, answer[1], receipt, "CODE", 201)
            receipts.append(receipt)
        elif answer[0] == b"REPLAY":
            receipts.append(answer[3])
        else:
            receipts.append(b"409 " + answer[0])  # BUSY: ten seconds were not enough


def main():
    for number in range(ORDERS):
        order = b"order-%d" % number
        meet, receipts = threading.Barrier(CLICKS), []
        clicks = [threading.Thread(target=pay, args=(order, meet, receipts))
                  for _ in range(CLICKS)]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
        assert receipts == [b"receipt for " + order] * CLICKS, receipts
    assert len(set(charges)) == len(charges) == ORDERS, charges
    print(f"{ORDERS} orders, clicked {CLICKS} times each: charged {len(charges)} times")


if __name__ == "__main__":
    main()
