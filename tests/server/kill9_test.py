"""T7: kill -9 on the real server, over and over; nothing that was acked or observed may be lost.

The clients of support/idem_workload.py ask, support/campaign.py kills the server at a moment
counted in answers, or while it starts, and starts it again on the same directory, in turn with
--appendfsync always, interval and no: a kill must lose nothing in any of them. At last the server
without a log must fail the same test, or the judges are blind.

    IDEM_SEED=7 IDEM_T7_CYCLES=1000 IDEM_SERVER=.. tests/server/kill9_test.py
"""
import sys

from support.campaign import Campaign
from support.campaign_size import campaign_size
from support.cuts import KillNine
from support.idem_server import IdemServer, fresh_directory
from support.idem_workload import IdemWorkload

CYCLES = 50
MODES = (("always",), ("interval", "--appendfsync-interval-ms", "20"), ("no",))
FLAGS = ("--restart-grace-ms", "0")


def start(directory, cycle, **options):
    mode = MODES[cycle % len(MODES)]
    flags = () if directory is None else ("--appendfsync", *mode)
    return IdemServer(directory, *flags, *FLAGS, **options)


def run(seed, cycles):
    """True if the store kept its promises."""
    with fresh_directory() as directory:
        campaign = Campaign(seed, start, KillNine(directory), IdemWorkload(seed))
        kept = campaign.run(cycles)
    campaign.show()
    return kept


def judges_see(seed):
    """A server that keeps nothing must be found out."""
    campaign = Campaign(seed, start, KillNine(directory=None),
                        IdemWorkload(seed, has_log=False))
    for cycle in range(3):
        campaign.run_life(cycle)
    lost = campaign.violations()
    print(f"self-check: without a log {len(lost)} violations are found, as they must be")
    return any("gone" in complaint for complaint in lost) and any(
        "private keys lost" in complaint for complaint in lost)


def main():
    seed, cycles = campaign_size("IDEM_T7_CYCLES", CYCLES, at_least=len(MODES))
    if run(seed, cycles) and judges_see(seed):
        return 0
    print(f"failed; replay with: IDEM_SEED={seed} IDEM_T7_CYCLES={cycles} {sys.argv[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
