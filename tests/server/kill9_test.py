"""T7: kill -9 on the real server, over and over; nothing that was acked or observed may be lost.

Clients send pipelines of claims, settlements, takeovers and plain values, over keys they share and
keys of their own. The server is killed at a moment counted in answers, or while it starts, and
started again on the same directory, in turn with --appendfsync always, interval and no: a kill must
lose nothing in any of them. Two judges read every answer: support/shared_journal.py and
support/private_keys.py. At last the server without a log must fail the same test, or the judges are
blind.

    IDEM_SEED=7 IDEM_T7_CYCLES=1000 IDEM_SERVER=.. tests/server/kill9_test.py

The seed fixes what is asked and when to kill; how threads interleave it cannot.
"""
import os
import random
import sys
import threading
import time

from support.idem_server import IdemServer, fresh_directory
from support.kill_workload import Client, Keys, KillSwitch
from support.resp_connection import RespConnection
from support.shared_journal import FINISHED, SharedJournal

CYCLES = 50
CLIENTS = 6
MODES = (("always",), ("interval", "--appendfsync-interval-ms", "20"), ("no",))
FLAGS = ("--restart-grace-ms", "0")
LIFE_SECONDS = 60  # a bound, not a wait
SHOWN_VIOLATIONS = 20


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


class Campaign:
    """Many lives of one store, with the same clients."""

    def __init__(self, seed, directory):
        self._random = random.Random(seed)
        self._directory = directory
        self._up_time = UpTime()
        self._journal = SharedJournal(self._up_time)
        self._keys = Keys(self._journal, self._random)
        self.clients = [Client(f"c{i}", seed, self._journal) for i in range(CLIENTS)]
        self._epoch = 0
        self.counts = self._journal.counts

    def violations(self):
        found = list(self._journal.violations)
        for client in self.clients:
            found += client.complaints
        return found

    def run_life(self, cycle):
        mode = MODES[cycle % len(MODES)]
        if self._directory is not None and self._random.random() < 0.2:
            self._kill_while_starting(mode)
        server = self._start(mode)
        try:
            self._check_restart(server, everything=False)
            self._keys.renew(cycle)
            kill_switch = KillSwitch(server, self._random.randrange(1, 1500),
                                     self._random.choice(KillSwitch.MOMENTS))
            self._work(server, kill_switch)
            self._end_life(server, kill_switch)
        finally:
            server.kill()
            server.close()
        self.counts["cycles"] += 1
        self.counts[f"cycles {mode[0]}"] += 1

    def _start(self, mode, **options):
        flags = () if self._directory is None else ("--appendfsync", *mode)
        self._up_time.starts()
        return IdemServer(self._directory, *flags, *FLAGS, **options)

    def _kill_while_starting(self, mode):
        server = self._start(mode, expect_start=False)
        server.wait_until_ready(self._random.random() * 0.05)
        server.kill()
        server.close()
        self._up_time.stopped()
        self.counts["kills while starting"] += 1

    def _work(self, server, kill_switch):
        threads = [threading.Thread(target=client.live, daemon=True,
                                    args=(server.port, self._keys, kill_switch))
                   for client in self.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIFE_SECONDS)
            if thread.is_alive():
                self._journal.violations.append("a client waits for ever")
                return

    def _end_life(self, server, kill_switch):
        if not kill_switch.pulled and not self.violations():
            self._journal.violations.append(
                f"the server ended by itself with {server.stop()}, it said: {server.errors()}")
        server.kill()
        self._up_time.stopped()
        if "Sanitizer" in server.errors():
            self._journal.violations.append(server.errors())

    def _check_restart(self, server, everything):
        with RespConnection(server.port) as connection:
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
        if self._directory is not None and epoch <= self._epoch:
            self._journal.violations.append(f"epoch {epoch} after epoch {self._epoch}")
        self._epoch = epoch
        self.counts["torn tails"] += int(info["torn_tails_cut"])

    def _ask(self, connection, calls):
        replies = connection.ask_all([call.command for call in calls])
        for call, reply in zip(calls, replies):
            self.counts["read back"] += 1
            self._journal.answered(call, reply)

    def check_at_last(self):
        """Everything once more: after the last kill, and again after a clean stop."""
        for _ in range(2):
            with self._start(MODES[0]) as server:
                self._check_restart(server, everything=True)
            self._up_time.stopped()


def summary(campaign, seconds):
    counts = campaign.counts
    private = [client.private for client in campaign.clients]
    return (f"{counts['cycles']} cycles ({counts['cycles always']} always, "
            f"{counts['cycles interval']} interval, {counts['cycles no']} no), "
            f"{counts['kills while starting']} kills while starting, "
            f"{counts['acks']} acks checked, "
            f"{counts['read back']} of them after a restart, "
            f"{sum(keys.unanswered for keys in private)} private calls unanswered at a kill "
            f"({sum(keys.unanswered_but_applied for keys in private)} of them seen applied), "
            f"{counts['CLAIMED']} claims, "
            f"{counts['finishes']} finishes, {counts['takeovers']} takeovers, "
            f"{counts['FENCED']} fenced, {counts['REPLAY']} replays, "
            f"{counts['MISMATCH']} mismatches, {counts['torn tails']} torn tails, "
            f"{len(campaign.violations())} violations, {seconds:.0f} s")


def run(seed, cycles):
    """True if the store kept its promises."""
    started_s = time.monotonic()
    with fresh_directory() as directory:
        campaign = Campaign(seed, directory)
        for cycle in range(cycles):
            campaign.run_life(cycle)
            if campaign.violations():
                break
        else:
            campaign.check_at_last()
    for violation in campaign.violations()[:SHOWN_VIOLATIONS]:
        print("VIOLATION", violation)
    print(summary(campaign, time.monotonic() - started_s))
    return not campaign.violations()


def judges_see(seed):
    """A server that keeps nothing must be found out."""
    campaign = Campaign(seed, directory=None)
    for cycle in range(3):
        campaign.run_life(cycle)
    lost = campaign.violations()
    print(f"self-check: without a log {len(lost)} violations are found, as they must be")
    return any("gone" in complaint for complaint in lost) and any(
        "private keys lost" in complaint for complaint in lost)


def main():
    seed = int(os.environ.get("IDEM_SEED", random.SystemRandom().randrange(1 << 32)))
    divisor = int(os.environ.get("IDEM_TEST_SIZE_DIVISOR", 1))
    cycles = int(os.environ.get("IDEM_T7_CYCLES", max(len(MODES), CYCLES // divisor)))
    print(f"IDEM_SEED={seed} IDEM_T7_CYCLES={cycles}", flush=True)
    if run(seed, cycles) and judges_see(seed):
        return 0
    print(f"failed; replay with: IDEM_SEED={seed} IDEM_T7_CYCLES={cycles} {sys.argv[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
