#!/usr/bin/python3
"""Tests the tests: each bug that stands ready in the engine (IDEM_BUG in base/seeded_bug.h) is
turned on, and the tests named here run until one fails. A bug that no test notices fails this one,
and so does a bug that stands on one side only, in the engine or in the table.

IDEM_BUILD is the build tree; built without IDEM_SEEDED_BUGS, this is skipped. An argument: that bug
alone.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(os.environ.get("IDEM_BUILD", os.path.join(ROOT, "build/release")),
                       "tests/idem_seeded_bugs")
STATES = "20000"  # of crash tests; a good one needs few of them

CRASH = "Modes/StoreCrashTest.*/Always"
WEAK_CRASH = "Modes/StoreCrashTest.*/Interval"
LOG_CRASH = "LogRecoveryCrashTest.*"
DAMAGE = "LogRecoveryDamageTest.*"
FAILURE = "Modes/StoreFailureTest.*"

CHANGES = "StoreChangesTest.*:StoreCursorsTest.*:Modes/StoreChangesCrashTest.*"
DEDUP = "StoreDedupTest.*"

SNAPSHOT = "*Snapshot*"
THREADS = "Cases/LinearizabilityTest.*"

# bug: (what it does, the tests that should notice).
BUGS = {
    # writing
    "acked_before_sync": ("answers leave before the sync", CRASH),
    "later_appends_counted": ("what was appended while a batch was written counts as written",
                              WEAK_CRASH),
    "two_commit_at_once": ("a second thread takes the role of the committer",
                           "FileLogThreadsTest.*"),
    "complete_not_in_one_hold": ("COMPLETE lets go of its stripe between deciding and installing",
                                 THREADS),
    "stripe_time_goes_back": ("a thread whose clock was read earlier takes a stripe back in time",
                              THREADS),
    "expiry_not_waited_for": ("an absence by expiry leaves before what expired is committed",
                              "StripeExpiryTest.*"),
    "sync_tried_again": ("a failed sync is tried again on the same bytes", "FileLogFailureTest.*"),
    "failed_write_counted": ("a write that failed is acknowledged", FAILURE),
    "synced_block_written_again": ("a batch goes into a block that was synced",
                                   "LogRecoveryCrashTest.*Sectors"),
    "rotated_unsynced": ("the next segment is begun before the last one is synced",
                         WEAK_CRASH),
    "manifest_not_synced": ("a manifest is renamed before its bytes are synced", CRASH),
    "manifest_directory_not_synced": ("no directory sync after the rename", CRASH),
    "spare_not_synced": ("a spare is named before it is synced", WEAK_CRASH),
    "spare_directory_not_synced": ("a spare is named before its entry is synced", CRASH),
    "claims_eat_the_reserve": ("claims are taken on a full disk", "FileLogSpaceTest.*"),
    "full_for_ever": ("space returns, and claims stay refused", "Modes/StoreFailureTest.OfSpace*"),
    "snapshot_ahead_of_the_log": ("a snapshot is published before the log is synced up to it",
                                  SNAPSHOT + ":" + CRASH),
    "snapshot_not_synced": ("a snapshot is renamed before it is synced", SNAPSHOT + ":" + CRASH),
    "live_segment_dropped": ("a segment is dropped by age though a record in it lives",
                             SNAPSHOT + ":" + CRASH),
    "log_dropped_too_early": ("the log is dropped behind the newest snapshot, not the older one",
                              SNAPSHOT),
    # the change stream
    "unsynced_changes_told": ("a change is told before it is synced", CHANGES),
    "pin_forgotten": ("a drop of the log does not ask what a cursor still wants", CHANGES),
    "step_not_told": ("the log does not say that a step is new", CHANGES),
    # dedup without claims
    "seen_cap_ignored": ("refreshes keep a seen id beyond its cap", DEDUP),
    "gap_taken": ("a number that runs ahead is taken, though others are missing", DEDUP),
    "older_epoch_taken": ("a producer's former life is not fenced", DEDUP),
    "cas_version_not_compared": ("Cas stores whatever version stands there", DEDUP),
    # opening
    "older_snapshot_not_tried": ("a damaged snapshot refuses the open though an older one is whole",
                                 SNAPSHOT),
    "missing_log_accepted": ("the log need not reach back to the snapshot", SNAPSHOT),
    "epoch_not_raised": ("an open gives the last life's tokens again", CRASH),
    "time_not_recovered": ("store time starts at 1 again", LOG_CRASH),
    "tail_not_copied": ("the unproven tail stays in the page cache only", CRASH),
    "tail_not_synced": ("the copied tail is not synced before the manifest names it", CRASH),
    "end_not_scanned": ("proofs behind the end of the log are not looked for", DAMAGE),
    "chain_not_checked": ("a batch need not follow the one before it", "LogReaderTest.*"),
    "records_not_hashed": ("the hash of a batch's records is not checked", DAMAGE),
    "unfinished_open_replayed": ("what an open had begun counts",
                                 "LogRecoveryCrashTest.*Recovery"),
    "spare_below_a_leftover": ("a removed file comes back above the manifest's newest",
                               "LogRecoveryTest.ARemoved*"),
    # the store
    "absence_not_waited_for": ("an absence does not wait for the removal that made it", CRASH),
    "no_restart_grace": ("a claim from before the open is taken over at once", CRASH),
    "older_image_applied": ("an older image overwrites a newer one", "StripeTest.*"),
    "removal_not_replayed": ("a removal is forgotten at the next open", CRASH),
}


def bugs_in_the_engine():
    found = set()
    for folder, _, names in os.walk(os.path.join(ROOT, "engine")):
        for name in names:
            if name.endswith((".h", ".cc")) and name != "seeded_bug.h":
                with open(os.path.join(folder, name), encoding="utf-8") as source:
                    found.update(re.findall(r"IDEM_BUG\((\w+)\)", source.read()))
    return found


def first_failure(bug, tests):
    """The test that noticed, or None. One that stops the program or hangs has noticed, too."""
    environment = dict(os.environ, IDEM_SEEDED_BUG=bug, IDEM_T3_STATES=STATES)
    environment.pop("IDEM_SEED", None)
    with tempfile.TemporaryFile("w+") as output:
        try:
            code = subprocess.run([PROGRAM, "--gtest_filter=" + tests, "--gtest_fail_fast",
                                   # Threads must meet; on a busy machine that may take a while.
                                   f"--gtest_repeat={10 if 'Threads' in tests else 1}"],
                                  env=environment, stdout=output, stderr=subprocess.STDOUT,
                                  timeout=60, check=False).returncode
        except subprocess.TimeoutExpired:
            code = "hangs"
        output.seek(0)
        told = output.read()
    if code == 0 and "[ RUN" in told:
        return None
    names = re.findall(r"\[  FAILED  \] ([\w./]+)", told) or re.findall(r"\[ RUN .*\] (\S+)", told)[-1:]
    if code == 0 or not names:
        raise RuntimeError(f"no test ran: {tests}: {told[-300:]}")
    return f"{names[0]}{' hangs' if code == 'hangs' else ''}"


def main():
    if not os.path.exists(PROGRAM):
        print("skipped: built without IDEM_SEEDED_BUGS")
        return 77
    faults = [f"{bug}: in one place only, the engine or the table"
              for bug in sorted(bugs_in_the_engine() ^ set(BUGS))]
    chosen = {bug: BUGS[bug] for bug in sys.argv[1:]} or BUGS
    healthy = first_failure("", "StoreFilesTest.*:LogReaderTest.*:FileLogFailureTest.*")
    if healthy is not None:
        faults.append(f"without any bug {healthy} fails")
    for bug, (what, tests) in chosen.items():
        start = time.monotonic()
        noticed = first_failure(bug, tests)
        print(f"{bug:32} {what:62} {noticed or 'NOBODY'}  {time.monotonic() - start:.1f} s",
              flush=True)
        if noticed is None:
            faults.append(f"{bug}: nobody notices")
    print("\n".join(faults) or f"{len(chosen)} bugs, each noticed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
