"""How long a campaign is, by the environment."""
import os
import random

# Sanitizers take their time: there tests divide their size by this.
DIVISOR = int(os.environ.get("IDEM_TEST_SIZE_DIVISOR", 1))


def campaign_size(cycles_variable, cycles, at_least):
    """(seed, cycles): as named there, or a new seed and the size per change."""
    seed = int(os.environ.get("IDEM_SEED", random.SystemRandom().randrange(1 << 32)))
    cycles = int(os.environ.get(cycles_variable, max(at_least, cycles // DIVISOR)))
    print(f"IDEM_SEED={seed} {cycles_variable}={cycles}", flush=True)
    return seed, cycles

