"""T8: power cuts on the real server, over and over; nothing that was acked or observed may be lost.

As T7, by the same driver, clients and judges; but the data directory is on a disk of its own whose
power is cut (support/loop_disk.py), so that only what was synced is there when the server starts
again, always with --appendfsync always. Segments are small: rotation is cut, too. After each cut
idem-tool must find the directory whole.

A store that syncs at intervals may lose the last of them, but only a suffix: the clients of
support/claim_workload.py must find nothing kept behind what is lost.

That unsynced data really is lost is checked at last: with --appendfsync no the same judges must
find acked operations gone.

    IDEM_SEED=7 IDEM_T8_CYCLES=1000 IDEM_SERVER=.. tests/server/power_cut_test.py

Needs root and loop devices, else it is skipped.
"""
import functools
import os
import random
import subprocess
import sys

from support.campaign import Campaign
from support.campaign_size import campaign_size
from support.claim_workload import ClaimWorkload
from support.cuts import PowerCut
from support.idem_server import SKIPPED, IdemServer
from support.idem_workload import IdemWorkload
from support.loop_disk import LoopDisk, Unavailable

CYCLES = 100
INTERVAL_CYCLES = 10
SELF_CHECKS = 5  # one is enough if it loses something
FLAGS = ("--restart-grace-ms", "0", "--segment-bytes", "4mb")
CLEAN, TORN_TAIL = 0, 1  # exit codes of idem-tool check
CHECK_SECONDS = 60  # a bound, not a wait
INTERVAL = ("interval", "--appendfsync-interval-ms", "20")


def start(mode, directory, cycle, **options):
    del cycle
    return IdemServer(directory, "--appendfsync", *mode, *FLAGS, **options)


def check(directory):
    """A power cut damages nothing; at most it cuts the last write short."""
    tool = os.path.join(os.environ.get("IDEM_BUILD", ""), "engine/tool/idem-tool")
    done = subprocess.run([tool, "check", directory], capture_output=True, text=True, check=False,
                          timeout=CHECK_SECONDS)
    assert done.returncode in (CLEAN, TORN_TAIL), f"idem-tool check: {done.stdout} {done.stderr}"


def campaign_on(disk, seed, *mode):
    cut = PowerCut(disk, random.Random(f"{seed}/cut"), check)
    return Campaign(seed, functools.partial(start, mode), cut, IdemWorkload(seed))


def run(seed, cycles):
    """True if the store kept its promises."""
    with LoopDisk() as disk:
        campaign = campaign_on(disk, seed, "always")
        kept = campaign.run(cycles)
    campaign.show()
    return kept


def only_a_suffix_is_lost(seed):
    """With a sync now and then."""
    with LoopDisk() as disk:
        campaign = Campaign(seed, functools.partial(start, INTERVAL), PowerCut(disk),
                            ClaimWorkload(seed), answers=5000)
        kept = campaign.run(INTERVAL_CYCLES)
    campaign.show()
    return kept and campaign.counts["kept behind a loss"] == 0


def cuts_lose_what_is_not_synced(seed):
    """A server that does not wait for the disk must be found out."""
    with LoopDisk() as disk:
        campaign = campaign_on(disk, seed, "no")
        for cycle in range(SELF_CHECKS):
            campaign.run_life(cycle)
    lost = [complaint for complaint in campaign.violations()
            if "gone" in complaint or "private keys lost" in complaint]
    print(f"self-check: with --appendfsync no {len(lost)} losses are found, as they must be")
    return bool(lost)


def main():
    seed, cycles = campaign_size("IDEM_T8_CYCLES", CYCLES, at_least=5)
    try:
        if (run(seed, cycles) and only_a_suffix_is_lost(seed) and
                cuts_lose_what_is_not_synced(seed)):
            return 0
    except Unavailable as why:
        print(f"skipped: {why}")
        return SKIPPED
    print(f"failed; replay with: IDEM_SEED={seed} IDEM_T8_CYCLES={cycles} {sys.argv[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
