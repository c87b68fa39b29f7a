"""A real idem-server for one test: started on a free loopback port, stopped by its pid.

    with IdemServer(directory, "--appendfsync", "no") as server:
        talk(server.port)

The binary is named by IDEM_SERVER; see server_process.py for the rest.
"""
import os
import re
import sys
import tempfile

from support.server_process import ServerProcess

SKIPPED = 77

READY = re.compile(r"idem-server (?P<version>\S+) ready on (?P<host>\S+):(?P<port>\d+), "
                   r"(?P<rest>.*)\n")


def binary():
    """The server under test; the whole test is skipped where there is none."""
    path = os.environ.get("IDEM_SERVER", "")
    if not os.access(path, os.X_OK):
        print(f"skipped: IDEM_SERVER names no program: '{path}'")
        sys.exit(SKIPPED)
    return path


EVENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
                   r"(?P<fields>level=[a-z]+ event=[a-z_]+( [a-z0-9_]+=(\"[ -~]*\"|[^\s\"]+))*)")


def parse_event(line):
    """One line of the event log, which must be nothing else."""
    match = EVENT.fullmatch(line)
    assert match, f"not an event: {line!r}"
    fields = re.findall(r'([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|\S+)', match["fields"])
    return {name: value.strip('"') for name, value in fields}


class IdemServer(ServerProcess):
    """Without a directory it keeps nothing."""

    def __init__(self, directory, *flags, expect_start=True):
        self.port = None
        where = ["--dir", str(directory)] if directory is not None else ["--appendonly", "no"]
        super().__init__([binary(), "--port", "0", *where, *flags], READY, expect_start)

    def events(self):
        """What it has logged to stderr so far, as dictionaries without the time."""
        return [parse_event(line) for line in super().errors().splitlines() if EVENT.match(line)]

    def stderr(self):
        """All that it wrote there so far."""
        return super().errors()

    def errors(self):
        """All that it wrote to stderr so far, but for what every server notes."""
        lines = super().errors().splitlines(keepends=True)
        return "".join(line for line in lines if " level=notice " not in line)

    def is_ready(self, match):
        self.port = int(match["port"])


def fresh_directory():
    """A context: a new, empty directory that is removed in the end."""
    return tempfile.TemporaryDirectory(prefix="idem-test-")
