"""Many records that expire at one instant beside others that are read at a fixed rate: how long
until the memory is free, and what do the readers notice?
"""

import threading
import time

from reporting import rival
from reporting.figures import median, ratio, spread, table, three_digits

RATE = 20_000
CONNECTIONS = 10
POLL_SECONDS = 0.02
FREED_SECONDS = 60  # a bound
FILL_PER_SECOND = 80_000  # a slow fill; it is begun so much before the instant
QUIET_SECONDS = 1
# Keys that may be made by what clients had sent when the fill ended: they stay until their leases
# end, long after the instant.
CUT_SHORT = 2 * 50 * 16
EXPIRING_SEED = 7


class Watch(threading.Thread):
    """Notes when the server holds no more than the keys that stay."""

    def __init__(self, server, staying):
        super().__init__(daemon=True)
        self._server = server
        self._staying = staying
        self._deadline = time.time() + FREED_SECONDS
        self.freed_at = None

    def run(self):
        with rival.connect(self._server) as connection:
            while time.time() < self._deadline:
                if connection.ask("DBSIZE") <= self._staying:
                    self.freed_at = time.time()
                    return
                time.sleep(POLL_SECONDS)


def read(server, core, effort, warmup):
    load = rival.run_load(server, core, operations="get", connections=CONNECTIONS, rate=RATE,
                          seconds=effort.storm_seconds, warmup=max(warmup, 0),
                          resident_seed=rival.RESIDENT_SEED, resident_keys=effort.storm_staying)
    return {key: load[key] for key in ("p50_us", "p99_us", "p99_9_us", "max_us", "wrong",
                                       "unanswered", "operations_per_second")}


def storm(side, effort, cores, scratch):
    with side.start("off", cores[0], scratch) as server:
        rival.fill(server, side, cores[1], effort.storm_staying, "set-pair")
        with rival.connect(server) as connection:
            staying = connection.ask("DBSIZE") + CUT_SHORT
        instant = (time.time() + effort.storm_expiring / FILL_PER_SECOND + effort.storm_seconds +
                   2 * QUIET_SECONDS)
        rival.run_load(server, cores[1], operations="set-until", connections=50, in_flight=16,
                       count=effort.storm_expiring, seed=EXPIRING_SEED,
                       expire_at_unix_ms=int(instant * 1000))
        before = read(server, cores[1], effort, 0)
        late = time.time() - instant
        if late > 0:
            raise RuntimeError(f"too slow: all was to be ready {late:.1f} s ago")
        watch = Watch(server, staying)
        watch.start()
        during = read(server, cores[1], effort, instant - time.time())
        watch.join()
        freed = watch.freed_at - instant if watch.freed_at else None
        return {"before": before, "during": during, "freed_seconds": freed}


def measure(effort, cores, scratch):
    """{name of the server: [result of each round]}"""
    results = {side.name: [] for side in rival.RIVALS}
    for _ in range(effort.rounds):
        for side in rival.RIVALS:
            results[side.name].append(storm(side, effort, cores, scratch))
    return results


def row(name, rounds):
    def both(key):
        return " / ".join(three_digits(median([one[when][key] for one in rounds]) / 1000)
                          for when in ("before", "during"))
    grown = [one["during"]["p99_us"] / one["before"]["p99_us"] for one in rounds]
    freed = [one["freed_seconds"] for one in rounds]
    return [name, "not within a minute" if None in freed else spread(freed, three_digits),
            *(both(key) for key in ("p50_us", "p99_us", "p99_9_us", "max_us")),
            spread(grown, ratio)]


def rows(results):
    return table(["", "s until freed", "p50 ms, before / during", "p99 ms", "p99.9 ms", "max ms",
                  "p99 during : before"], [row(name, rounds) for name, rounds in results.items()])


def faults(results):
    for name, rounds in results.items():
        for one in rounds:
            for when in ("before", "during"):
                if one[when]["wrong"] or one[when]["unanswered"]:
                    yield f"{name}, {when} the expiry: wrong or missing answers to GET"
