"""Many lives of one server under load, each ended by a cut; the driver of T7 and T8.

It knows neither the server, nor what clients ask, nor how a life ends:

    start(directory, cycle, ..)  begins a life: an IdemServer or a RedisServer
    cut                          ends it: cuts.py
    workload                     has the clients and judges their answers:
        clients                  each lives in a thread of its own: live(port, kill_switch)
        server_starts(), server_stopped()
        begin_life(cycle)
        check_restart(connection, everything)
        violations()             what was broken, in words
        counts                   a collections.Counter
        summary()                one line

The seed fixes what is asked and when to cut; how threads interleave it cannot.
"""
import random
import threading
import time

from support.resp_connection import RespConnection

LIFE_SECONDS = 60  # a bound, not a wait
SHOWN_VIOLATIONS = 20
CUT_WHILE_STARTING = 0.2  # in so many of the lives, once more before them


class KillSwitch:
    """Ends a life after so many answers and so many seconds, at the next moment of a kind:

    answered  an answer has come
    observed  .. that shows what its doer has not been told yet
    sent      a pipeline has left

    When none comes for long, at any moment.
    """

    PATIENCE = 500
    MOMENTS = ("answered", "observed", "sent")

    def __init__(self, end_life, answers, moment, seconds=0):
        self._end_life = end_life
        self._left = answers
        self._moment = moment
        self._due_s = time.monotonic() + seconds
        self._lock = threading.Lock()
        self.pulled = False

    def reached(self, moment):
        if self._is_time(moment):
            self._end_life()

    def _is_time(self, moment):
        """True once."""
        with self._lock:
            self._left -= moment == "answered"
            due = self._left <= 0 and time.monotonic() >= self._due_s
            if self.pulled or not due or moment != self._moment and self._left > -self.PATIENCE:
                return False
            self.pulled = True
            return True


class Campaign:
    """Many lives of one store, with the same clients."""

    def __init__(self, seed, start, cut, workload, answers=1500, seconds=(0, 0)):
        """A life lasts at most so many answers, and between so many seconds."""
        self._random = random.Random(seed)
        self._start = start
        self._cut = cut
        self._workload = workload
        self._answers = answers
        self._seconds = seconds
        self.counts = workload.counts
        self._complaints = []
        self._started_s = time.monotonic()

    def violations(self):
        return self._complaints + self._workload.violations()

    def show(self):
        for violation in self.violations()[:SHOWN_VIOLATIONS]:
            print("VIOLATION", violation)
        print(f"{self.counts['cycles']} cycles, {self.counts['cuts while starting']} cuts while "
              f"starting, {self._workload.summary()}, {len(self.violations())} violations, "
              f"{time.monotonic() - self._started_s:.0f} s", flush=True)

    def run(self, cycles):
        """True if no promise was broken."""
        try:
            for cycle in range(cycles):
                self.run_life(cycle)
                if self.violations():
                    return False
            self.check_at_last(cycles)
        except AssertionError as error:  # of a server that does not start, or does not stop well
            self._complaints.append(str(error))
        return not self.violations()

    def run_life(self, cycle):
        if self._cut.directory is not None and self._random.random() < CUT_WHILE_STARTING:
            self._cut_while_starting(cycle)
        server = self._start_server(cycle)
        try:
            with RespConnection(server.port) as connection:
                self._workload.check_restart(connection, everything=False)
            self._workload.begin_life(cycle)
            kill_switch = KillSwitch(lambda: self._cut.end(server),
                                     self._random.randrange(1, self._answers),
                                     self._random.choice(KillSwitch.MOMENTS),
                                     self._random.uniform(*self._seconds))
            self._work(server, kill_switch)
            self._end_life(server, kill_switch)
        finally:
            self._bury(server)
        self.counts["cycles"] += 1

    def _start_server(self, cycle, **options):
        self._workload.server_starts()
        return self._start(self._cut.directory, cycle, **options)

    def _cut_while_starting(self, cycle):
        server = self._start_server(cycle, expect_start=False)
        try:
            server.wait_until_ready(self._random.random() * 0.05)
            self._cut.end(server)
        finally:
            self._bury(server)
        self.counts["cuts while starting"] += 1

    def _work(self, server, kill_switch):
        threads = [threading.Thread(target=client.live, daemon=True,
                                    args=(server.port, kill_switch))
                   for client in self._workload.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIFE_SECONDS)
            if thread.is_alive():
                self._complaints.append("a client waits for ever")
                return

    def _end_life(self, server, kill_switch):
        if not kill_switch.pulled and not self.violations():
            self._complaints.append(
                f"the server ended by itself with {server.stop()}, it said: {server.errors()}")
        server.kill()
        if "Sanitizer" in server.errors():
            self._complaints.append(server.errors())

    def _bury(self, server):
        server.kill()
        server.close()
        self._workload.server_stopped()
        self._cut.restore()

    def check_at_last(self, cycle):
        """Everything once more: after the last cut, and again after a clean stop."""
        for _ in range(2):
            with self._start_server(cycle) as server:
                with RespConnection(server.port) as connection:
                    self._workload.check_restart(connection, everything=True)
            self._workload.server_stopped()
