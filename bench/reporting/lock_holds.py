"""How long a stripe's lock is held, by what is done under it: runs of the program lock_holds."""

import json
import os
import subprocess

from reporting.figures import count, median, table, three_digits
from reporting.table_runs import ROOT, RUN_SECONDS

LOCK_HOLDS = os.path.join(os.environ.get("IDEM_BENCHES", os.path.join(ROOT, "build/release/bench")),
                          "lock_holds")
COLUMNS = {"p50_ns": "p50 us", "p99_ns": "p99", "p99_9_ns": "p99.9", "p99_99_ns": "p99.99",
           "max_ns": "longest"}


def measure(effort):
    """[{work: figures} of each round]"""
    runs = []
    for _ in range(effort.rounds):
        done = subprocess.run([LOCK_HOLDS, f"--keys={effort.stripe_keys}"], capture_output=True,
                              text=True, check=True, timeout=RUN_SECONDS)
        runs.append(json.loads(done.stdout))
    return runs


def rows(runs):
    def cells(work):
        yield count(runs[0][work]["holds"])
        yield from (three_digits(median([run[work][key] for run in runs]) / 1000)
                    for key in COLUMNS)
        yield str(sum(run[work]["preempted"] for run in runs))
        yield three_digits(max(run[work]["slowest_preempted_ns"] for run in runs) / 1000)
    return table(["under the lock", "holds", *COLUMNS.values(), "preempted in all rounds",
                  "longest preempted"], [[work, *cells(work)] for work in runs[0]])
