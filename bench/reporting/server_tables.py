"""The servers' results as Markdown, and where Idem loses."""

from reporting.figures import count, median, ratio, spread, table, three_digits

HEAD = ["log", "operation: Idem / Redis", "clients x in flight", "Idem /s", "Redis /s",
        "ceiling /s", "Idem : Redis", "Idem : ceiling", "server CPU us", "server busy %", "client busy %", "p50 us", "p99 us",
        "p99.9 us"]


def of(result, side, key):
    return [pair[side][key] for pair in result["pairs"]]


def sides(result):
    return tuple(result["pairs"][0])


def ratios(result, key, other="redis"):
    """Idem beside Redis or the ceiling, pair by pair."""
    return [pair["idem"][key] / pair[other][key] for pair in result["pairs"] if pair[other][key] > 0]


def each(result, key, scale=1, spell=three_digits):
    return " / ".join(spell(scale * median(of(result, side, key))) for side in sides(result))


def beside_ceiling(result):
    """Its throughput, and Idem's as a part of that."""
    if "ceiling" not in sides(result):
        return "", ""
    return (count(median(of(result, "ceiling", "operations_per_second"))),
            spread(ratios(result, "operations_per_second", "ceiling"), ratio))


def row(result):
    case = result["case"]
    ceiling, part_of_ceiling = beside_ceiling(result)
    return [case["durability"], case["title"], result["load"],
            count(median(of(result, "idem", "operations_per_second"))),
            count(median(of(result, "redis", "operations_per_second"))), ceiling,
            spread(ratios(result, "operations_per_second"), ratio), part_of_ceiling,
            each(result, "server_cpu_us"),
            each(result, "server_busy", 100, "{:.0f}".format),
            each(result, "client_busy", 100, "{:.0f}".format),
            each(result, "p50_us"), each(result, "p99_us"), each(result, "p99_9_us")]


def rows(results):
    return table(HEAD, [row(result) for result in results])


def name(result):
    case = result["case"]
    return f"{case['title']}, {result['load']}, log {case['durability']}"


def losses(results):
    """A line for each case in which Redis has the better median."""
    for result in results:
        faster = ratios(result, "operations_per_second") or [1]
        if median(faster) < 1 and not result["case"]["rate"]:
            yield f"{name(result)}: {spread(faster, ratio)} of Redis' throughput"
        for key, what in (("server_cpu_us", "CPU"), ("p50_us", "p50"), ("p99_us", "p99"),
                          ("p99_9_us", "p99.9")):
            more = ratios(result, key) or [1]
            if median(more) > 1:
                yield f"{name(result)}: {spread(more, ratio)} times Redis' {what}"


def wrong_answers(results):
    for result in results:
        for pair in result["pairs"]:
            for side, load in pair.items():
                if load["wrong"] or load["unanswered"]:
                    yield (f"{name(result)}, {side}: {load['wrong']} wrong, "
                           f"{load['unanswered']} missing, the first: {load['first_wrong']}")
