"""Runs an example beside a server of its own, and tells how it ended.

    with_server.py order_update.py        the example's argument is the port

Skipped (exit code 77) where there is no redis-py.
"""
import importlib.util
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.idem_server import SKIPPED, IdemServer, fresh_directory  # noqa: E402

SECONDS = 120  # a bound, not a wait


def main():
    if importlib.util.find_spec("redis") is None:
        print("skipped: python3-redis is not installed")
        return SKIPPED
    with fresh_directory() as directory, IdemServer(directory) as server:
        command = [sys.executable, "-B", sys.argv[1], str(server.port)]
        return subprocess.run(command, timeout=SECONDS, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
