"""A bare connection that tells which command of a pipeline was answered, and which was not.

Client libraries hide that when the server dies half way; a test of kill -9 lives on it.
"""
import socket

ANSWER_SECONDS = 30  # a bound: a server that hangs is a failure, not a wait


class ErrorReply(str):
    """An error of the server: "FENCED this token .."."""

    @property
    def code(self):
        return self.split(" ", 1)[0]


def encode(command):
    """The command as a RESP array of bulk strings."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    header = b"*%d\r\n" % len(parts)
    return header + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


class RespConnection:
    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = self._socket.makefile("rb")

    def send(self, commands):
        self.send_bytes(b"".join(map(encode, commands)))

    def send_bytes(self, sent):
        self._socket.sendall(sent)

    def receive(self):
        """The next reply. ConnectionError: it was not, or not wholly, received."""
        line = self._input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection ended inside a reply")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ErrorReply(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._bulk(int(rest))
        if kind == b"_":
            return None
        if kind == b"=":
            return self._bulk(int(rest))[len("txt:"):]
        assert kind in (b"*", b"~", b"%"), line
        count = int(rest) * (2 if kind == b"%" else 1)
        return None if count < 0 else [self.receive() for _ in range(count)]

    def _bulk(self, size):
        if size < 0:
            return None
        body = self._input.read(size + 2)
        if len(body) < size + 2:
            raise ConnectionResetError("the connection ended inside a reply")
        return body[:-2]

    def ask(self, *command):
        self.send([command])
        return self.receive()

    def ask_all(self, commands):
        self.send(commands)
        return [self.receive() for _ in commands]

    def info(self):
        """INFO as a dictionary."""
        lines = self.ask("INFO").decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def close(self):
        self._input.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
