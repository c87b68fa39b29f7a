"""The example payment_service.py while idem-server is killed -9 at random moments and started again:
every payment is charged once, and all of its clients are told the same.

Then the bank must find out copies of the example that use the protocol wrongly, or this test is
blind: one whose second attempt does not ask what became of the first, and one that shows the bank
no fence.

    IDEM_SEED=7 IDEM_SERVER=.. tests/server/payment_service_test.py
"""
import importlib.util
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile

from support.idem_server import SKIPPED, IdemServer, fresh_directory

EXAMPLE = pathlib.Path(__file__).resolve().parents[1] / "examples/payment_service.py"
SECONDS = 120  # a bound, not a wait
KILLS = 6
PAYMENTS = 30
GRACE = ("--restart-grace-ms", "1000")  # the example's lease

WRONG = {
    "does not look back": ("if attempt > 1:", "if attempt > 1000:"),
    "shows no fence": ("fence=token", "fence=1"),
}


def start_example(port, payments, path=EXAMPLE):
    return subprocess.Popen([sys.executable, "-B", str(path), str(port), str(payments)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def free_port():
    """Below those that outgoing connections get: nobody takes it while the server is down."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def kill_while_it_runs(directory, chance):
    """Returns (exit code, output, kills)."""
    port = str(free_port())
    flags = ("--port", port, "--appendfsync", "always", *GRACE)
    kills = 0
    server = IdemServer(directory, *flags)
    try:
        example = start_example(port, PAYMENTS)
        while kills < KILLS:
            try:
                example.wait(chance.uniform(0.2, 1.5))
                break
            except subprocess.TimeoutExpired:
                server.kill()
                server.close()
                kills += 1
                server = IdemServer(directory, *flags)
        output, errors = example.communicate(timeout=SECONDS)
        return example.returncode, output + errors, kills
    finally:
        server.kill()
        server.close()


def found_out(port, name, folder):
    """Starts a copy of the example that is wrong in one place."""
    right, wrong = WRONG[name]
    text = EXAMPLE.read_text()
    assert right in text, f"the example has no {right!r} any more"
    copy = pathlib.Path(folder) / f"{name.replace(' ', '_')}.py"
    copy.write_text(text.replace(right, wrong))
    return start_example(port, 5, copy)


def wrong_ones_that_pass():
    with fresh_directory() as directory, tempfile.TemporaryDirectory() as folder, \
            IdemServer(directory, *GRACE) as server:
        examples = {name: found_out(server.port, name, folder) for name in WRONG}
        for name, example in examples.items():
            _, errors = example.communicate(timeout=SECONDS)
            print(f"self-check: one that {name}: {errors.splitlines()[-1:]}")
            if "was charged 2 times" not in errors:
                yield name


def main():
    if importlib.util.find_spec("redis") is None:
        print("skipped: python3-redis is not installed")
        return SKIPPED
    seed = int(os.environ.get("IDEM_SEED", random.randrange(1 << 32)))
    with fresh_directory() as directory:
        code, output, kills = kill_while_it_runs(directory, random.Random(seed))
    print(f"{kills} kills of the server: {output}")
    if code == 0 and kills > 0 and not list(wrong_ones_that_pass()):
        return 0
    print(f"failed; replay with: IDEM_SEED={seed} {sys.argv[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
