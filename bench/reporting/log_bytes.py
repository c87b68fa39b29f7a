"""What a claim and its completion add to the log, beside Redis' append-only file."""

from reporting import rival
from reporting.figures import table

# durability, connections, in flight, pairs
CASES = (("always", 1, 1, 500), ("always", 50, 1, 10_000), ("always", 50, 16, 50_000),
         ("everysec", 1, 1, 5_000), ("everysec", 50, 16, 50_000))


def measure(server_core, client_core, scratch):
    """[{"log": .., "load": .., "Idem": bytes of a pair, "Redis": ..}]"""
    results = []
    for durability, connections, in_flight, pairs in CASES:
        result = {"log": durability, "load": f"{connections} x {in_flight}"}
        for side in rival.RIVALS:
            with side.start(durability, server_core, scratch) as server:
                result[side.name] = bytes_per_pair(server, side, client_core, pairs,
                                                   connections=connections, in_flight=in_flight)
        results.append(result)
    return results


def bytes_per_pair(server, side, client_core, pairs, **shape):
    with rival.connect(server) as connection:
        before = side.log_bytes(connection.info())
        done = rival.run_load(server, client_core, operations=side.pair, count=pairs, **shape)
        return (side.log_bytes(connection.info()) - before) / done["operations"]


def rows(results):
    return table(["log", "clients x in flight", "Idem: BEGIN + COMPLETE",
                  "Redis: SET NX PX + SET PX"],
                 [[result["log"], result["load"], f"{result['Idem']:.0f} bytes",
                   f"{result['Redis']:.0f} bytes"] for result in results])
