"""The library's own benchmarks: runs the *_bench binaries and reads their JSON."""

import json
import os
import subprocess
import tempfile

QUICK = {"repetitions": 3, "min_time": 0.05}
FULL = {"repetitions": 5, "min_time": 0.5}


def run(binary, effort, scratch):
    """Runs of one binary, its benchmarks in random turns: [{"name": .., "items_per_second": ..}]"""
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".json") as output:
        command = [binary, f"--benchmark_repetitions={effort['repetitions']}",
                   f"--benchmark_min_time={effort['min_time']}",
                   "--benchmark_enable_random_interleaving=true",
                   f"--benchmark_out={output.name}", "--benchmark_out_format=json"]
        environment = dict(os.environ, IDEM_BENCH_DIR=scratch)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800,
                              env=environment)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        runs = json.load(output)["benchmarks"]
    return [one for one in runs if one["run_type"] == "iteration"]
