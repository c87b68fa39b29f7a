"""The keys of one client that shares them with nobody: every answer is known beforehand.

The client's commands run in the order it sent them. So a crash leaves the state after the answered
ones and some first part of the unanswered: nothing less, nothing half, no hole.

    keys = PrivateKeys("w3:", random)
    commands = keys.choose(4)                   # to be sent in one pipeline
    complaint = keys.answered(reply)            # in order; "" when it is as it must be
    ...                                         # a crash: some were never answered
    keys.recover(connection.ask_all(keys.readback()))
"""
import collections

from support.resp_connection import ErrorReply

LEASE_MS = 3_600_000  # nothing of this runs out during the test
NAMES = 6

# state: absent, running, failed_retry, completed, failed_final. token None: claimed by a command
# whose answer was lost, or is not here yet.
Record = collections.namedtuple("Record", "state attempt token code response")
ABSENT = Record("absent", 0, None, 0, b"")


def begin(record):
    """The expected answer and the next record."""
    if record.state in ("completed", "failed_final"):
        return ["REPLAY", record.state, record.code, record.response], record
    if record.state == "running":
        return ["BUSY", "running", record.attempt], record
    attempt = record.attempt + 1
    return ["CLAIMED", attempt], Record("running", attempt, None, 0, b"")


def settle(record, token, state, code=0, response=b""):
    if record.state == "absent":
        return "UNKNOWNKEY", record
    if record.token != token:
        return "FENCED", record
    settled = Record(state, record.attempt, token, code, response)
    if record.state == "running":
        return "OK", ABSENT if state == "absent" else settled
    return ("OK" if record == settled else "CONFLICT"), record


def forget(record, force=False):
    if record.state == "running" and not force:
        return "REFUSED", record
    return "OK", ABSENT


def delete(record):
    if record.state == "running":
        return "REFUSED", record
    return int(record != ABSENT), ABSENT


class PrivateKeys:
    def __init__(self, prefix, random):
        self._random = random
        self._serial = 0
        self._names = [f"{prefix}record{i}" for i in range(NAMES)]
        self._values = [f"{prefix}value{i}" for i in range(NAMES)]
        self._state = {**dict.fromkeys(self._names, ABSENT), **dict.fromkeys(self._values)}
        self._tokens = {name: [1] for name in self._names}  # 1: never given out
        self._unanswered = collections.deque()
        self.unanswered = 0  # over all crashes
        self.unanswered_but_applied = 0

    # --- Commands: each is (key, what is sent, the model's step) ----------------------------------

    def choose(self, count):
        chosen = [self._choose_one() for _ in range(count)]
        self._unanswered.extend(chosen)
        return [command for _, command, _ in chosen]

    def _choose_one(self):
        self._serial += 1
        if self._random.random() < 0.5:
            return self._value_command(self._random.choice(self._values))
        return self._record_command(self._random.choice(self._names))

    def _value_command(self, key):
        value = f"{key}={self._serial}".encode()
        pick = self._random.randrange(6)
        if pick == 0:
            return key, ["GET", key], lambda old: (old, old)
        if pick == 1:
            return key, ["DEL", key], lambda old: (int(old is not None), None)
        if pick == 2:
            return key, ["SET", key, value], lambda old: ("OK", value)
        if pick == 3:
            return key, ["SET", key, value, "XX", "GET"], lambda old: (old, old and value)
        return (key, ["SET", key, value, "NX", "PX", LEASE_MS],
                lambda old: (("OK", value) if old is None else (None, old)))

    def _record_command(self, key):
        # Mostly the newest token, at times one of before.
        token = self._tokens[key][-1]
        if self._random.random() < 0.2:
            token = self._random.choice(self._tokens[key])
        code = self._serial % 600
        response = f"{key}#{self._serial}".encode()
        pick = self._random.randrange(13)
        if pick < 4:
            return key, ["IDEM.BEGIN", key, "BODY", key, "LEASE", LEASE_MS, "TTL", LEASE_MS], begin
        if pick < 7:
            return (key, ["IDEM.COMPLETE", key, token, response, "CODE", code],
                    lambda old: settle(old, token, "completed", code, response))
        if pick == 7:
            return (key, ["IDEM.FAIL", key, token, "FINAL", response, "CODE", code],
                    lambda old: settle(old, token, "failed_final", code, response))
        if pick == 8:
            return (key, ["IDEM.FAIL", key, token, "RETRY"],
                    lambda old: settle(old, token, "failed_retry"))
        if pick == 9:
            return (key, ["IDEM.RELEASE", key, token], lambda old: settle(old, token, "absent"))
        if pick == 10:
            return key, ["DEL", key], delete
        if pick == 11:
            return key, ["IDEM.FORGET", key], forget
        return key, ["IDEM.FORGET", key, "FORCE"], lambda old: forget(old, force=True)

    # --- Answers ----------------------------------------------------------------------------------

    def answered(self, reply):
        key, command, step = self._unanswered.popleft()
        before = self._state[key]
        expected, after = step(before)
        told, token = simplify(command, reply)
        if token is not None and after.token is None:
            if token <= self._tokens[key][-1]:
                return f"a token that does not rise: {command} answered {reply!r}"
            self._tokens[key].append(token)
            after = after._replace(token=token)
        self._state[key] = after
        if told == expected:
            return ""
        return f"a private key: {command} on {before} answered {reply!r:.200}"

    # --- After a crash ----------------------------------------------------------------------------

    def readback(self):
        return ([["GET", key] for key in self._values] +
                [["IDEM.GET", key] for key in self._names])

    def recover(self, replies):
        """Finds how many of the unanswered commands were applied; "" if some number explains it."""
        seen = dict(zip(self._values + self._names, replies))
        unanswered, self._unanswered = self._unanswered, collections.deque()
        state = dict(self._state)
        matches = self._adopt(state, seen)
        applied = 0
        while not matches and applied < len(unanswered):
            key, _, step = unanswered[applied]
            state[key] = step(state[key])[1]
            applied += 1
            matches = self._adopt(state, seen)
        self.unanswered += len(unanswered)
        self.unanswered_but_applied += applied
        if matches:
            return ""
        wrong = [f"{key}: acked {self._state[key]}, found {reply}"
                 for key, reply in seen.items() if not explains(self._state[key], reply)]
        return (f"private keys lost what was acked, or kept a part with a hole: {wrong}; "
                f"unanswered were {[command for _, command, _ in unanswered]}")

    def _adopt(self, state, seen):
        if not all(explains(state[key], reply) for key, reply in seen.items()):
            return False
        self._state = state
        for key in self._names:
            if state[key].state != "absent" and state[key].token is None:
                token = dict_of(seen[key])[b"token"]
                self._tokens[key].append(token)
                state[key] = state[key]._replace(token=token)
        return True


def simplify(command, reply):
    """The part of a reply that the model foretells, and a new token if it tells one."""
    if isinstance(reply, ErrorReply):
        return reply.code, None
    if command[0] != "IDEM.BEGIN":
        return reply, None
    answer = reply[0].decode()
    if answer == "CLAIMED":
        return [answer, reply[2]], reply[1]
    if answer == "BUSY":
        return [answer, reply[1].decode(), reply[3]], None
    if answer == "REPLAY":
        return [answer, reply[1].decode(), reply[2], reply[3]], None
    return reply, None


def dict_of(pairs):
    return dict(zip(pairs[::2], pairs[1::2]))


def explains(expected, reply):
    """Is this what GET or IDEM.GET tells of the expected state?"""
    if not isinstance(expected, Record):
        return reply == expected
    if reply is None or isinstance(reply, ErrorReply):
        return reply is None and expected == ABSENT
    told = dict_of(reply)
    seen = (told[b"state"].decode(), told[b"attempt"], told[b"code"], told[b"response_bytes"])
    return (seen == (expected.state, expected.attempt, expected.code, len(expected.response)) and
            expected.token in (None, told[b"token"]))
