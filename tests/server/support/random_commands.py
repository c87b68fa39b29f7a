"""Plain commands at random, on few keys, for comparisons of one server with another."""
import itertools

FAR_S = 4_000_000_000  # a moment in the year 2096
MAX = 2**63 - 1
SERIAL = itertools.count(100)


def random_command(chosen):
    """Times are far apart, so that no two of them meet while the test runs."""
    def key():
        return chosen.choice("abcde")

    def value():
        return chosen.choice(["", "v", "w", "-7", "12", str(MAX), "x" * 300])

    def moment():  # never the same, and either order
        return FAR_S + chosen.choice([-10, 10]) * next(SERIAL)

    def words(*choices):
        return chosen.choice(choices).split()

    times = ("EX 1000", "PX 3000000", f"EXAT {FAR_S}", f"PXAT {FAR_S + 500}000", "EXAT 1", "EX 0")
    commands = (
        lambda: ["SET", key(), value(), *words("", "NX", "XX", "GET", "NX GET", "XX GET"),
                 *words("", "KEEPTTL", *times)],
        lambda: ["GET", key()],
        lambda: ["GETEX", key(), *words("", "PERSIST", *times)],
        lambda: [chosen.choice(["GETDEL", "STRLEN", "TYPE", "TTL", "PTTL", "EXPIRETIME",
                                "PEXPIRETIME", "PERSIST", "INCR", "DECR"]), key()],
        lambda: [chosen.choice(["INCRBY", "DECRBY"]), key(), chosen.choice([1, -5, MAX, "x"])],
        lambda: [chosen.choice(["SETNX", "GETSET"]), key(), value()],
        lambda: [chosen.choice(["SETEX", "PSETEX"]), key(), chosen.choice([0, 10**7]), value()],
        lambda: [chosen.choice(["MSET", "MSETNX"]), key(), value(), key(), value()],
        lambda: [chosen.choice(["MGET", "DEL", "UNLINK", "EXISTS", "TOUCH"]), key(), key(), key()],
        lambda: ["EXPIRE", key(), moment() - FAR_S // 2,
                 *words("", "NX", "XX", "GT", "LT", "XX LT", "XX GT")],
        lambda: ["EXPIREAT", key(), chosen.choice([1, moment()]), *words("", "GT", "LT")],
        lambda: ["PEXPIREAT", key(), chosen.choice([1, 1000 * moment()]), *words("", "GT", "LT")],
        lambda: ["OBJECT", "ENCODING", key()],
    )
    return chosen.choice(commands)()
