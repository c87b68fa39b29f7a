"""A real idem-server for one test: started on a free loopback port, stopped by its pid.

    with IdemServer(directory, "--appendfsync", "no") as server:
        talk(server.port)

The binary is named by IDEM_SERVER. Leaving the block stops the server with SIGTERM and checks that
it ended well and complained of nothing that a sanitizer says. It dies with the test, whatever kills
that.
"""
import os
import re
import select
import signal
import subprocess
import sys
import tempfile

SKIPPED = 77
START_SECONDS = 60  # a bound, not a wait: for a recovery on a busy machine
STOP_SECONDS = 60

READY = re.compile(r"idem-server (?P<version>\S+) ready on (?P<host>\S+):(?P<port>\d+), "
                   r"(?P<rest>.*)\n")


def binary():
    """The server under test; the whole test is skipped where there is none."""
    path = os.environ.get("IDEM_SERVER", "")
    if not os.access(path, os.X_OK):
        print(f"skipped: IDEM_SERVER names no program: '{path}'")
        sys.exit(SKIPPED)
    return path


class IdemServer:
    """One life of the server. `expect_start=False` leaves the start line to the caller."""

    def __init__(self, directory, *flags, expect_start=True):
        where = ["--dir", str(directory)] if directory is not None else ["--appendonly", "no"]
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", binary(), "--port", "0", *where, *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors)
        self.start_line = ""
        self.port = None
        self._good_code = 0
        if expect_start and not self.wait_until_ready(START_SECONDS):
            self.kill()
            raise AssertionError(f"no start line; it said: {self.errors()!r}")

    def wait_until_ready(self, seconds):
        """Reads the start line. False: none came in time, or the server has ended."""
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not readable:
            return False
        self.start_line = self.process.stdout.readline().decode()
        found = READY.fullmatch(self.start_line)
        if found:
            self.port = int(found["port"])
        return found is not None

    def signal_kill(self):
        self._good_code = -signal.SIGKILL
        self.process.kill()

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
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

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


def fresh_directory():
    """A context: a new, empty directory that is removed in the end."""
    return tempfile.TemporaryDirectory(prefix="idem-test-")
