"""The library's results on disk as Markdown."""

from reporting.figures import count, median, spread, table, three_digits


class Runs:
    """The runs of the binaries, by name and number of threads."""

    def __init__(self, runs):
        self.runs = runs

    def find(self, name, threads=1):
        return [run for run in self.runs
                if (run["name"] + "/").startswith(name + "/") and run["threads"] == threads]

    def values(self, name, key, threads=1):
        return [run[key] for run in self.find(name, threads)]


def durable_row(runs, title, name, threads):
    def value(key):
        return median(runs.values(name, key, threads))
    syncs = value("fdatasyncs_per_pair") if name.startswith("Claim") else 1
    return [title, threads, spread(runs.values(name, "items_per_second", threads), count),
            three_digits(syncs), *(count(value(key)) for key in ("p50_us", "p99_us", "p99_9_us"))]


def durable(runs):
    rows = [durable_row(runs, f"claim + complete, {mode}", f"ClaimComplete/{mode}", threads)
            for mode in ("always", "interval") for threads in (1, 16, 64)]
    rows.append(durable_row(runs, "ceiling: 4 KiB pwrite + fdatasync", "Disk/pwrite_fdatasync", 1))
    return table(["operation", "callers", "/s", "fdatasyncs each", "p50 us", "p99 us", "p99.9 us"],
                 rows)
