"""Committed offsets per partition: IDEM.SEQ with a window, for workers that finish out of order.

Eight workers take messages of one partition, each message is delivered to two of them, and they
finish in any order. A worker commits the offset before it acts: NEW is told to one of the two. The
lowest offset that has not come is the committed one: from there on a restart has to read.

    committed_offsets.py [port]
"""
import queue
import sys
import threading

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
OFFSETS = 500
WORKERS = 8
GENERATION = 1  # of the consumer group: a later one fences this one


def work(deliveries, consumed):
    with redis.Redis(port=PORT) as client:
        while True:
            try:
                offset = deliveries.get_nowait()
            except queue.Empty:
                return
            answer = [b"GAP"]
            while answer[0] == b"GAP":  # the slowest of the others is far behind
                answer = client.execute_command(
                    "IDEM.SEQ", "partition-3", GENERATION, offset, "WINDOW", 64, "TTL", 0)
            if answer[0] == b"NEW":
                consumed.append(offset)


def main():
    deliveries = queue.Queue()
    for offset in range(OFFSETS):
        deliveries.put(offset)
        deliveries.put(offset)
    consumed = []
    workers = [threading.Thread(target=work, args=(deliveries, consumed)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(consumed) == list(range(OFFSETS)), "each once"
    with redis.Redis(port=PORT) as client:
        assert client.execute_command("IDEM.SEQGET", "partition-3") == [GENERATION, OFFSETS, -1]
        again = client.execute_command("IDEM.SEQ", "partition-3", GENERATION, OFFSETS - 1)
        assert again == [b"DUPLICATE"]
        stale = client.execute_command("IDEM.SEQ", "partition-3", GENERATION - 1, OFFSETS)
        assert stale == [b"FENCED", GENERATION], "who lost the partition is fenced"
    print(f"{2 * OFFSETS} deliveries to {WORKERS} workers, {len(consumed)} consumed")


if __name__ == "__main__":
    main()
