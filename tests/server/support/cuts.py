"""How a life of a server ends, and how its data directory comes back: one driver, two strategies.

    cut = KillNine(directory)      or      PowerCut(disk, random)
    server = start(cut.directory)
    cut.end(server)                # from any thread, while clients talk to it
    server.kill()
    cut.restore()                  # the directory is as the next start will find it
"""
import os


class KillNine:
    """The process dies; what it has written to the system stays."""

    name = "kill -9"

    def __init__(self, directory):
        self.directory = directory

    def end(self, server):
        server.signal_kill()

    def restore(self):
        pass


class PowerCut:
    """The disk dies, then the process; only what was synced stays.

    With `random`, the process is left alive half of the time: it must notice by itself that its
    disk is dead, and not acknowledge one thing more. `look` is shown the directory after each cut.
    """

    name = "power cut"

    def __init__(self, disk, random=None, look=None):
        self._disk = disk
        self._random = random
        self._look = look
        self.directory = os.path.join(disk.mount_point, "store")

    def end(self, server):
        self._disk.cut_power()
        if self._random is None or self._random.random() < 0.5:
            server.signal_kill()

    def restore(self):
        self._disk.power_on()
        if self._look is not None and os.path.exists(os.path.join(self.directory, "MANIFEST")):
            self._look(self.directory)
