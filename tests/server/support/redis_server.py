"""A real redis-server, for the same treatment as an IdemServer. REDIS_SERVER names the binary."""
import os
import re
import socket

from support.server_process import ServerProcess

READY = re.compile(r".*Ready to accept connections.*\n")


def free_port():
    """Redis takes no port 0 for "any"; that another process takes this one first is unlikely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer(ServerProcess):
    """All settings but these are the ones it is built with."""

    def __init__(self, directory, *flags, expect_start=True):
        self.port = free_port()
        os.makedirs(directory, exist_ok=True)
        super().__init__([os.environ.get("REDIS_SERVER", "redis-server"),
                          "--port", str(self.port), "--bind", "127.0.0.1",
                          "--dir", str(directory), *flags], READY, expect_start)
