"""Curves as SVG, by gnuplot; without it there are tables only."""

import shutil
import subprocess

SCRIPT = """
set terminal svg size 900,420 background "white"
set output "{path}"
set multiplot layout 1,2
set logscale x 2
set xlabel "clients, one operation in flight each"
set xrange [1:{last}]
set format x "%.0f"
set grid
set key top left
set style data linespoints
{data}
set title "claim + complete, durable: operations/s"
set yrange [0:*]
set format y "%.0s%c"
plot {rates}
set title "99th percentile, us"
set logscale y
set yrange [*:*]
set format y "%.0f"
plot {latencies}
"""


def series(values):
    """{name: [(x, y), ..]}: the data blocks, and what plot takes."""
    blocks, plots = [], []
    for name, points in values.items():
        block = "$" + "".join(letter for letter in name if letter.isalnum())
        blocks += [block + " << EOD", *(" ".join(map(str, point)) for point in points), "EOD"]
        plots.append((block, name))
    return "\n".join(blocks), plots


def group_commit(curve, path):
    """`curve`: {name: [(clients, operations/s, p99 us), ..]}. False: there is no gnuplot."""
    if shutil.which("gnuplot") is None:
        return False
    data, plots = series(curve)
    columns = {key: ", ".join(f'{block} using 1:{column} title "{name}"' for block, name in plots)
               for key, column in (("rates", 2), ("latencies", 3))}
    last = max(clients for points in curve.values() for clients, _, _ in points)
    subprocess.run(["gnuplot"], input=SCRIPT.format(path=path, data=data, last=last, **columns),
                   text=True, check=True)
    return True
