"""A real redis-server, for the same treatment as an IdemServer. REDIS_SERVER names the binary."""
import os
import re
import shutil
import socket

from support.server_process import ServerProcess

READY = re.compile(r".*Ready to accept connections.*\n")


def free_port():
    """Redis takes no port 0 for "any"; that another process takes this one first is unlikely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def provide_redis(directory):
    """Debian's redis-server is redis-check-rdb of redis-tools by another name, so a link to that will
    do. None: there is neither."""
    if "REDIS_SERVER" in os.environ:
        return os.environ["REDIS_SERVER"]
    found = shutil.which("redis-server")
    checker = shutil.which("redis-check-rdb")
    if found or not checker:
        return found
    link = os.path.join(directory, "redis-server")
    os.symlink(checker, link)
    return link


class RedisServer(ServerProcess):
    """All settings but these are the ones it is built with."""

    def __init__(self, directory, *flags, expect_start=True, binary=None):
        self.port = free_port()
        os.makedirs(directory, exist_ok=True)
        super().__init__([binary or os.environ.get("REDIS_SERVER", "redis-server"),
                          "--port", str(self.port), "--bind", "127.0.0.1",
                          "--dir", str(directory), *flags], READY, expect_start)
