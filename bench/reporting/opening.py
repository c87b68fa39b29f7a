"""`bench/run --open`: how long a server that starts does not serve, Idem beside Redis, and beside
reading and hashing the same bytes.

A start counts from the fork to the first PONG. Every start finds the files as the one before found
them. All subjects take turns; each has all cores.
"""

import contextlib
import dataclasses
import mmap
import os
import shutil
import subprocess
import tempfile
import time

from reporting import rival, servers
from reporting.figures import count, median, ratio, spread, table

BENCHES = os.environ.get("IDEM_BENCHES", os.path.join(rival.ROOT, "build/release/bench"))
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[-1], CORES[-2 if len(CORES) > 1 else -1]
KEYS_PER_SEND = 2000
RETENTION_MS = 86_400_000
START_SECONDS = 600  # a bound
MADV_POPULATE_WRITE = 23
BYTES_PER_KEY = 600  # of memory: a server's, and its files in the page cache


@dataclasses.dataclass(frozen=True)
class Effort:
    keys: int
    rounds: int


NAME = "open"
QUICK = Effort(keys=500_000, rounds=3)
FULL = Effort(keys=5_000_000, rounds=5)
CACHES = ("cold", "warm")


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    command: tuple
    directory: str

    def start(self):
        return servers.Server(self.command, CORES, self.directory + "-output", START_SECONDS)

    def files(self):
        """Those that a start reads: of Idem not the log behind a snapshot, of Redis one of both."""
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(self.directory)
                 for name in names if name not in ("LOCK", "output")]
        snapshots = sorted(path for path in paths if path.endswith(".snap"))
        if snapshots:
            segments = sorted(path for path in paths if path.endswith(".log"))
            return [snapshots[-1], *segments[-2:]]
        is_log = "yes" in self.command
        return [path for path in paths if path.endswith(".rdb") != is_log or ".base." in path]


def idem(name, directory):
    return Subject(name, (rival.IDEM_SERVER, "--port", "{port}", *servers.IDEM_COMMON,
                          "--appendonly", "yes", "--appendfsync", "everysec", "--dir",
                          directory), directory)


def redis(name, directory, append_only):
    return Subject(name, (rival.REDIS_SERVER, "--port", "{port}", "--bind", "127.0.0.1", "--dir",
                          directory, *servers.REDIS_COMMON, "--appendonly", append_only,
                          "--appendfsync", "everysec"), directory)


# --- the data

@contextlib.contextmanager
def started(subject):
    os.makedirs(subject.directory, exist_ok=True)
    os.makedirs(subject.directory + "-output", exist_ok=True)
    with subject.start() as server:
        yield server


def fill_idem(subject, keys):
    with started(subject) as server:
        rival.fill(server, rival.Idem, CLIENT_CORE, keys)


def take_snapshot(subject):
    with started(subject) as server, rival.connect(server) as connection:
        connection.ask("IDEM.SNAPSHOT")
        while connection.info()["snapshots"] == "0":
            time.sleep(0.01)


def fill_redis(subject, keys):
    """One SET with a time to live for each key, of 100 bytes: half of the commands that a claim and
    its completion take."""
    with started(subject) as server, rival.connect(server) as connection:
        for done in range(0, keys, KEYS_PER_SEND):
            names = [os.urandom(18).hex() for _ in range(min(KEYS_PER_SEND, keys - done))]
            connection.ask_all([("SET", name, name + os.urandom(32).hex(), "PX", RETENTION_MS)
                                for name in names])
        connection.ask("SAVE")


def make_data(scratch, keys, say):
    directory = tempfile.mkdtemp(dir=scratch)
    idem_log = idem("Idem, log", os.path.join(directory, "idem-log"))
    idem_snapshot = idem("Idem, snapshot", os.path.join(directory, "idem-snapshot"))
    aof = redis("Redis, append-only file", os.path.join(directory, "redis"), "yes")
    rdb = redis("Redis, RDB", os.path.join(directory, "redis"), "no")
    say(f"open: {count(keys)} finished requests for Idem, and its snapshot")
    fill_idem(idem_log, keys)
    shutil.copytree(idem_log.directory, idem_snapshot.directory)
    take_snapshot(idem_snapshot)
    say(f"open: {count(keys)} keys for Redis")
    fill_redis(aof, keys)
    return idem_log, aof, idem_snapshot, rdb


# --- measuring

def touch_memory(size):
    """So that the time a hypervisor takes to give memory which a guest has not used for a while is
    not in the figures: it is many times what the guest itself takes."""
    with mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory, \
            contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
        memory.madvise(MADV_POPULATE_WRITE)


def measure(subject, cache, keys):
    touch_memory(keys * BYTES_PER_KEY)
    reading = read_and_hash(subject, cache)
    set_cache(subject, cache)
    touch_memory(keys * BYTES_PER_KEY)
    start = time.monotonic()
    with started(subject) as server:
        seconds = time.monotonic() - start
        rss = server.rss_bytes()
        with rival.connect(server) as connection:
            if (found := connection.ask("DBSIZE")) < keys:
                raise RuntimeError(f"{subject.name}: {found} of {keys} keys are there")
    return {"seconds": seconds, "rss": rss, **reading}


def read_and_hash(subject, cache):
    done = subprocess.run([os.path.join(BENCHES, "read_hash"), cache, *subject.files()],
                          capture_output=True, text=True, check=True)
    seconds, size, _ = done.stdout.split()
    return {"reading": float(seconds), "bytes": int(size)}


def set_cache(subject, cache):
    for path in subject.files():
        with open(path, "rb", buffering=0) as file:
            os.fdatasync(file.fileno())
            if cache == "cold":
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                while file.read(1 << 20):
                    pass


def run(effort, scratch, say):
    subjects = make_data(scratch, effort.keys, say)
    results = {cache: {subject.name: [] for subject in subjects} for cache in CACHES}
    for number in range(effort.rounds):
        say(f"open: round {number + 1} of {effort.rounds}")
        for cache in CACHES:
            for subject in subjects:
                results[cache][subject.name].append(measure(subject, cache, effort.keys))
    return {"keys": effort.keys, "open": results, "subjects": [s.name for s in subjects]}


# --- tables

def seconds_of(runs, key="seconds"):
    return [run[key] for run in runs]


def times(ours, theirs):
    return spread([a / b for a, b in zip(ours, theirs)], ratio)


def seconds(value):
    return f"{value:.2f}"


def rows(results):
    names = results["subjects"]
    for cache, by_name in results["open"].items():
        for name, redis_name in zip(names, names[1:] + [None]):
            runs = by_name[name]
            is_idem = name.startswith("Idem")
            ours = seconds_of(runs)
            yield [cache, name, f"{runs[0]['bytes'] / 1e6:.0f} MB", spread(ours, seconds),
                   times(seconds_of(by_name[redis_name]), ours) if is_idem else "",
                   spread(seconds_of(runs, "reading"), seconds),
                   times(ours, seconds_of(runs, "reading")),
                   f"{median(seconds_of(runs, 'rss')) / (1 << 20):.0f} MiB"]


def document(results):
    return "\n\n".join([
        f"## Opening a store with {count(results['keys'])} finished requests",
        "Seconds from the start of the process until it serves. Keys of 36 bytes, responses of 100, "
        "all with a deadline. Idem's log holds a claim and a completion for each, the append-only "
        "file one SET.",
        table(["page cache", "", "bytes read", "seconds", "Redis : Idem", "reading + hashing, s",
               "start : reading", "RSS"], rows(results))])


def faults(results):
    del results
    return ()
