"""P13 of the whole program: when a write or sync fails, nothing more is answered, the server says why
and exits with 1, and the next start has all that was answered.

Needs root and loop devices, else skipped.
"""
import os
import sys
import unittest

from support.idem_server import SKIPPED, IdemServer, binary
from support.loop_disk import LoopDisk, Unavailable
from support.resp_connection import RespConnection

FAILED = 1


class DeadDiskTest(unittest.TestCase):
    def setUp(self):
        self.disk = self.enterContext(LoopDisk())
        self.directory = os.path.join(self.disk.mount_point, "store")

    def live_until_the_disk_dies(self):
        """The token of a claim that was answered."""
        server = IdemServer(self.directory)
        try:
            with RespConnection(server.port) as connection:
                token = connection.ask("IDEM.BEGIN", "order")[1]
                self.disk.cut_power()
                with self.assertRaises(ConnectionError):
                    connection.ask("IDEM.COMPLETE", "order", token, "never acknowledged")
            self.assertEqual(server.wait(), FAILED)
            self.assertRegex(server.errors(), "the log failed, so answers .*(write|sync)")
            return token
        finally:
            server.kill()
            server.close()

    def test_answers_nothing_more_and_exits(self):
        token = self.live_until_the_disk_dies()
        self.disk.power_on()
        with IdemServer(self.directory) as server, RespConnection(server.port) as connection:
            self.assertEqual(connection.ask("IDEM.BEGIN", "order")[0], b"BUSY")
            self.assertEqual(connection.ask("IDEM.COMPLETE", "order", token, "receipt"), "OK")


def main():
    binary()
    try:
        LoopDisk().close()
    except Unavailable as why:
        print(f"skipped: {why}")
        sys.exit(SKIPPED)
    unittest.main()


if __name__ == "__main__":
    main()
