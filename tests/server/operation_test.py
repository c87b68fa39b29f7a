"""What operators do to a running server: signals, the event log, a service manager, monitors.

Debian's promtool, redis exporter and systemd-analyze are asked, too; a test whose program is not
there says that it was skipped. IDEM_MONITORS names the folder that tests/run unpacks the first two in.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
import unittest.mock
import urllib.error
import urllib.request

from support.idem_server import IdemServer, binary, fresh_directory, parse_event
from support.redis_server import free_port
from support.resp_connection import RespConnection, encode
from support.server_process import ServerProcess

SECONDS = 30  # a bound, not a wait
ROOT = pathlib.Path(__file__).resolve().parents[2]


def monitor(name):
    """The path of one of Debian's programs, or None."""
    return shutil.which(name, path=os.environ.get("IDEM_MONITORS", "") + "/usr/bin") or shutil.which(name)


class OperationTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(fresh_directory()))
        self.data = self.directory / "data"

    def start(self, *flags):
        return self.enterContext(IdemServer(self.data, *flags))

    def connect(self, server):
        return self.enterContext(RespConnection(server.port))

    def await_event(self, server, name):
        """Asks until it has logged such an event."""
        deadline_s = time.monotonic() + SECONDS
        while True:
            found = [event for event in server.events() if event["event"] == name]
            if found:
                return found[0]
            self.assertLess(time.monotonic(), deadline_s, f"no {name} in {server.events()}")
            self.assertIsNone(server.process.poll(), "it has ended")


class Writer(threading.Thread):
    """Sets keys, 16 at a time, until the connection ends; counts what was acknowledged in order."""

    def __init__(self, port, name):
        super().__init__()
        self.name, self.acked, self.fault = name, 0, None
        self._connection = RespConnection(port)
        self.start()

    def run(self):
        sent = 0
        with contextlib.suppress(OSError), self._connection as connection:
            while True:
                connection.send([["SET", f"{self.name}:{sent + i}", sent + i] for i in range(16)])
                sent += 16
                for _ in range(16):
                    reply = connection.receive()
                    if reply != "OK":
                        self.fault = reply
                        return
                    self.acked += 1


class SignalTest(OperationTest):
    def test_hangups_and_broken_pipes_under_load_do_nothing_and_a_stop_loses_nothing(self):
        server = self.start("--threads", "2")
        writers = [Writer(server.port, f"w{i}") for i in range(4)]
        probe = self.connect(server)
        for sign in (signal.SIGHUP, signal.SIGPIPE) * 5:
            server.process.send_signal(sign)
            self.assertEqual(probe.ask("PING"), "PONG")
        self.await_event(server, "reloaded")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        for writer in writers:
            writer.join()
        self.assertEqual([writer.fault for writer in writers], [None] * 4)
        self.assertGreater(sum(writer.acked for writer in writers), 0)
        names = [event["event"] for event in server.events()]
        self.assertEqual((names[0], names[-2:]), ("ready", ["stopping", "stopped"]))
        self._check_acked(writers)

    def _check_acked(self, writers):
        connection = self.connect(self.start())
        self.assertEqual(connection.info()["torn_tails_cut"], "0", "it was sealed")
        for writer in writers:
            for i in range(writer.acked):
                self.assertEqual(connection.ask("GET", f"{writer.name}:{i}"), str(i).encode())

    def test_a_second_stop_signal_ends_it_at_once(self):
        server = self.start("--appendfsync", "no")
        deaf = self.connect(server)
        deaf.ask("SET", "large", b"x" * (1 << 20))
        deaf.send([["GET", "large"]] * 64)  # more than the kernel takes; nobody reads it
        self.assertEqual(self.connect(server).ask("PING"), "PONG")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.await_event(server, "stopping")["reason"], "SIGTERM")
        server.expect_signal(signal.SIGTERM)
        self.assertEqual(server.stop(), -signal.SIGTERM, "it does not wait for the deaf one")
        self.assertEqual(self.connect(self.start()).ask("STRLEN", "large"), 1 << 20)

    def test_shutdown_in_every_spelling(self):
        said = None
        for words in ("NOSAVE", "SAVE", "NOW", "", "SAVE NOW FORCE"):
            with self.subTest(words):
                server = self.start()
                connection = self.connect(server)
                self.assertEqual(connection.ask("GETSET", "last", words), said)
                connection.send([["SHUTDOWN", *words.split()]])
                with self.assertRaises(ConnectionError):
                    connection.receive()
                self.assertEqual(server.wait(), 0)
                said = words.encode()


class LogTest(OperationTest):
    def test_goes_to_a_file_that_may_be_moved_away(self):
        file, moved = self.directory / "idem.log", self.directory / "idem.log.1"
        server = self.start("--logfile", file, "--loglevel", "verbose")
        self.assertEqual(server.events(), [])
        file.rename(moved)
        server.process.send_signal(signal.SIGHUP)
        deadline_s = time.monotonic() + SECONDS
        while not file.exists() or "reloaded" not in file.read_text():
            self.assertLess(time.monotonic(), deadline_s)
        self.assertEqual(server.stop(), 0)
        first = [parse_event(line) for line in moved.read_text().splitlines()]
        second = [parse_event(line)["event"] for line in file.read_text().splitlines()]
        self.assertEqual((first[0]["event"], first[0]["port"]), ("ready", str(server.port)))
        self.assertEqual(second, ["reloaded", "stopping", "stopped"])

    def test_holds_no_line_that_a_client_wrote(self):
        server = self.start("--loglevel", "verbose")
        forged = "\n2026-01-01T00:00:00.000Z level=warning event=forged x=y"
        for sent in (f"*1\r\n{forged}\r\n".encode(), b"*1\r\n$-7\r\n\x1b[2J", b"*x\r\n",
                     encode(["EVAL", forged, "0"]), encode(["CLIENT", "SETNAME", forged]),
                     encode(["AUTH", forged, "password1"])):
            with RespConnection(server.port) as connection:
                connection.send_bytes(sent)
                connection.receive()
        self.assertEqual(server.stop(), 0)
        kinds = {event["event"] for event in server.events()}
        self.assertEqual(kinds, {"ready", "protocol_error", "auth_failed", "unknown_script",
                                 "stopping", "stopped"})
        self.assertEqual(len(server.events()), server.stderr().count("\n"), "nothing but events")
        self.assertNotIn("password1", server.stderr())

    def test_a_file_that_cannot_be_written_is_told_at_the_start(self):
        done = subprocess.run([binary(), "--port", "0", "--appendonly", "no", "--logfile",
                               "/nowhere/idem.log"], capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "idem-server: cannot write the log file /nowhere/idem.log: "
                         "No such file or directory\n")


class ServiceTest(OperationTest):
    def _listen(self, name):
        listener = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        listener.settimeout(SECONDS)
        listener.bind(name)
        return listener

    def test_tells_a_service_manager_that_it_is_ready_and_that_it_stops(self):
        path = str(self.directory / "notify")
        for variable, name in ((path, path), ("@idem-test-" + str(os.getpid()),
                                              "\0idem-test-" + str(os.getpid()))):
            with self.subTest(variable):
                listener = self._listen(name)
                with unittest.mock.patch.dict(os.environ, NOTIFY_SOCKET=variable):
                    server = self.start()
                told = listener.recv(1000)
                while told.startswith(b"EXTEND_TIMEOUT_USEC="):  # a slow start
                    told = listener.recv(1000)
                self.assertEqual(told, b"READY=1\nSTATUS=ready")
                self.assertEqual(server.stop(), 0)
                self.assertEqual(listener.recv(1000), b"STOPPING=1")

    def test_starts_all_the_same_if_nobody_listens(self):
        for variable in ("/nowhere/notify", "relative", "@", "/" + "x" * 200, ""):
            with self.subTest(variable), \
                    unittest.mock.patch.dict(os.environ, NOTIFY_SOCKET=variable):
                self.assertEqual(self.start().stop(), 0)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_the_unit_is_what_systemd_takes(self):
        text = (ROOT / "server/packaging/idem-server.service").read_text()
        self.assertEqual(text.count("/usr/bin/idem-server"), 1)
        unit = self.directory / "idem-server.service"
        unit.write_text(text.replace("/usr/bin/idem-server", binary()))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
        self.assertEqual((ours, done.returncode), ([], 0), done.stderr)

    def test_every_flag_of_the_unit_is_known(self):
        text = (ROOT / "server/packaging/idem-server.service").read_text()
        listed = subprocess.run([binary(), "--help"], capture_output=True, text=True,
                                timeout=SECONDS, check=True).stdout
        for flag in re.findall(r"^ExecStart=.*$", text, re.M)[0].split()[1::2]:
            self.assertIn(f"\n  {flag} (", listed)


class MonitorTest(OperationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start("--admin-port", "0", "--slowlog-log-slower-than", "0")
        connection = self.connect(self.server)
        token = connection.ask("IDEM.BEGIN", "order")[1]
        connection.ask("IDEM.COMPLETE", "order", token, "receipt")
        connection.ask("IDEM.COMPLETE", "order", 1, "receipt")
        connection.ask("IDEM.BEGIN", "order")
        connection.ask("SET", "plain", "value", "EX", 1000)
        connection.ask_all([["GET", "plain"]] * 100)
        self.admin = f"http://127.0.0.1:{connection.info()['admin_port']}"

    def page(self, path):
        with urllib.request.urlopen(self.admin + path, timeout=SECONDS) as answer:
            return answer.read().decode()

    @staticmethod
    def samples(page):
        return dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")

    def test_the_figures_are_those_of_what_was_asked(self):
        samples = self.samples(self.page("/metrics"))
        for name, value in (
                ('idem_commands_total{cmd="get"}', "100"),
                ('idem_command_errors_total{cmd="idem.complete"}', "1"),
                ('idem_claims_total{result="new"}', "1"),
                ('idem_claims_total{result="replay"}', "1"),
                ('idem_retry_age_seconds_bucket{le="2592000"}', "1"),
                ("idem_retry_age_seconds_count", "1"), ("idem_too_old_total", "0"),
                ('idem_commits_total{result="ok"}', "1"),
                ('idem_commits_total{result="stale_token"}', "1"),
                ('idem_entries{state="finished"}', "1"), ('idem_entries{state="plain"}', "1"),
                ("idem_connections", "1"), ("idem_ready", "1"),
                ("idem_memory_limit_bytes", str(1 << 30)),
                ('idem_lookups_total{result="hit"}', "100")):
            self.assertEqual(samples.get(name), value, name)
        for name in ("process_resident_memory_bytes", "process_open_fds", "idem_wal_bytes_total",
                     "idem_wal_fsync_duration_seconds_count", "process_start_time_seconds",
                     'idem_command_duration_seconds_count{cmd="get"}', "process_max_fds",
                     "process_cpu_seconds_total", 'idem_memory_bytes{kind="index"}'):
            self.assertGreater(float(samples[name]), 0, name)
        self.assertNotIn("order", str(samples), "no key is told")

    def test_health_and_readiness(self):
        self.assertEqual((self.page("/healthz"), self.page("/readyz")), ("ok\n", "ready\n"))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(self.admin + "/metrics", data=b"x", timeout=SECONDS)
        self.assertEqual(refused.exception.code, 405)
        refused.exception.close()

    def _scrape(self, url, exporter):
        """Its line comes before it listens: asks until it does."""
        deadline_s = time.monotonic() + SECONDS
        while True:
            try:
                with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                    return answer.read().decode()
            except urllib.error.URLError:
                self.assertLess(time.monotonic(), deadline_s)
                self.assertIsNone(exporter.process.poll(), "it has ended")

    @unittest.skipUnless(monitor("promtool"), "there is no promtool")
    def test_promtool_finds_nothing_to_say(self):
        done = subprocess.run([monitor("promtool"), "check", "metrics"], input=self.page("/metrics"),
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    @unittest.skipUnless(monitor("prometheus-redis-exporter"), "there is no redis exporter")
    def test_the_redis_exporter_reads_info(self):
        port = free_port()
        command = ["sh", "-c", "exec \"$@\" 2>&1", "sh", monitor("prometheus-redis-exporter"),
                   "--redis.addr", f"redis://127.0.0.1:{self.server.port}",
                   "--web.listen-address", f"127.0.0.1:{port}"]
        exporter = self.enterContext(
            ServerProcess(command, re.compile(r".*Providing metrics at.*\n")))
        exporter.expect_signal(signal.SIGTERM)
        samples = self.samples(self._scrape(f"http://127.0.0.1:{port}/metrics", exporter))
        for name, value in (
                ("redis_up", "1"), ("redis_exporter_last_scrape_error{err=\"\"}", "0"),
                ('redis_commands_total{cmd="get"}', "100"), ('redis_db_keys{db="db0"}', "2"),
                ("redis_memory_max_bytes", 1 << 30)):
            self.assertEqual(float(samples.get(name, "nan")), float(value), name)
        for name in ("redis_slowlog_length", "redis_commands_processed_total",
                     "redis_memory_used_bytes", "redis_uptime_in_seconds",
                     'redis_commands_duration_seconds_total{cmd="get"}'):
            self.assertIn(name, samples)


if __name__ == "__main__":
    binary()
    unittest.main()
