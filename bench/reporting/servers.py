"""Starts a server for one measurement, on a free loopback port and with data of its own, and stops
that process and no other."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

# The same promise on both sides, by each one's own words.
IDEM_FLAGS = {
    "off": ["--appendonly", "no"],
    "everysec": ["--appendonly", "yes", "--appendfsync", "everysec"],
    "always": ["--appendonly", "yes", "--appendfsync", "always"],
}
REDIS_FLAGS = {
    "off": ["--appendonly", "no"],
    "everysec": ["--appendonly", "yes", "--appendfsync", "everysec"],
    "always": ["--appendonly", "yes", "--appendfsync", "always"],
}
IDEM_COMMON = ["--threads", "1", "--maxmemory", "8gb"]
# No snapshots and no rewrites: they would fork in the middle of a measurement.
REDIS_COMMON = ["--save", "", "--auto-aof-rewrite-percentage", "0", "--daemonize", "no"]

START_SECONDS = 20
STOP_SECONDS = 20
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned_to(cores):
    """One core, or a list of them."""
    chosen = {cores} if isinstance(cores, int) else set(cores)
    return lambda: os.sched_setaffinity(0, chosen)


def blocks_of(path):
    try:
        return os.stat(path).st_blocks
    except FileNotFoundError:
        return 0


class Server:
    """A running server; a context manager."""

    def __init__(self, command, cores, scratch, start_seconds=START_SECONDS,
                 pong=b"+PONG\r\n"):
        self.start_seconds = start_seconds
        self.port = free_port()
        self.pong = pong  # its answer to PING
        self.directory = tempfile.mkdtemp(dir=scratch)
        arguments = [a.format(port=self.port, directory=self.directory) for a in command]
        with open(os.path.join(self.directory, "output"), "wb") as output:
            self.process = subprocess.Popen(arguments, cwd=self.directory, stdout=output,
                                            stderr=output, stdin=subprocess.DEVNULL,
                                            preexec_fn=pinned_to(cores))

    def __enter__(self):
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error):
        self.stop()

    def wait_until_ready(self):
        deadline = time.monotonic() + self.start_seconds
        while not self.answers_ping():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.directory, "output"), errors="replace") as output:
                    raise RuntimeError(f"{self.process.args[0]} does not start: {output.read()}")
            time.sleep(0.01)

    def answers_ping(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"*1\r\n$4\r\nPING\r\n")
                return connection.recv(len(self.pong)) == self.pong
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def written_bytes(self):
        """What it has given to the disk so far, or would have if it had not been overwritten."""
        with open(f"/proc/{self.process.pid}/io") as counts:
            return int(dict(line.split(": ") for line in counts)["write_bytes"])

    def disk_bytes(self):
        """What its files take on the disk now."""
        return sum(blocks_of(os.path.join(folder, name)) * 512
                   for folder, _, names in os.walk(self.directory) for name in names)

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def start_idem(binary, durability, core, scratch, *flags):
    directory = [] if durability == "off" else ["--dir", "{directory}/data"]
    return Server([binary, "--port", "{port}", *IDEM_COMMON, *IDEM_FLAGS[durability], *directory,
                   *flags], core, scratch)


def start_redis(binary, durability, core, scratch, *flags):
    return Server([binary, "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{directory}",
                   *REDIS_COMMON, *REDIS_FLAGS[durability], *flags], core, scratch)


def start_ceiling(binary, reply, core, scratch, *flags):
    """Gives `reply` to everything."""
    return Server([binary, "--port", "{port}", "--reply", reply, *flags], core, scratch,
                  pong=reply.encode())
