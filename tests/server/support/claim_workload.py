"""Clients that claim and complete by the plain commands that users of Redis write, on any server:

    SET key owner NX PX lease          OK: mine, so the work is done now
    SET key response PX retention      it is done

What was acknowledged is journaled outside of the servers. After each cut every key of the last life
is looked at, and its request is delivered once more, as brokers and retrying callers do: if the
claim is granted although an earlier one was acknowledged, the work is done twice. Neither lease nor
retention ends during the test, so no loss is excused by time.
"""
import collections
import itertools
import random
import time

from support.resp_connection import RespConnection

CLIENTS = 8
IN_FLIGHT = 8  # claims of one client that run at a time
CHUNK = 500  # commands of one pipeline, so that neither side fills the other's buffers
OLD_KEYS_CHECKED = 1000  # of former lives, at each restart
HOUR_MS = 3_600_000


class Operation:
    """A command and what became of it. Times are monotonic seconds; None: not yet."""

    def __init__(self, key, value, *options):
        self.command = ["SET", key, value, *options, "PX", HOUR_MS]
        self.value = value
        self.sent_s = None
        self.acked_s = None

    @property
    def acked(self):
        return self.acked_s is not None


class Story:
    """All that happens to one key: a claim, the work, its completion."""

    def __init__(self, key, owner):
        self.key = key
        self.claim = Operation(key, f"claimed by {owner}".encode(), "NX")
        self.completion = Operation(key, f"done by {owner}".encode())
        self.is_whole = True

    def operations(self):
        return [operation for operation in (self.claim, self.completion) if operation.sent_s]

    def lost_and_kept(self, value):
        """Of the operations, when the server has this value now."""
        kept = []
        if value is not None:
            kept.append(self.claim)
        if value == self.completion.value:
            kept.append(self.completion)
        lost = [operation for operation in self.operations()
                if operation.acked and operation not in kept]
        return lost, kept


class ClaimClient:
    """One connection at a time, through all lives of the server."""

    def __init__(self, name, counts):
        self._name = name
        self._counts = counts
        self._serial = itertools.count()
        self.stories = []
        self.complaints = []

    def live(self, port, kill_switch):
        """Works until the server dies."""
        try:
            with RespConnection(port) as connection:
                while not kill_switch.pulled:
                    self._work(connection, kill_switch)
        except (ConnectionError, BrokenPipeError):
            pass
        except OSError as error:
            self.complaints.append(f"client {self._name}: {error!r}")

    def _work(self, connection, kill_switch):
        stories = [Story(f"order:{self._name}:{next(self._serial)}", self._name)
                   for _ in range(IN_FLIGHT)]
        self.stories += stories
        self._ask(connection, kill_switch, [story.claim for story in stories])
        claimed = [story.completion for story in stories if story.claim.acked]
        self._ask(connection, kill_switch, claimed)

    def _ask(self, connection, kill_switch, operations):
        for operation in operations:
            operation.sent_s = time.monotonic()
        connection.send([operation.command for operation in operations])
        kill_switch.reached("sent")
        for operation in operations:
            reply = connection.receive()
            # What comes after the cut has begun, a dead machine could not have sent.
            if kill_switch.pulled:
                return
            if reply == "OK":
                operation.acked_s = time.monotonic()
                self._counts["acked"] += 1
            else:
                self.complaints.append(f"{operation.command} answered {reply!r:.200}")
            kill_switch.reached("answered")


class ClaimWorkload:
    """Clients and their journal; see campaign.py. A loss is counted, it is not a violation."""

    def __init__(self, seed):
        self._random = random.Random(f"{seed}/claims")
        self._former = []  # stories of former lives, whole at the last look
        self.counts = collections.Counter()
        self.oldest_loss_s = 0.0  # from the acknowledgement to the last one before the cut
        self.clients = [ClaimClient(f"c{i}", self.counts) for i in range(CLIENTS)]

    def server_starts(self):
        pass

    def server_stopped(self):
        pass

    def begin_life(self, cycle):
        pass

    def violations(self):
        return [complaint for client in self.clients for complaint in client.complaints]

    def summary(self):
        counts = self.counts
        return (f"{counts['acked']} acked, {counts['lost claims']} claims and "
                f"{counts['lost completions']} completions of them lost, "
                f"{counts['done twice']} keys done twice, "
                f"{counts['kept behind a loss']} kept behind a loss")

    def check_restart(self, connection, everything):
        former = self._former if everything else self._some_of_former()
        self._deliver_again(connection, former)
        stories = [story for client in self.clients for story in client.stories]
        for client in self.clients:
            client.stories = []
        self._judge_order(*self._deliver_again(connection, stories))
        self._former = [story for story in self._former + stories if story.is_whole]

    def _some_of_former(self):
        return self._random.sample(self._former, min(OLD_KEYS_CHECKED, len(self._former)))

    def _deliver_again(self, connection, stories):
        """All operations that were lost, and all that were kept."""
        values = ask_in_chunks(connection, [["GET", story.key] for story in stories])
        granted = ask_in_chunks(connection, [
            ["SET", story.key, "claimed once more", "NX", "PX", HOUR_MS] for story in stories])
        all_lost, all_kept = [], []
        for story, value, grant in zip(stories, values, granted):
            lost, kept = story.lost_and_kept(value)
            story.is_whole = value is not None and not lost
            self.counts["lost claims"] += story.claim in lost
            self.counts["lost completions"] += story.completion in lost
            self.counts["done twice"] += grant == "OK" and story.claim.acked
            all_lost += lost
            all_kept += kept
        return all_lost, all_kept

    def _judge_order(self, lost, kept):
        """What is lost should be the end of the story, with nothing kept behind a hole."""
        if not lost:
            return
        oldest_s = min(operation.acked_s for operation in lost)
        self.counts["kept behind a loss"] += sum(operation.sent_s > oldest_s for operation in kept)
        last_s = max(operation.acked_s for operation in lost + kept if operation.acked)
        self.oldest_loss_s = max(self.oldest_loss_s, last_s - oldest_s)


def ask_in_chunks(connection, commands):
    replies = []
    for start in range(0, len(commands), CHUNK):
        replies += connection.ask_all(commands[start:start + CHUNK])
    return replies
