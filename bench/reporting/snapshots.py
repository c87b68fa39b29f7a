"""What a snapshot costs callers under full load: of the store, and of the server beside Redis'
BGREWRITEAOF.

Windows without and with snapshots take turns; in the latter one is begun as soon as the last has
ended. The load overwrites resident keys, so that memory grows by the snapshot alone.
"""

import json
import os
import statistics
import subprocess
import tempfile
import threading
import time

from reporting import rival
from reporting.figures import count, median, ratio, spread, table

POLL_SECONDS = 0.005


class Watch(threading.Thread):
    """Takes snapshots, if it shall, and the most memory, until it is told to stop."""

    def __init__(self, server, side, takes_snapshots):
        super().__init__(daemon=True)
        self._server = server
        self._side = side
        self._takes_snapshots = takes_snapshots
        self._ends = threading.Event()
        self.snapshots = 0
        self.rss_max = 0
        self.extra_memory = 0

    def run(self):
        with rival.connect(self._server) as connection:
            running = False
            while not self._ends.wait(POLL_SECONDS):
                self.rss_max = max(self.rss_max, self._server.rss_bytes())
                if self._takes_snapshots:
                    running = self._go_on(connection, running)

    def _go_on(self, connection, running):
        info = connection.info()
        if self._side.compacting(info):
            return True
        if running:
            self.snapshots += 1
            self.extra_memory = max(self.extra_memory, self._side.extra_memory(info))
        self._side.start_compaction(connection)
        return True

    def stop(self):
        self._ends.set()
        self.join()


def wait_until_idle(server, side):
    with rival.connect(server) as connection:
        while side.compacting(connection.info()):
            time.sleep(POLL_SECONDS)


def window(server, side, client_core, effort, takes_snapshots, seed):
    wait_until_idle(server, side)
    watch = Watch(server, side, takes_snapshots)
    watch.start()
    try:
        load = rival.run_load(server, client_core, operations="overwrite", connections=50,
                              in_flight=effort.in_flight, seconds=effort.window_seconds,
                              warmup=0.1, seed=seed, resident_seed=rival.RESIDENT_SEED,
                              resident_keys=effort.resident_keys)
    finally:
        watch.stop()
    return {"operations_per_second": load["operations_per_second"], "p99_us": load["p99_us"],
            "p99_9_us": load["p99_9_us"], "max_us": load["max_us"],
            "wrong": load["wrong"] + load["unanswered"], "snapshots": watch.snapshots,
            "rss_max": watch.rss_max, "extra_memory": watch.extra_memory}


def measure_library(effort, scratch):
    """As measure() does, of a store in the caller's own process (snapshot_load.cc)."""
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        command = [os.path.join(rival.BENCHES, "snapshot_load"), f"--directory={directory}",
                   f"--keys={effort.resident_keys}", f"--pairs={effort.pairs}",
                   f"--seconds={effort.window_seconds}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=rival.LOAD_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr}")
    windows = [dict(window, extra_memory=0, wrong=0) for window in json.loads(done.stdout)]
    return {"system": "the library", "compaction": "snapshot",
            "pairs": [{"with" if window["with"] else "without": window for window in pair}
                      for pair in zip(windows[::2], windows[1::2])]}


def measure(effort, server_core, client_core, scratch):
    """[{"system": .., "pairs": [{"without": window, "with": window}, ..]}]"""
    results = [measure_library(effort, scratch)]
    for side in rival.RIVALS:
        with side.start("everysec", server_core, scratch) as server:
            rival.fill(server, side, client_core, effort.resident_keys, "set-pair")
            pairs = []
            for number in range(effort.pairs):
                order = ("without", "with") if number % 2 else ("with", "without")
                pairs.append({which: window(server, side, client_core, effort, which == "with",
                                            2 + number) for which in order})
            results.append({"system": side.name, "compaction": side.compaction, "pairs": pairs})
    return results


def both(result, key, spell):
    return " / ".join(spell(median([pair[which][key] for pair in result["pairs"]]))
                      for which in ("without", "with"))


def growth(pair):
    more = pair["with"]["rss_max"] - pair["without"]["rss_max"]
    return max(0, more) + pair["with"]["extra_memory"]


def ms(us):
    return f"{us / 1000:.2f}"


def row(result):
    ratios = [pair["with"]["operations_per_second"] / pair["without"]["operations_per_second"]
              for pair in result["pairs"]]
    return [f"{result['system']} {result['compaction']}",
            sum(pair["with"]["snapshots"] for pair in result["pairs"]),
            both(result, "operations_per_second", count), spread(ratios, ratio),
            both(result, "p99_us", ms), both(result, "p99_9_us", ms), both(result, "max_us", ms),
            f"{statistics.median(map(growth, result['pairs'])) / (1 << 20):.0f} MiB"]


def rows(results):
    return table(["", "ended in the windows", "operations /s: without / with", "with : without",
                  "p99 ms", "p99.9 ms", "worst ms", "memory more"], map(row, results))
