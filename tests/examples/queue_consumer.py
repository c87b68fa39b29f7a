"""A consumer of a queue that delivers at least once: IDEM.MSEEN and IDEM.BEGIN from any client.

Each message comes twice, and the consumer dies once, in the middle of its work. MSEEN marks a batch
and tells which ids are new: enough for work that happens in one step. Work that can fail half way
needs BEGIN: a claim that nobody completed is handed to the next delivery.

    queue_consumer.py [port]
"""
import sys

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
DAY_MS = 86_400_000
MAILS = ["mail-1", "mail-2", "mail-3"]


class Died(Exception):
    """The consumer is gone; the queue delivers again."""


class Consumer:
    """Sends a mail for each message; dies once, just before it sends `dies_at`."""

    def __init__(self, client, dies_at):
        self.client = client
        self.dies_at = dies_at
        self.mails = []

    def send(self, message):
        if message == self.dies_at:
            self.dies_at = None
            raise Died
        self.mails.append(message)

    def consume_seen(self, message):
        [first] = self.client.execute_command("IDEM.MSEEN", DAY_MS, "seen:" + message)
        if first:
            self.send(message)

    def consume_claimed(self, message):
        key = "claim:" + message
        answer = self.client.execute_command("IDEM.BEGIN", key, "LEASE", 1)
        while answer[0] == b"BUSY":  # for the millisecond of a lease whose owner has died
            answer = self.client.execute_command("IDEM.BEGIN", key, "LEASE", 1)
        if answer[0] == b"CLAIMED":
            self.send(message)
            self.client.execute_command("IDEM.COMPLETE", key, answer[1], "sent")


def deliver(consume):
    """Each message until it is consumed, and once more."""
    for message in MAILS:
        deliveries = 0
        while deliveries < 2:
            try:
                consume(message)
                deliveries += 1
            except Died:
                print(f"died at {message}; delivered again")


def main():
    with redis.Redis(port=PORT) as client:
        batch = client.execute_command("IDEM.MSEEN", 60_000, "a", "b", "a", "c")
        assert batch == [1, 1, 0, 1], "answers each id of a batch"
        seen, claimed = Consumer(client, "mail-2"), Consumer(client, "mail-2")
        deliver(seen.consume_seen)
        deliver(claimed.consume_claimed)
        print("seen:   ", *seen.mails)
        print("claimed:", *claimed.mails)
        assert seen.mails == ["mail-1", "mail-3"], "never twice, but one is lost"
        assert claimed.mails == MAILS, "each once"


if __name__ == "__main__":
    main()
