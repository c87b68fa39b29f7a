"""Clients that use every side of an Idem store whose machine is taken away under them.

What they ask is random but fixed by the seed: pipelines of claims, settlements, takeovers and plain
values, over keys they share and keys of their own. Every answer goes to a judge: shared keys to the
SharedJournal, each client's own to its PrivateKeys.
"""
import collections
import random
import time

from support.private_keys import PrivateKeys
from support.resp_connection import ErrorReply, RespConnection
from support.shared_journal import FINGERPRINTS, FINISHED, Finish, OncePerKey, Record, SharedJournal

CLIENTS = 6
RECORDS_PER_LIFE = 24
VALUES_PER_LIFE = 12
OLD_RECORDS_PER_LIFE = 6
OLD_VALUES_PER_LIFE = 4
LEASES_MS = (1, 2, 4, 8, 16, 150, 3_600_000)
TOKENS_KEPT = 40


class Client:
    """One connection at a time, through all lives of the server."""

    def __init__(self, name, seed, journal, keys):
        self._name = name
        self._random = random.Random(f"{seed}/{name}")
        self._journal = journal
        self._keys = keys
        self.private = PrivateKeys(f"{name}:", self._random)
        self._tokens = collections.deque(maxlen=TOKENS_KEPT)
        self._serial = 0
        self.complaints = []

    def live(self, port, kill_switch):
        """Works until the server dies."""
        try:
            with RespConnection(port) as connection:
                self._complain(self.private.recover(connection.ask_all(self.private.readback())))
                while not self.complaints:
                    self._exchange(connection, kill_switch)
        except ConnectionError:
            pass
        except OSError as error:
            self._complain(f"client {self._name}: {error!r}")

    def _exchange(self, connection, kill_switch):
        """One pipeline of shared and private calls, mixed."""
        calls = [self._choose() for _ in range(self._random.randrange(1, 7))]
        private = self.private.choose(self._random.randrange(4))
        slots = [*calls, *[None] * len(private)]
        self._random.shuffle(slots)
        commands = iter(private)
        connection.send([call.command if call else next(commands) for call in slots])
        kill_switch.reached("sent")
        for call in slots:
            reply = connection.receive()
            if kill_switch.pulled and is_refusal(reply):
                raise ConnectionResetError("the log has failed, as it must on a dead disk")
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

    def _choose(self):
        pick = self._random.random()
        if pick < 0.01:
            return self._journal.snapshot()
        if pick < 0.15:
            return self._choose_value()
        if pick < 0.25:
            return self._journal.look(self._random.choice(self._keys.records))
        if pick < 0.6 or not self._tokens:
            return self._choose_begin()
        return self._choose_settling()

    def _choose_value(self):
        key = self._random.choice(self._keys.values)
        if self._random.random() < 0.3:
            return key.look()
        self._serial += 1
        return key.set(f"{self._name}-{self._serial}".encode())

    def _choose_begin(self):
        owner = self._name if self._random.random() < 0.5 else None
        fingerprint = FINGERPRINTS[self._random.random() < 0.1]
        return self._journal.begin(self._random.choice(self._keys.records), fingerprint,
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


def is_refusal(reply):
    """Not applied, because the log has failed, or cannot make its next file."""
    return isinstance(reply, ErrorReply) and reply.code in ("UNAVAILABLE", "NOSPACE")


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
        old_records = self._some(self.all_records, OLD_RECORDS_PER_LIFE)
        old_values = self._some(self.all_values, OLD_VALUES_PER_LIFE)
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
        return (self.records + self._some(self.all_records, len(self.all_records) // 10),
                self.values + self._some(self.all_values, len(self.all_values) // 10))

    def _some(self, keys, count):
        return self._random.sample(keys, min(count, len(keys)))


class UpTime:
    """Milliseconds in which a server was up: the most that the store may have counted."""

    def __init__(self):
        self._down_s = 0.0
        self._stopped_at_s = time.monotonic()

    def __call__(self):
        return (time.monotonic() - self._down_s) * 1000

    def stopped(self):
        self._stopped_at_s = time.monotonic()

    def starts(self):
        self._down_s += time.monotonic() - self._stopped_at_s


class IdemWorkload:
    """Clients, keys and judges; see campaign.py."""

    def __init__(self, seed, has_log=True):
        rng = random.Random(f"{seed}/keys")
        self._up_time = UpTime()
        self._journal = SharedJournal(self._up_time, has_log)
        self._keys = Keys(self._journal, rng)
        self._has_log = has_log
        self._epoch = 0
        self.counts = self._journal.counts
        self.clients = [Client(f"c{i}", seed, self._journal, self._keys) for i in range(CLIENTS)]

    def server_starts(self):
        self._up_time.starts()

    def server_stopped(self):
        self._up_time.stopped()

    def begin_life(self, cycle):
        self._keys.renew(cycle)

    def violations(self):
        found = list(self._journal.violations)
        for client in self.clients:
            found += client.complaints
        return found

    def check_restart(self, connection, everything):
        self._check_info(connection.info())
        records, values = self._keys.to_check(everything)
        self._ask(connection, [key.look() for key in values])
        self._ask(connection, [self._journal.look(record) for record in records])
        # The bytes of a finish are told to a BEGIN only.
        finished = [record for record in records if record.floor[1] == FINISHED]
        self._ask(connection, [self._journal.begin(record, record.fingerprint or "A", 1)
                               for record in finished])

    def _check_info(self, info):
        epoch = int(info["epoch"])
        if self._has_log and epoch <= self._epoch:
            self._journal.violations.append(f"epoch {epoch} after epoch {self._epoch}")
        self._epoch = epoch
        self.counts["starts with one"] += int(info["snapshot_lsn"]) > 0
        self.counts["torn tails"] += int(info["torn_tails_cut"])

    def _ask(self, connection, calls):
        replies = connection.ask_all([call.command for call in calls])
        for call, reply in zip(calls, replies):
            self.counts["read back"] += 1
            self._journal.answered(call, reply)

    def summary(self):
        counts = self.counts
        private = [client.private for client in self.clients]
        return (f"{counts['acks']} acks checked, "
                f"{counts['read back']} of them after a restart, "
                f"{sum(keys.unanswered for keys in private)} private calls unanswered at a cut "
                f"({sum(keys.unanswered_but_applied for keys in private)} of them seen applied), "
                f"{counts['CLAIMED']} claims, "
                f"{counts['finishes']} finishes, {counts['takeovers']} takeovers, "
                f"{counts['FENCED']} fenced, {counts['REPLAY']} replays, "
                f"{counts['MISMATCH']} mismatches, "
                f"{counts['snapshots']} snapshots asked for, "
                f"{counts['starts with one']} starts with one, {counts['torn tails']} torn tails")