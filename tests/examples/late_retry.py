"""A retry that comes after its record was forgotten: IDEM.BEGIN .. ISSUED from any client.

Before: the key is unknown, so the retry runs as new, and the card is charged twice.

After: the caller says when the request was issued. Where nothing is known of a request that is
older than what is remembered, it does not run: TOOOLD, for the caller to look whether it was done.
A key that is a UUIDv7 or a ULID tells its time itself: ISSUED KEY.

    late_retry.py [port]
"""
import sys
import time

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
TTL_MS = 1000  # of an hour or a day, so that the example need not last as long


def uuid7(unix_ms, number):
    text = f"{unix_ms:012x}7000{0x8000000000000000 + number:016x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def pay(client, key, *issued):
    answer = client.execute_command("IDEM.BEGIN", key, "LEASE", 1, "TTL", TTL_MS, *issued)
    if answer[0] == b"CLAIMED":
        client.execute_command("IDEM.COMPLETE", key, answer[1], "receipt")
    return answer[0]


def main():
    # Issued long ago, so whatever the store knew of it is forgotten by now.
    issued_ms = int(time.time() * 1000) - 10 * TTL_MS
    with redis.Redis(port=PORT) as client:
        before = pay(client, uuid7(issued_ms, 1))
        print("before (a key alone):         ", before.decode(), "- charged once more")
        assert before == b"CLAIMED"
        after = pay(client, uuid7(issued_ms, 2), "ISSUED", "KEY")
        print("after (and its time of issue):", after.decode(), "- 410, look whether it was done")
        assert after == b"TOOOLD"
        fresh = [pay(client, uuid7(int(time.time() * 1000), 3), "ISSUED", "KEY") for _ in range(2)]
        print("a request of now:             ", *(answer.decode() for answer in fresh))
        assert fresh[0] == b"CLAIMED"


if __name__ == "__main__":
    main()
