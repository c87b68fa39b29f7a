"""A producer that numbers what it sends, as Kafka's idempotent producer does: IDEM.SEQ.

The network loses answers and messages; the producer sends again what was not answered, and the
broker appends each number once. A producer that starts anew takes a higher epoch, which fences what
is left of its former life.

    idempotent_producer.py [port]
"""
import sys

import redis

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
MESSAGES = 20


class Broker:
    def __init__(self, client):
        self.client = client
        self.log = []

    def append(self, epoch, seq):
        """What IDEM.SEQ answers: NEW, DUPLICATE, GAP expected or FENCED epoch."""
        answer = self.client.execute_command("IDEM.SEQ", "producer-1", epoch, seq, "TTL", 0)
        if answer[0] == b"NEW":
            self.log.append((epoch, seq))
        return answer


def send_all(broker, epoch):
    """Every third answer is lost, and every seventh message: the one behind it comes first."""
    seq = attempt = 0
    while seq < MESSAGES:
        attempt += 1
        answer = broker.append(epoch, seq + 1 if attempt % 7 == 0 else seq)
        if attempt % 3 == 0:
            continue
        seq = answer[1] if answer[0] == b"GAP" else seq + 1


def main():
    with redis.Redis(port=PORT) as client:
        broker = Broker(client)
        send_all(broker, 0)
        assert broker.log == [(0, seq) for seq in range(MESSAGES)], "each once, in order"
        assert broker.append(1, 5) == [b"GAP", 0], "a new epoch begins at 0"
        assert broker.append(1, 0) == [b"NEW"], "and then counts"
        assert broker.append(0, MESSAGES) == [b"FENCED", 1], "the former life is fenced"
        assert client.dbsize() == 1, "one entry, whatever the volume"
        print(f"{MESSAGES} messages, each appended once; a zombie is fenced")


if __name__ == "__main__":
    main()
