"""Two effects under one key, and workers that crash between them: the retry is told of the step
that was made, and does only the other one. Any Redis client will do.

    IDEM.BEGIN order-7                       CLAIMED token .. []                     charge the card
    IDEM.STEP order-7 token charged receipt  OK                                      .. a crash
    IDEM.BEGIN order-7                       CLAIMED token .. [[charged, receipt]]   send the mail
    IDEM.COMPLETE order-7 token receipt      OK

    charge_then_mail.py [port]
"""
import sys

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
ORDERS = 20

charges = []
mails = []


class Crash(Exception):
    """The worker dies here."""


def fulfil(client, order, crash_before=None):
    """One attempt. None: somebody else is at it, or was until just now."""
    answer = client.execute_command("IDEM.BEGIN", order, "BODY", order, "LEASE", 1)
    if answer[0] == b"REPLAY":
        return answer[3]
    if answer[0] != b"CLAIMED":
        return None
    token, steps = answer[1], dict(answer[4])
    if crash_before == "charge":
        raise Crash
    if b"charged" not in steps:
        charges.append(order)
        steps[b"charged"] = b"receipt for " + order
        client.execute_command("IDEM.STEP", order, token, "charged", steps[b"charged"])
    if crash_before == "mail":
        raise Crash
    mails.append(order)
    client.execute_command("IDEM.COMPLETE", order, token, steps[b"charged"])
    return steps[b"charged"]


def insist(client, order, crashes):
    """Retries until there is an answer; the first attempts crash where `crashes` says."""
    answer = None
    while answer is None:
        try:
            answer = fulfil(client, order, crashes.pop(0) if crashes else None)
        except Crash:
            pass
    return answer


def main():
    with redis.Redis(port=PORT) as client:
        for number in range(ORDERS):
            order = b"order-%d" % number
            crashes = ["charge", "mail", "mail"][number % 3:]
            receipt = b"receipt for " + order
            assert insist(client, order, crashes) == receipt
            assert insist(client, order, []) == receipt
    assert len(set(charges)) == len(charges) == ORDERS, charges
    assert len(set(mails)) == len(mails) == ORDERS, mails
    print(f"{ORDERS} orders, workers that crash: each was charged once and mailed once")


if __name__ == "__main__":
    main()
