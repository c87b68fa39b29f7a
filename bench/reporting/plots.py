"""Plots as SVG, by gnuplot."""

import os
import shutil
import subprocess

HEAD = """set terminal svg noenhanced size 900,480 font "sans,13" background "white"
set output "{path}"
set title "{title}"
set grid
set key outside right
"""
LOG_LINES = """set logscale {log}
set xlabel "{x}"
set format x "%.0s%c"
set ylabel "{y}"
"""
BARS = """set style data histogram
set style histogram clustered gap 1
set style fill solid 0.8
set ylabel "{y}"
set yrange [{lowest}:*]
set xtics rotate by -30
"""


def quoted(text):
    return '"' + str(text).replace('"', "'") + '"'


def block(name, lines):
    return f"${name} << END\n" + "\n".join(lines) + "\nEND\n"


def lines(path, title, curves, x, y, log="xy"):
    """curves: {name: [(x, y), ..]}"""
    blocks = [block(f"c{i}", (f"{a} {b}" for a, b in points))
              for i, points in enumerate(curves.values())]
    plot = ", ".join(f"$c{i} with linespoints title {quoted(name)}"
                     for i, name in enumerate(curves))
    draw(HEAD.format(path=path, title=title) + LOG_LINES.format(x=x, y=y, log=log) +
         "".join(blocks) + f"plot {plot}\n")


def bars(path, title, groups, series, y, log=False):
    """groups: {name: [a value for each of the series]}; None leaves a bar out"""
    rows = [" ".join([quoted(name), *("NaN" if v is None else str(v) for v in values)])
            for name, values in groups.items()]
    plot = ", ".join(f"$bars using {i + 2}:xtic(1) title {quoted(name)}"
                     for i, name in enumerate(series))
    scale = "set logscale y\n" if log else ""
    draw(HEAD.format(path=path, title=title) +
         BARS.format(y=y, lowest="*" if log else "0") + scale + block("bars", rows) +
         f"plot {plot}\n")


def possible():
    return shutil.which("gnuplot") is not None


def draw(script):
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False,
                          timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"gnuplot: {done.stderr}\n{script}")


def link(path, title):
    return f"![{title}]({os.path.basename(path)})"
