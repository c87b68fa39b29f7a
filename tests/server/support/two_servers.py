"""An idem-server and Debian's redis-server side by side, for tests that compare their replies.

Skips the whole test where there is no redis-server.
"""
import os
import sys
import unittest

from support.idem_server import SKIPPED, IdemServer, fresh_directory
from support.redis_server import RedisServer, provide_redis
from support.resp_connection import ErrorReply, RespConnection

NOTHING_IS_SLOW = ("--slowlog-log-slower-than", "-1")  # or SLOWLOG told of a busy machine
TIMES = {"TTL": 1, "PTTL": 1000, "EXPIRETIME": 1, "PEXPIRETIME": 1000}  # a second, in their unit


class Pair:
    """One connection to each server."""

    def __init__(self, idem_port, redis_port, version):
        self.idem, self.redis = RespConnection(idem_port), RespConnection(redis_port)
        for connection in (self.idem, self.redis):
            connection.ask("HELLO", version)

    def ask(self, *command):
        return self.idem.ask(*command), self.redis.ask(*command)

    def close(self):
        self.idem.close()
        self.redis.close()


def same(command, ours, theirs):
    """Equal, up to the clocks."""
    within = TIMES.get(str(command[0]).upper())
    if within and isinstance(ours, int) and isinstance(theirs, int) and min(ours, theirs) > 0:
        return abs(ours - theirs) <= within
    return ours == theirs and isinstance(ours, ErrorReply) == isinstance(theirs, ErrorReply)


class ServersTest(unittest.TestCase):
    """Both servers, and a connection to each in RESP2 and in RESP3."""

    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(fresh_directory())
        binary = provide_redis(directory)
        if binary is None:
            print("skipped: neither redis-server nor redis-check-rdb is installed")
            sys.exit(SKIPPED)
        idem = cls.enterClassContext(IdemServer(None, "--threads", "2", *NOTHING_IS_SLOW))
        redis = cls.enterClassContext(
            RedisServer(os.path.join(directory, "redis"), "--save", "", *NOTHING_IS_SLOW,
                        binary=binary))
        cls.ports = idem.port, redis.port
        cls.pairs = [Pair(idem.port, redis.port, version) for version in (2, 3)]
        for pair in cls.pairs:
            cls.addClassCleanup(pair.close)
