"""How long a campaign is, and what it shows in the end."""
import os
import random

SHOWN_VIOLATIONS = 20


def campaign_size(cycles_variable, cycles, at_least):
    """(seed, cycles): from the environment, or a new seed and the size per change."""
    seed = int(os.environ.get("IDEM_SEED", random.SystemRandom().randrange(1 << 32)))
    divisor = int(os.environ.get("IDEM_TEST_SIZE_DIVISOR", 1))
    cycles = int(os.environ.get(cycles_variable, max(at_least, cycles // divisor)))
    print(f"IDEM_SEED={seed} {cycles_variable}={cycles}", flush=True)
    return seed, cycles


def show(workload, seconds):
    for violation in workload.violations()[:SHOWN_VIOLATIONS]:
        print("VIOLATION", violation)
    print(f"{workload.summary()}, {seconds:.0f} s", flush=True)
