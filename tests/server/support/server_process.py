"""A real server for one test or benchmark: a child that tells when it is ready and dies with us.

    class IdemServer(ServerProcess): ..       # what to start, and how it says that it is ready
    with IdemServer(directory) as server:
        talk(server.port)

Leaving the block stops the server with SIGTERM and checks that it ended well and complained of
nothing that a sanitizer says. It dies with its parent, whatever kills that.
"""
import os
import select
import signal
import subprocess
import tempfile
import time

START_SECONDS = 60  # a bound, not a wait: for a recovery on a busy machine
STOP_SECONDS = 60


class ServerProcess:
    """One life of a server. `expect_start=False` leaves the start line to the caller."""

    def __init__(self, command, ready_line, expect_start=True):
        self._errors = tempfile.TemporaryFile()
        self._ready_line = ready_line
        # Without a buffer of ours, or select() would not see lines that are here already.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], bufsize=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors)
        self.start_line = ""
        self._good_code = 0
        if expect_start and not self.wait_until_ready(START_SECONDS):
            self.kill()
            raise AssertionError(f"no start line; it said: {self.errors()!r}")

    def is_ready(self, match):
        """Told of the start line, as a match of `ready_line`."""

    def wait_until_ready(self, seconds):
        """Reads up to the start line. False: none came in time, or the server has ended."""
        until_s = time.monotonic() + seconds
        while select.select([self.process.stdout], [], [], max(0, until_s - time.monotonic()))[0]:
            self.start_line = self.process.stdout.readline().decode()
            found = self._ready_line.fullmatch(self.start_line)
            if found:
                self.is_ready(found)
            if found or not self.start_line:
                return bool(found)
        return False

    def signal_kill(self):
        self.expect_signal(signal.SIGKILL)
        self.process.kill()

    def expect_signal(self, sign):
        """It is well if this ends it."""
        self._good_code = -sign

    def kill(self):
        """Ends it as kill -9 does; returns the exit code."""
        self.signal_kill()
        return self.wait()

    def stop(self):
        """Ends it as an operator does; returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()

    def wait(self):
        return self.process.wait(STOP_SECONDS)

    def errors(self):
        """All that it wrote to stderr so far."""
        errors = self._errors.fileno()  # read where it stands: the server writes at the same offset
        return os.pread(errors, os.fstat(errors).st_size, 0).decode(errors="replace")

    def rest_of_output(self):
        """What came on stdout after the start line; after its end."""
        return self.process.stdout.read().decode()

    def close(self):
        self.process.stdout.close()
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, trace):
        try:
            code = self.stop()
            errors = self.errors()
            if exception_type is None:
                assert code == self._good_code, f"exit code {code}; it said: {errors}"
                assert "Sanitizer" not in errors, errors
        finally:
            if self.process.poll() is None:
                self.kill()
            self.close()
