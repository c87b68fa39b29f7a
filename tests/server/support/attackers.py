"""Clients of ill will, each kind a process that goes on until it is ended.

    with attack(port):          # all kinds at once, as often as each can
        ..

Each takes what the server does to it, and begins anew.
"""
import contextlib
import os
import random
import select
import socket
import struct
import subprocess
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.resp_connection import encode

SECONDS = 30  # a bound, not a wait
CROWD = 20  # connections of one attacker


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    connection.setblocking(False)
    return connection


def send_without_end(port, beginning, piece):
    """Whatever the server takes of it, over many connections; never reads an answer."""
    crowd = {}
    while True:
        while len(crowd) < CROWD:
            with contextlib.suppress(OSError):
                connection = connect(port)
                connection.send(beginning)
                crowd[connection] = 0
        for connection in select.select([], list(crowd), [], 0.1)[1]:
            try:
                crowd[connection] += connection.send(piece[crowd[connection] % len(piece):])
            except OSError:
                connection.close()
                del crowd[connection]


def deaf(port):
    """Asks and asks, and reads nothing."""
    send_without_end(port, encode(["SET", "large", b"x" * 500_000]),
                     encode(["GET", "large"]) * 200 + b"PING\r\n" * 10_000)


def hoarder(port):
    """Begins a command of 64 MiB, again and again."""
    send_without_end(port, b"*3\r\n$3\r\nSET\r\n$1\r\nh\r\n$67108864\r\n", b"v" * (1 << 20))


def greedy(port):
    """Asks large pipelines, and reads all that comes."""
    crowd = [connect(port) for _ in range(CROWD)]
    for connection in crowd:
        connection.setblocking(True)
    while True:
        for connection in crowd:
            connection.sendall(encode(["GET", "none"]) * 3000)
        for connection in crowd:
            left = 3000 * len(b"$-1\r\n")
            while left > 0:
                left -= len(connection.recv(left))


def stranger(port):
    """Noise of every kind, and then gone, one time in two without a word."""
    rng = random.Random(1)
    beginnings = (b"POST / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"*3\r\n$-7\r\n",
                  b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3", b"\r\n\r\nNOPE x\r\n", b"*65536\r\n")
    while True:
        with contextlib.suppress(OSError):
            connection = connect(port)
            connection.send(rng.choice(beginnings) + rng.randbytes(rng.randrange(300)))
            if rng.randrange(2):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
            connection.close()


KINDS = {kind.__name__: kind for kind in (deaf, hoarder, greedy, stranger)}


@contextlib.contextmanager
def attack(port):
    attackers = [subprocess.Popen(["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", __file__,
                                   kind, str(port)], stdin=subprocess.DEVNULL)
                 for kind in KINDS]
    try:
        yield
        ended = [kind for kind, attacker in zip(KINDS, attackers) if attacker.poll() is not None]
        assert not ended, f"gave up: {ended}"
    finally:
        for attacker in attackers:
            attacker.kill()
        for attacker in attackers:
            attacker.wait()


if __name__ == "__main__":
    KINDS[sys.argv[1]](int(sys.argv[2]))
