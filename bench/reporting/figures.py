"""Medians, spreads and how figures are spelled."""

import statistics


def median(values):
    return statistics.median(values)


def spread(values, spell):
    """'1.25 (1.10 .. 1.31)': the median, and between what the runs were."""
    return f"{spell(median(values))} ({spell(min(values))} .. {spell(max(values))})"


def count(value):
    """Three digits: 842, 14.2 k, 1.06 M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{three_digits(value / size)} {unit}"
    return three_digits(value)


def three_digits(value):
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def ratio(value):
    return f"{value:.2f}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |"
                     for line in lines)
