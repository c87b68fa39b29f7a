"""Clients that use a store which is killed under them, and the keys they share.

What they ask is random but fixed by the seed. Every answer goes to a judge: shared keys to the
SharedJournal, each client's own to its PrivateKeys.
"""
import collections
import random
import threading

from support.private_keys import PrivateKeys
from support.resp_connection import RespConnection
from support.shared_journal import FINGERPRINTS, Finish, OncePerKey, Record

RECORDS_PER_LIFE = 24
VALUES_PER_LIFE = 12
OLD_RECORDS_PER_LIFE = 6
OLD_VALUES_PER_LIFE = 4
LEASES_MS = (1, 2, 4, 8, 16, 150, 3_600_000)
TOKENS_KEPT = 40


class KillSwitch:
    """Kills the server after so many answers, at the next moment of a kind:

    answered  an answer has come
    observed  .. that shows what its doer has not been told yet
    sent      a pipeline has left

    When none comes for long, at any moment.
    """

    PATIENCE = 500
    MOMENTS = ("answered", "observed", "sent")

    def __init__(self, server, answers, moment):
        self._server = server
        self._left = answers
        self._moment = moment
        self._lock = threading.Lock()
        self.pulled = False

    def reached(self, moment):
        with self._lock:
            self._left -= moment == "answered"
            now = moment == self._moment or self._left < -self.PATIENCE
            if self._left <= 0 and now and not self.pulled:
                self.pulled = True
                self._server.signal_kill()


class Client:
    """One connection at a time, through all lives of the server."""

    def __init__(self, name, seed, journal):
        self._name = name
        self._random = random.Random(f"{seed}/{name}")
        self._journal = journal
        self.private = PrivateKeys(f"{name}:", self._random)
        self._tokens = collections.deque(maxlen=TOKENS_KEPT)
        self._serial = 0
        self.complaints = []

    def live(self, port, keys, kill_switch):
        """Works until the server dies."""
        try:
            with RespConnection(port) as connection:
                self._complain(self.private.recover(connection.ask_all(self.private.readback())))
                while not self.complaints:
                    self._exchange(connection, keys, kill_switch)
        except ConnectionError:
            pass
        except OSError as error:
            self._complain(f"client {self._name}: {error!r}")

    def _exchange(self, connection, keys, kill_switch):
        """One pipeline of shared and private calls, mixed."""
        calls = [self._choose(keys) for _ in range(self._random.randrange(1, 7))]
        private = self.private.choose(self._random.randrange(4))
        slots = [*calls, *[None] * len(private)]
        self._random.shuffle(slots)
        commands = iter(private)
        connection.send([call.command if call else next(commands) for call in slots])
        kill_switch.reached("sent")
        for call in slots:
            reply = connection.receive()
            kill_switch.reached("answered")
            if call is None:
                self._journal.counts["acks"] += 1
                self._complain(self.private.answered(reply))
                continue
            if self._journal.answered(call, reply):
                kill_switch.reached("observed")
            self._keep_token(call, reply)

    def _complain(self, complaint):
        if complaint:
            self.complaints.append(complaint)

    def _keep_token(self, call, reply):
        if isinstance(reply, list) and reply[0] == b"CLAIMED":
            self._tokens.append((call.record, reply[1]))

    def _choose(self, keys):
        pick = self._random.random()
        if pick < 0.15:
            return self._choose_value(keys)
        if pick < 0.25:
            return self._journal.look(self._random.choice(keys.records))
        if pick < 0.6 or not self._tokens:
            return self._choose_begin(keys)
        return self._choose_settling()

    def _choose_value(self, keys):
        key = self._random.choice(keys.values)
        if self._random.random() < 0.3:
            return key.look()
        self._serial += 1
        return key.set(f"{self._name}-{self._serial}".encode())

    def _choose_begin(self, keys):
        owner = self._name if self._random.random() < 0.5 else None
        fingerprint = FINGERPRINTS[self._random.random() < 0.1]
        return self._journal.begin(self._random.choice(keys.records), fingerprint,
                                   self._random.choice(LEASES_MS), owner)

    def _choose_settling(self):
        # Some of these are of former lives, most were taken over meanwhile.
        record, token = self._random.choice(self._tokens)
        pick = self._random.random()
        if pick < 0.2:
            return self._journal.give_up(record, token)
        if pick < 0.4:
            return self._journal.extend(record, token, self._random.choice(LEASES_MS))
        self._serial += 1
        size = self._random.choice((1, 10, 300, 5000))
        return self._journal.finish(record, token, Finish(
            self._random.choice((b"completed", b"completed", b"failed_final")),
            self._serial % 600, f"{self._name}-{self._serial}-".encode() + b"x" * size))


class Keys:
    """The shared keys: new ones for each life, and some old ones."""

    def __init__(self, journal, rng):
        self._journal = journal
        self._random = rng
        self.all_records = []
        self.all_values = []
        self.records = []
        self.values = []

    def renew(self, life):
        old_records = self._random.sample(self.all_records, min(OLD_RECORDS_PER_LIFE, len(self.all_records)))
        old_values = self._random.sample(self.all_values, min(OLD_VALUES_PER_LIFE, len(self.all_values)))
        new_records = [Record(f"record:{life}:{i}") for i in range(RECORDS_PER_LIFE)]
        new_values = [OncePerKey(f"value:{life}:{i}") for i in range(VALUES_PER_LIFE)]
        self.all_records += new_records
        self.all_values += new_values
        self.records = old_records + new_records
        self.values = old_values + new_values

    def to_check(self, everything):
        """What a restart is asked for: the keys of the last life, and a tenth of all."""
        if everything:
            return self.all_records, self.all_values
        return (self.records + self._tenth(self.all_records),
                self.values + self._tenth(self.all_values))

    def _tenth(self, keys):
        return self._random.sample(keys, len(keys) // 10)
