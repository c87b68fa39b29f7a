"""How the server starts, refuses to start, meets a full disk, and stops."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
import unittest.mock

from support.idem_server import IdemServer, binary, fresh_directory
from support.resp_connection import ErrorReply, RespConnection

FAILED, USAGE = 1, 2
SECONDS = 30  # a bound, not a wait
MEBIBYTE = b"x" * (1 << 20)


NOBODY = ("setpriv", "--reuid", "65534", "--clear-groups")


def run(*flags, user=()):
    """Runs a server that must not start; (exit code, stdout, stderr)."""
    done = subprocess.run([*user, binary(), *map(str, flags)], capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def answer_of(reply):
    """CLAIMED, REPLAY, OK, or the code of an error."""
    if isinstance(reply, ErrorReply):
        return reply.code
    return reply[0].decode() if isinstance(reply, list) else reply


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(fresh_directory()))
        self.data = self.directory / "data"

    def start(self, *flags, directory="data", **options):
        where = self.directory / directory if directory else None
        return self.enterContext(IdemServer(where, *flags, **options))

    def refuses(self, code, pattern, *flags, user=()):
        exit_code, out, errors = run(*flags, user=user)
        self.assertEqual((exit_code, out), (code, ""), errors)
        self.assertRegex(errors, r"\Aidem-server: " + pattern)
        self.assertEqual(errors.count("\n"), 1, "one line, no more")


class StartLineTest(ServerTest):
    def test_tells_port_directory_durability_memory_and_version(self):
        server = self.start("--maxmemory", "64mb", "--threads", "1")
        version = run("--version")[1].split()[1]
        self.assertEqual(
            server.start_line,
            f"idem-server {version} ready on 127.0.0.1:{server.port}, data in {self.data}, "
            f"durability always, memory limit 64.0 MiB, 1 thread\n")
        self.assertEqual(server.errors(), "")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.rest_of_output(), "", "one line on stdout, no more")

    def test_a_weaker_durability_is_told_and_warned_of(self):
        for flags, name, loss in (
                (("--appendfsync", "everysec"), "everysec", "the last 1000 ms of answers"),
                (("--appendfsync", "interval", "--appendfsync-interval-ms", "250"),
                 "interval 250 ms", "the last 250 ms of answers"),
                (("--appendfsync", "no"), "os", "a power cut can lose answers"),
                (("--appendonly", "no"), "memory", "everything is lost when the server stops")):
            with self.subTest(name), IdemServer(self.data, *flags) as server:
                self.assertIn(f"durability {name}, ", server.start_line)
                self.assertRegex(server.errors(), f"level=warning event=not_durable .*{loss}")
                with RespConnection(server.port) as connection:
                    self.assertEqual(connection.info()["durability"], name)

    def test_makes_its_directory_where_the_user_keeps_state(self):
        state = {"XDG_STATE_HOME": str(self.directory / "state")}
        with unittest.mock.patch.dict(os.environ, state):
            server = self.enterContext(IdemServer(None, "--appendonly", "yes"))
        self.assertIn(f"data in {self.directory}/state/idem, ", server.start_line)

    def test_help_names_every_flag_and_its_default(self):
        code, out, errors = run("--help")
        self.assertEqual((code, errors), (0, ""))
        for flag in ("port (6379)", "bind (127.0.0.1)", "dir ()", "appendfsync (always)",
                     "maxmemory (1gb)", "default-lease-ms (30000)"):
            self.assertIn("\n  --" + flag, out)
        self.assertIn("\nExit codes:\n  0  stopped", out)


class CheckConfigTest(ServerTest):
    def test_says_whether_the_server_would_start_and_starts_nothing(self):
        config = self.directory / "idem.conf"
        config.write_text(f"port 7000\ndir {self.data}\n")
        self.assertEqual(run(config, "--check-config"), (0, "the configuration is good\n", ""))
        self.assertFalse(self.data.exists())
        config.write_text("port 7000\nmaxmemroy 1gb\n")
        self.refuses(USAGE, f"{config}:2: no such setting: maxmemroy; did you mean maxmemory?",
                     "--config", config, "--check-config")

    def test_the_environment_is_read(self):
        with unittest.mock.patch.dict(os.environ, {"IDEM_CONF_MAXMEMORY": "48mb"}):
            self.assertIn("memory limit 48.0 MiB", self.start().start_line)


class RefusedStartTest(ServerTest):
    def test_wrong_flags(self):
        for pattern, *flags in (
                ("unknown option --nonsense; --help", "--nonsense"),
                ("unknown option stray; --help", "stray"),
                ("--dir: needs a value", "--dir"),
                ("--port: 70000 is out of range; it takes 0 to 65535", "--port", "70000"),
                ("--port: cannot read 'x'", "--port", "x"),
                ("--threads: 65 is out of range", "--threads=65"),
                ("--appendfsync: takes always, interval", "--appendfsync", "sometimes"),
                ("--appendonly: takes yes or no", "--appendonly", "maybe"),
                ("--maxmemory: takes 16mb or more", "--maxmemory", "1kb"),
                ("--maxmemory: takes 16mb or more", "--maxmemory", "99999999999gb"),
                ("--default-lease-ms: 0 is out of range", "--default-lease-ms", "0"),
                ("--default-retention-ms: 5 is less than default-lease-ms", "--default-retention-ms", "5"),
                ("--bind: will not listen on 0.0.0.0 without a password", "--bind", "0.0.0.0")):
            with self.subTest(flags):
                self.refuses(USAGE, re.escape(pattern), "--port", "0", *flags)

    def test_a_port_that_is_taken(self):
        port = self.start().port
        self.refuses(FAILED, f"cannot listen on 127.0.0.1:{port}: Address already in use; --port",
                     "--port", port, "--dir", self.directory / "other")

    def test_a_directory_that_is_in_use(self):
        server = self.start()
        with RespConnection(server.port) as connection:
            connection.ask("SET", "key", "value")
            self.refuses(FAILED, f"cannot open the store: .*{self.data}/LOCK: held by idem pid "
                         f"{server.process.pid} ", "--port", "0", "--dir", self.data)
            self.assertEqual(connection.ask("GET", "key"), b"value")

    def test_a_directory_that_cannot_be(self):
        file = self.directory / "file"
        file.write_text("mine")
        for directory in (file, file / "data", "/proc/idem"):
            with self.subTest(directory):
                self.refuses(FAILED, "cannot open the store: .*(/file.*in the way|/proc/idem)",
                             "--port", "0", "--dir", directory)
        self.assertEqual(file.read_text(), "mine")

    def test_a_directory_without_the_right_to_write(self):
        user = NOBODY if os.geteuid() == 0 else ()  # root may write everywhere
        if run("--version", user=user)[0] != 0:
            self.skipTest("others may not run the server here")
        self.data.mkdir(mode=0o555)
        self.directory.chmod(0o555)
        self.addCleanup(self.directory.chmod, 0o755)
        self.refuses(FAILED, f"cannot open the store: PERMISSION_DENIED: .*{self.data}",
                     "--port", "0", "--dir", self.data, user=user)


class StopTest(ServerTest):
    def test_a_stop_signal_ends_it_well_and_what_was_acked_is_there(self):
        for sign in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sign):
                server = self.start(directory=sign.name)
                with RespConnection(server.port) as connection:
                    token = connection.ask("IDEM.BEGIN", "order", "BODY", "card 42")[1]
                    connection.send([["SET", f"key:{i}", i] for i in range(1000)])
                    self.assertEqual(connection.receive(), "OK")
                    server.process.send_signal(sign)
                    acked = 1 + self._drain(connection)
                self.assertEqual((server.wait(), server.errors()), (0, ""))
                self._check_after_stop(sign.name, token, acked)

    def _drain(self, connection):
        """The count of answers until the server ends."""
        count = 0
        with contextlib.suppress(ConnectionError):
            while True:
                self.assertEqual(connection.receive(), "OK")
                count += 1
        return count

    def _check_after_stop(self, directory, token, acked):
        with RespConnection(self.start(directory=directory).port) as connection:
            self.assertEqual(connection.info()["torn_tails_cut"], "0")
            self.assertEqual(connection.ask("MGET", *(f"key:{i}" for i in range(acked))),
                             [str(i).encode() for i in range(acked)])
            self.assertEqual(connection.ask("IDEM.COMPLETE", "order", token, "receipt"), "OK")

    def test_shutdown_stops_it_without_an_answer(self):
        server = self.start()
        with RespConnection(server.port) as connection, RespConnection(server.port):
            connection.send([["SET", "k", "v"], ["SHUTDOWN", "NOSAVE"], ["SET", "k", "w"]])
            self.assertEqual(connection.receive(), "OK")
            with self.assertRaises(ConnectionError):
                connection.receive()
        self.assertEqual((server.wait(), server.errors()), (0, ""))
        with RespConnection(self.start().port) as connection:
            self.assertEqual(connection.ask("GET", "k"), b"v")

    def test_idle_connections_do_not_hold_up_a_stop(self):
        server = self.start()
        with RespConnection(server.port), RespConnection(server.port) as half:
            half.send_bytes(b"*2\r\n$3\r\nGET\r\n$100\r\nhal")
            self.assertEqual(server.stop(), 0)


def may_mount():
    return subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "idem", "/mnt"],
                          capture_output=True, check=False).returncode == 0


@unittest.skipUnless(may_mount(), "needs the right to mount")
class DiskTest(ServerTest):
    """On a file system of its own. The mounts are this process' own: see main()."""

    def mount(self, options):
        self.data.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "idem", self.data], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.data], check=True)

    def remount(self, options):
        subprocess.run(["mount", "-o", "remount," + options, self.data], check=True)

    def test_a_read_only_directory(self):
        self.mount("size=200m")
        with IdemServer(self.data) as server, RespConnection(server.port) as connection:
            connection.ask("SET", "key", "value")
        self.remount("ro")
        self.refuses(FAILED, f"cannot open the store: .*{self.data}.*Read-only file system",
                     "--port", "0", "--dir", self.data)
        self.remount("rw")
        with RespConnection(self.start().port) as connection:
            self.assertEqual(connection.ask("GET", "key"), b"value")

    def test_a_disk_that_is_full_from_the_start(self):
        self.mount("size=1m")
        self.refuses(FAILED, f"cannot open the store: RESOURCE_EXHAUSTED: .*{self.data}.*No space.*free",
                     "--port", "0", "--dir", self.data)

    def test_a_disk_that_fills_up(self):
        """New claims are refused, running ones finish, and it heals by itself."""
        # Two log files of 64 MiB, one more when the filler is gone.
        self.mount("size=212m")
        filler = self.data / "filler"
        filler.write_bytes(b"x" * (80 << 20))
        server = self.start()
        with RespConnection(server.port) as connection:
            tokens = [connection.ask("IDEM.BEGIN", f"run:{i}", "LEASE", 3_600_000)[1]
                      for i in range(20)]
            finished = self._fill(connection)
            self.assertEqual(connection.info()["disk_full"], "1")
            self._check_full(connection, tokens)
            filler.unlink()
            self._await_claims(connection)
            self.assertEqual(connection.info()["disk_full"], "0")
        self.assertEqual(server.errors(), "")
        self.assertEqual(server.stop(), 0)
        self._check_nothing_lost(tokens, finished)

    def _fill(self, connection):
        """Writes until a claim is refused; the keys that were finished."""
        for i in range(1000):
            claim = connection.ask("IDEM.BEGIN", f"fill:{i}")
            if answer_of(claim) == "NOSPACE":
                return i
            self.assertEqual(connection.ask("IDEM.COMPLETE", f"fill:{i}", claim[1], MEBIBYTE), "OK")
        self.fail("the disk was never full")

    def _check_full(self, connection, tokens):
        self.assertRegex(connection.ask("IDEM.BEGIN", "new"), "^NOSPACE .*free some space")
        self.assertEqual(answer_of(connection.ask("SET", "plain", "value", "NX")), "NOSPACE")
        self.assertEqual(answer_of(connection.ask("IDEM.BEGIN", "fill:0")), "REPLAY")
        self.assertEqual(answer_of(connection.ask("IDEM.BEGIN", "run:0")), "BUSY")
        for i, token in enumerate(tokens):
            self.assertEqual(connection.ask("IDEM.COMPLETE", f"run:{i}", token, f"receipt {i}"),
                             "OK")
        self.assertIsNone(connection.ask("IDEM.GET", "new"))

    def _await_claims(self, connection):
        """Asks until claims are taken again."""
        deadline_s = time.monotonic() + SECONDS
        while answer_of(connection.ask("IDEM.BEGIN", "new")) == "NOSPACE":
            self.assertLess(time.monotonic(), deadline_s, "it does not heal")

    def _check_nothing_lost(self, tokens, finished):
        with RespConnection(self.start().port) as connection:
            self.assertEqual(answer_of(connection.ask("IDEM.BEGIN", "new")), "BUSY")
            for i in range(len(tokens)):
                self.assertEqual(connection.ask("IDEM.BEGIN", f"run:{i}")[1:4],
                                 [b"completed", 0, f"receipt {i}".encode()])
            for i in range(finished):
                replay = connection.ask("IDEM.BEGIN", f"fill:{i}")
                self.assertEqual((replay[0], replay[3] == MEBIBYTE), (b"REPLAY", True))


DEMO = pathlib.Path(__file__).resolve().parents[2] / "server" / "demo"


@unittest.skipUnless(DEMO.exists(), "there is no server/demo")
class DemoTest(unittest.TestCase):
    def test_plays_its_story_to_the_end(self):
        done = subprocess.run([DEMO], capture_output=True, text=True, timeout=4 * SECONDS,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for word in ("CLAIMED", "BUSY", "REPLAY", "FENCED", "kill -9"):
            self.assertIn(word, done.stdout)


def main():
    binary()
    # Mounts must end with this process, however that ends: so it gets a mount table of its own.
    own = "IDEM_OWN_MOUNTS"
    if own not in os.environ and may_mount():
        os.environ[own] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                              "-B", __file__, *sys.argv[1:]])
    unittest.main()


if __name__ == "__main__":
    main()
