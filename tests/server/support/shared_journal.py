"""A journal of clients that share keys: it judges every answer when it comes.

Of each key it keeps only what is *known*: how far it has come at least (its floor: attempt and
rank), and what may never change once it was seen: fingerprint, finish, the attempt of each token.
A call remembers what was known when it was sent; an answer that lies below is a lost one, whatever
crashed between. Keys here are never forgotten and outlive the test, so nothing may ever go back.

    call = journal.begin(key, fingerprint, lease_ms)
    connection.send([call.command])
    journal.answered(call, connection.receive())

Time is what the store may count: milliseconds without those in which the server was down.

Thread rule: any call from any thread.
"""
import collections
import threading

from support.resp_connection import ErrorReply

RUNNING, GIVEN_UP, FINISHED = 0, 1, 2
RANKS = {b"running": RUNNING, b"orphaned": RUNNING, b"backoff": GIVEN_UP,
         b"failed_retry": GIVEN_UP, b"completed": FINISHED, b"failed_final": FINISHED}
FINGERPRINTS = ("A", "B")
RETENTION_MS = 3_600_000
CLOCK_STEP_MS = 2  # the store counts whole milliseconds

Finish = collections.namedtuple("Finish", "outcome code response")
Known = collections.namedtuple("Known", "floor finish finish_token newest_token")


class Claim:
    """What is known of one token."""

    def __init__(self, attempt):
        self.attempt = attempt
        self.owner = None
        self.lease_end_ms = 0  # at the earliest
        self.may_be_given_up = False
        self.settlements = set()  # all that were sent


class Record:
    """What is known of one key."""

    def __init__(self, name):
        self.name = name
        self.fingerprint = None
        self.floor = (0, RUNNING)
        self.finish = None
        self.finish_token = None
        self.claims = {}
        self.begins_sent = 0
        self.finishes_sent = set()

    def raise_floor(self, position):
        self.floor = max(self.floor, position)


class Call:
    def __init__(self, judge, record, command, known, sent_ms, **details):
        self.judge = judge
        self.record = record
        self.command = command
        self.known = known
        self.sent_ms = sent_ms
        self.__dict__.update(details)


class SharedJournal:
    def __init__(self, now_ms, has_log):
        self._now_ms = now_ms
        self._has_log = has_log
        self._whole_store = Record("")
        self._lock = threading.Lock()
        self._newest_token = 0
        self._key_of_token = {}
        self.violations = []
        self.counts = collections.Counter()

    # --- What is asked ----------------------------------------------------------------------------

    def begin(self, record, fingerprint, lease_ms, owner=None):
        command = ["IDEM.BEGIN", record.name, "FP", fingerprint, "LEASE", lease_ms,
                   "TTL", RETENTION_MS]
        if owner:
            command += ["OWNER", owner]
        with self._lock:
            record.begins_sent += 1
            return self._call(self._judge_begin, record, command, fingerprint=fingerprint,
                              lease_ms=lease_ms, owner=owner)

    def finish(self, record, token, finish):
        command = ["IDEM.COMPLETE", record.name, token, finish.response, "CODE", finish.code]
        if finish.outcome == b"failed_final":
            command = ["IDEM.FAIL", record.name, token, "FINAL", finish.response,
                       "CODE", finish.code]
        with self._lock:
            record.finishes_sent.add(finish)
            record.claims[token].settlements.add(finish)
            return self._call(self._judge_settling, record, command, token=token, finish=finish,
                              rank=FINISHED)

    def give_up(self, record, token):
        with self._lock:
            record.claims[token].may_be_given_up = True
            record.claims[token].settlements.add("retry")
            return self._call(self._judge_settling, record,
                              ["IDEM.FAIL", record.name, token, "RETRY"],
                              token=token, finish="retry", rank=GIVEN_UP)

    def extend(self, record, token, lease_ms):
        with self._lock:
            return self._call(self._judge_settling, record,
                              ["IDEM.EXTEND", record.name, token, lease_ms],
                              token=token, finish=None, rank=RUNNING, lease_ms=lease_ms)

    def look(self, record):
        with self._lock:
            return self._call(self._judge_look, record, ["IDEM.GET", record.name])

    def snapshot(self):
        """Changes nothing that anybody can see, wherever it is cut."""
        with self._lock:
            return self._call(self._judge_snapshot, self._whole_store, ["IDEM.SNAPSHOT"])

    def _call(self, judge, record, command, **details):
        known = Known(record.floor, record.finish, record.finish_token, self._newest_token)
        return Call(judge, record, command, known, self._now_ms(), **details)

    # --- What was answered ------------------------------------------------------------------------

    def answered(self, call, reply):
        """True if it shows what another client did and has not been told yet."""
        with self._lock:
            self.counts["acks"] += 1
            floor = call.record.floor
            for complaint in call.judge(call, reply):
                self.violations.append(f"{complaint}: {call.command} answered {reply!r:.200}, "
                                       f"when {call.known} was known")
            own = reply == "OK" or isinstance(reply, list) and reply[0] == b"CLAIMED"
            return call.record.floor > floor and not own

    def _judge_begin(self, call, reply):
        if isinstance(reply, ErrorReply):
            yield "an error"
            return
        answer = reply[0]
        self.counts[answer.decode()] += 1
        if answer == b"MISMATCH":
            yield from self._judge_mismatch(call, *reply[1:])
            return
        yield from self._bind(call.record, call.fingerprint)
        if answer == b"CLAIMED":
            yield from self._judge_claim(call, *reply[1:3])
        elif answer == b"BUSY":
            yield from self._judge_busy(call, *reply[1:4])
        elif answer == b"REPLAY":
            yield from self._see_finish(call.record, Finish(*reply[1:4]))
        else:
            yield "an unknown answer"

    def _judge_mismatch(self, call, state):
        other = FINGERPRINTS[1 - FINGERPRINTS.index(call.fingerprint)]
        yield from self._bind(call.record, other)
        if call.known.finish and RANKS.get(state) != FINISHED:
            yield "an acked finish is gone"

    def _judge_busy(self, call, reason, retry_after_ms, attempt):
        if retry_after_ms < 0 or attempt > call.record.begins_sent:
            yield "a busy answer from nowhere"
        yield from self._rise(call, (attempt, RANKS.get(reason)))

    def _judge_claim(self, call, token, attempt):
        record = call.record
        yield from self._rise(call, (attempt, RUNNING))
        if attempt > record.begins_sent:
            yield "more attempts than were asked for"
        known_claim = record.claims.get(token)
        if known_claim is not None and known_claim.owner not in (None, call.owner):
            yield "one token, two owners"
        if call.owner is None and token <= call.known.newest_token:
            yield "a token that does not rise"
        yield from self._see_token(record, token, attempt)
        if known_claim is None:
            yield from self._judge_takeover(record, attempt)
        claim = record.claims[token]
        claim.owner = call.owner or f"call {id(call)}"
        claim.lease_end_ms = max(claim.lease_end_ms, call.sent_ms + call.lease_ms)

    def _judge_takeover(self, record, attempt):
        """No takeover before the lease of the claim before has run."""
        for claim in record.claims.values():
            if claim.attempt != attempt - 1 or claim.may_be_given_up:
                continue
            self.counts["takeovers"] += 1
            if self._now_ms() + CLOCK_STEP_MS < claim.lease_end_ms:
                yield f"taken over {claim.lease_end_ms - self._now_ms()} ms before the lease's end"

    def _judge_settling(self, call, reply):
        record = call.record
        claim = record.claims[call.token]
        answer = reply.code if isinstance(reply, ErrorReply) else reply
        self.counts[answer] += 1
        if answer == "OK":
            yield from self._judge_settled(call, claim)
        elif answer == "FENCED":
            if call.known.finish_token == call.token:
                yield "the token of the finish is fenced"
            if record.begins_sent <= claim.attempt:
                yield "fenced by nobody"
            record.raise_floor((claim.attempt + 1, RUNNING))
        elif answer == "CONFLICT":
            if not claim.settlements - {call.finish}:
                yield "a conflict with nothing"
            record.raise_floor((claim.attempt, GIVEN_UP))
        else:
            yield "an error"

    def _judge_settled(self, call, claim):
        if (claim.attempt, call.rank) < call.known.floor:
            yield "a stale token had an effect"
        if call.rank == FINISHED:
            self.counts["finishes"] += 1
            yield from self._see_finish(call.record, call.finish, call.token)
            return
        if call.known.finish:
            yield "an acked finish is gone"
        call.record.raise_floor((claim.attempt, call.rank))
        if call.rank == RUNNING:
            claim.lease_end_ms = max(claim.lease_end_ms, call.sent_ms + call.lease_ms)

    def _judge_look(self, call, reply):
        if isinstance(reply, ErrorReply):
            yield "an error"
            return
        if reply is None:
            if call.known.floor > (0, RUNNING):
                yield "an acked record is gone"
            return
        told = dict(zip(reply[::2], reply[1::2]))
        yield from self._see_token(call.record, told[b"token"], told[b"attempt"])
        yield from self._rise(call, (told[b"attempt"], RANKS.get(told[b"state"])))
        if RANKS.get(told[b"state"]) == FINISHED:
            yield from self._judge_finished_look(call.record, told)

    def _judge_finished_look(self, record, told):
        if record.finish_token not in (None, told[b"token"]):
            yield "a finish has changed hands"
        record.finish_token = told[b"token"]
        seen = (told[b"state"], told[b"code"], told[b"response_bytes"])
        possible = [record.finish] if record.finish else record.finishes_sent
        if all(seen != (f.outcome, f.code, len(f.response)) for f in possible):
            yield "a finish that was never sent, or has changed"

    def _judge_snapshot(self, call, reply):
        del call
        self.counts["snapshots"] += reply == "OK"
        if self._has_log and reply != "OK":
            yield "no snapshot"

    # --- What never changes -----------------------------------------------------------------------

    def _bind(self, record, fingerprint):
        if record.fingerprint not in (None, fingerprint):
            yield "a fingerprint has changed"
        record.fingerprint = fingerprint

    def _rise(self, call, position):
        if position[1] is None:
            yield "an unknown state"
            return
        if position < call.known.floor or call.known.finish and position[1] != FINISHED:
            yield "what was acked or observed is gone"
        call.record.raise_floor(position)

    def _see_finish(self, record, finish, token=None):
        if finish not in record.finishes_sent:
            yield "a finish that nobody sent"
        if record.finish not in (None, finish):
            yield f"a finish has changed, it was {record.finish}"
        if token is not None and record.finish_token not in (None, token):
            yield "two owners finished"
        record.finish = finish
        record.finish_token = token or record.finish_token
        record.raise_floor((record.floor[0], FINISHED))

    def _see_token(self, record, token, attempt):
        if self._key_of_token.setdefault(token, record) is not record:
            yield "one token, two keys"
        self._newest_token = max(self._newest_token, token)
        claim = record.claims.setdefault(token, Claim(attempt))
        for other_token, other in record.claims.items():
            if (other_token < token) != (other.attempt < attempt) or (
                    other_token > token) != (other.attempt > attempt):
                yield f"attempts and tokens disagree with token {other_token}"
        if claim.attempt != attempt:
            yield "an attempt has changed"


class OncePerKey:
    """SET NX without an end: the first value stays for ever."""

    def __init__(self, name):
        self.name = name
        self.values_sent = set()
        self.winner = None
        self.floor = 0  # 1: it exists

    def set(self, value):
        self.values_sent.add(value)
        return Call(self._judge_set, self, ["SET", self.name, value, "NX"], self.floor, 0,
                    value=value)

    def look(self):
        return Call(self._judge_look, self, ["GET", self.name], self.floor, 0)

    def _judge_set(self, call, reply):
        self.floor = 1
        if reply == "OK":
            yield from self._see(call.value)
        elif reply is not None:
            yield "an error"
        elif self.values_sent == {call.value}:
            yield "lost to nobody"

    def _judge_look(self, call, reply):
        if reply is not None:
            yield from self._see(reply)
        elif call.known:
            yield "an acked value is gone"

    def _see(self, value):
        if value not in self.values_sent:
            yield "a value from nowhere"
        if self.winner not in (None, value):
            yield f"two winners, the other is {self.winner}"
        self.winner = value
        self.floor = 1
