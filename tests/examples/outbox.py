"""A transactional outbox from any client: IDEM.CHANGES, with a cursor.

IDEM.COMPLETE settles an order and is, at the same place in the log, what the publisher reads. So
there is no moment at which one is done and the other is forgotten. The publisher is told each order
at least once, under one LSN; downstream keeps the highest LSN that it has taken in the transaction
in which it takes it, and so drops what comes again.

    outbox.py [port]                         orders, and a publisher that dies again and again
    outbox.py publish port FILE [die_after]  the publisher alone; prints what it publishes
"""
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile

import redis

ORDERS = [f"order-{i}" for i in range(1, 41)]


class Downstream:
    """Some other service's database."""

    def __init__(self, path):
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.executescript(
            "CREATE TABLE IF NOT EXISTS position (one PRIMARY KEY, lsn);"
            "INSERT OR IGNORE INTO position VALUES (1, 0);"
            "CREATE TABLE IF NOT EXISTS mails (recipient, text);")

    def take(self, lsn, order, receipt):
        """True if it was new."""
        self.database.execute("BEGIN IMMEDIATE")
        moved = self.database.execute("UPDATE position SET lsn = ? WHERE lsn < ?", (lsn, lsn))
        new = moved.rowcount == 1
        if new:
            self.database.execute("INSERT INTO mails VALUES (?, ?)", (order, receipt))
        self.database.execute("COMMIT")
        return new

    def mails(self):
        return [row[0] for row in self.database.execute("SELECT recipient FROM mails")]


def publish(client, downstream, die_after=0):
    """For ever; a reader that has kept nothing begins with 0."""
    handled, taken = 0, 0
    while True:
        handled, _, changes = client.execute_command(
            "IDEM.CHANGES", handled, "COUNT", 10, "BLOCK", 10_000, "CURSOR", "mail")
        for lsn, what, order, _token, _code, receipt, _attempt in changes:
            new = what == b"completed" and downstream.take(lsn, order.decode(), receipt)
            print(order.decode(), "published" if new else "came again", flush=True)
            taken += 1
            if taken == die_after:
                os.kill(os.getpid(), signal.SIGKILL)


def complete(client, order):
    """The work of a service; safe to repeat after any failure."""
    answer = client.execute_command("IDEM.BEGIN", order, "OWNER", "worker")
    if answer[0] == b"CLAIMED":
        client.execute_command("IDEM.COMPLETE", order, answer[1], f"receipt of {order}")


def start_publisher(port, path, die_after=0):
    return subprocess.Popen(
        [sys.executable, "-B", __file__, "publish", str(port), path, str(die_after)],
        stdout=subprocess.PIPE, text=True)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
    again = 0
    with tempfile.TemporaryDirectory() as directory, redis.Redis(port=port) as client:
        path = os.path.join(directory, "downstream.db")
        for order in ORDERS:
            complete(client, order)
        for die_after in (3, 4, 7, 13, 0):
            with start_publisher(port, path, die_after) as publisher:
                for line in publisher.stdout:
                    again += line.endswith("came again\n")
                    if line.startswith(ORDERS[-1]):
                        publisher.kill()
        mails = Downstream(path).mails()
    print(f"{len(mails)} mails; {again} orders came again and were dropped")
    assert mails == ORDERS, "each once, in the order of the log"
    assert again > 0, "at least once is what the stream promises"


if __name__ == "__main__":
    if sys.argv[1:2] == ["publish"]:
        publish(redis.Redis(port=int(sys.argv[2])), Downstream(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
