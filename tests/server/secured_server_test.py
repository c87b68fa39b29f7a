"""Passwords, users, TLS and the Unix socket, with real clients: redis-cli and redis-py."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import unittest
import unittest.mock

from support.idem_server import SKIPPED, IdemServer, binary, fresh_directory
from support.resp_connection import ErrorReply, RespConnection, encode

try:
    import redis
except ImportError:
    print("skipped: python3-redis is not installed")
    sys.exit(SKIPPED)
for tool in ("openssl", "redis-cli"):
    if shutil.which(tool) is None:
        print(f"skipped: {tool} is not installed")
        sys.exit(SKIPPED)

SECONDS = 30  # a bound, not a wait
CONFIG = pathlib.Path(__file__).resolve().parents[2] / "server" / "packaging" / "idem.conf"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_cli(*arguments):
    done = subprocess.run(["redis-cli", *map(str, arguments)], capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    return (done.stdout + done.stderr).strip()


def check_config(*arguments):
    """(exit code, all output)"""
    done = subprocess.run([binary(), *map(str, arguments), "--check-config"], capture_output=True,
                          text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


class SecuredTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(fresh_directory()))
        self.config = self.directory / "idem.conf"

    def start(self, *flags, **options):
        # Port 0 would be none, beside another way in.
        return self.enterContext(IdemServer(None, "--port", str(free_port()), *map(str, flags),
                                            **options))

    def start_with(self, text, *flags):
        """Started with these lines of a config file."""
        self.config.write_text(text)
        return self.start("--config", self.config, *flags)

    def reload(self, server, pattern):
        """Sends SIGHUP; waits for the line that says what came of it."""
        known = len(server.stderr())
        server.process.send_signal(signal.SIGHUP)
        for _ in range(10_000):
            said = server.stderr()[known:]
            if "event=reload" in said and said.endswith("\n"):
                self.assertRegex(said, pattern)
                return
            with RespConnection(server.port) as connection:  # asks, instead of sleeping
                connection.ask("PING")
        self.fail("it does not answer SIGHUP")


class UsersTest(SecuredTest):
    def test_a_password_from_the_environment_is_asked_for_and_in_no_argument(self):
        with unittest.mock.patch.dict(os.environ, {"IDEM_CONF_REQUIREPASS": "hunter2"}):
            server = self.start("--bind", "127.0.0.1 -::1")
        self.assertNotIn(b"hunter2", pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_bytes())
        cli = ("-p", server.port)
        self.assertEqual(redis_cli(*cli, "PING"), "NOAUTH Authentication required.")
        self.assertEqual(redis_cli(*cli, "--no-auth-warning", "-a", "hunter2", "PING"), "PONG")
        self.assertRegex(redis_cli(*cli, "--no-auth-warning", "-a", "wrong", "PING"), "WRONGPASS")
        with redis.Redis(port=server.port, password="hunter2") as client:
            self.assertTrue(client.set("k", "v"))
            self.assertEqual(client.config_get("requirepass"), {})
        with redis.Redis(port=server.port) as client:
            self.assertRaises(redis.AuthenticationError, client.ping)
        with redis.Redis(port=server.port, password="wrong") as client:
            self.assertRaisesRegex(redis.ResponseError, "^WRONGPASS", client.ping)

    def test_another_address_needs_a_password(self):
        code, said = check_config("--bind", "0.0.0.0")
        self.assertEqual(code, 2)
        self.assertIn("--bind: will not listen on 0.0.0.0 without a password", said)
        password = self.directory / "password"
        password.write_text("hunter2\n")
        server = self.start("--bind", "0.0.0.0", "--requirepass-file", password)
        with redis.Redis(port=server.port, password="hunter2") as client:
            self.assertTrue(client.ping())

    def test_a_reload_does_not_take_the_last_password_from_an_open_port(self):
        server = self.start_with("bind 0.0.0.0\nrequirepass hunter2\n")
        self.config.write_text("bind 0.0.0.0\n")
        self.reload(server, f"event=reload_failed error=.{self.config}:1: bind: will not listen on")
        self.config.write_text("bind 127.0.0.1\n")
        self.reload(server, "event=reload_failed error=.it still listens on 0.0.0.0, which needs a password")
        self.assertEqual(redis_cli("-p", server.port, "PING"), "NOAUTH Authentication required.")

    def test_roles_and_prefixes_for_redis_py(self):
        server = self.start_with("user orders prefix=orders: >a-word\n"
                                 "user eve role=reader >b-word\nuser root role=admin >c-word\n")
        with redis.Redis(port=server.port, username="orders", password="a-word") as client:
            client.set("orders:1", "v")
            with self.assertRaisesRegex(redis.exceptions.NoPermissionError, "access a key"):
                client.get("users:1")
            with self.assertRaisesRegex(redis.exceptions.NoPermissionError, "'flushall' command"):
                client.flushall()
        with redis.Redis(port=server.port, username="eve", password="b-word") as client:
            self.assertEqual(client.get("orders:1"), b"v")
            self.assertRaises(redis.exceptions.NoPermissionError, client.set, "k", "v")
            self.assertEqual(client.execute_command("ACL", "WHOAMI"), b"eve")
        with redis.Redis(port=server.port, username="root", password="c-word") as client:
            self.assertTrue(client.flushall())

    def test_users_are_read_again_on_sighup(self):
        server = self.start_with("user root role=admin >a-word\nuser bob >b-word\n")
        with RespConnection(server.port) as root, RespConnection(server.port) as bob:
            self.assertEqual(root.ask("AUTH", "root", "a-word"), "OK")
            self.assertEqual(bob.ask("AUTH", "bob", "b-word"), "OK")
            self.config.write_text("user root role=admin >a-word\nuser bob role=king >b-word\n")
            self.reload(server, f"event=reload_failed error=.{self.config}:2: user: bob: role= takes")
            self.assertEqual(bob.ask("SET", "k", "v"), "OK")
            self.config.write_text("user root role=admin >a-word\nuser bob role=reader >b-word\n")
            self.reload(server, "event=reloaded")
            self.assertEqual(bob.ask("GET", "k"), ErrorReply("NOAUTH Authentication required."))
            self.assertEqual(bob.ask("AUTH", "bob", "b-word"), "OK")
            self.assertEqual(bob.ask("SET", "k", "w").code, "NOPERM")
            self.assertEqual(root.ask("GET", "k"), b"v")


class UnixSocketTest(SecuredTest):
    def setUp(self):
        super().setUp()
        self.path = self.directory / "idem.sock"

    def test_clients_connect_by_it_and_its_mode_is_as_asked(self):
        server = self.start("--unixsocket", self.path, "--unixsocketperm", "700")
        self.assertIn(f", {self.path}, ", server.start_line)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o700)
        self.assertEqual(redis_cli("-s", self.path, "SET", "k", "v"), "OK")
        with redis.Redis(unix_socket_path=str(self.path)) as client:
            self.assertEqual(client.get("k"), b"v")
            self.assertEqual(client.client_info()["addr"], f"{self.path}:0")
        self.assertEqual(redis_cli("-p", server.port, "GET", "k"), "v")
        self.assertEqual(server.stop(), 0)
        self.assertFalse(self.path.exists())

    def test_a_socket_that_a_killed_server_left_is_replaced(self):
        self.start("--unixsocket", self.path).kill()
        self.assertTrue(self.path.is_socket())
        self.start("--unixsocket", self.path)
        self.assertEqual(redis_cli("-s", self.path, "PING"), "PONG")

    def test_what_is_in_use_or_no_socket_is_left_alone(self):
        self.start("--unixsocket", self.path)
        self.refuses(f"cannot listen at {self.path}: Address already in use", self.path)
        self.assertEqual(redis_cli("-s", self.path, "PING"), "PONG")
        self.config.write_text("mine")
        self.refuses(f"cannot listen at {self.config}: Address already in use", self.config)
        self.assertEqual(self.config.read_text(), "mine")
        self.refuses("a path of a socket has at most 107 bytes", "/" + 200 * "x")
        self.refuses("cannot listen at /none/idem.sock: No such file", "/none/idem.sock")

    def refuses(self, message, path):
        done = subprocess.run([binary(), "--port", "0", "--appendonly", "no", "--unixsocket", path],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(message, done.stderr)

    @unittest.skipUnless(os.path.isdir(os.path.join(os.environ.get("NODE_PATH", ""), "node-redis5"))
                         and shutil.which("node"), "node-redis is not installed")
    def test_node_redis_connects_by_it(self):
        self.start("--unixsocket", self.path)
        program = ("const {createClient} = require('node-redis5');"
                   "(async () => { const c = createClient({socket: {path: process.argv[1]}});"
                   "await c.connect(); await c.set('k', 'v'); console.log(await c.get('k'));"
                   "await c.close(); })();")
        done = subprocess.run(["node", "-e", program, self.path], capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertEqual(done.stdout, "v\n", done.stderr)


class TlsTest(SecuredTest):
    def setUp(self):
        super().setUp()
        self.authority = self.make_authority("authority")
        self.make_certificate("server", "authority")
        self.make_certificate("client", "authority")
        self.tls_port = free_port()

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.directory, check=True,
                       capture_output=True, timeout=SECONDS)

    def make_authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", name + ".key", "-out", name + ".crt", "-days", 2,
                     "-subj", f"/CN={name}")
        return self.directory / (name + ".crt")

    def make_certificate(self, name, authority):
        extensions = self.directory / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", name + ".key", "-out", name + ".csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", authority + ".crt", "-CAkey",
                     authority + ".key", "-CAcreateserial", "-out", name + ".crt", "-days", 2,
                     "-extfile", extensions)

    def settings(self, auth_clients):
        lines = [f"tls-port {self.tls_port}", f"tls-cert-file {self.directory}/server.crt",
                 f"tls-key-file {self.directory}/server.key",
                 f"tls-ca-cert-file {self.authority}", f"tls-auth-clients {auth_clients}"]
        return "\n".join(lines) + "\n"

    def client(self, **options):
        return self.enterContext(redis.Redis(port=self.tls_port, ssl=True,
                                             ssl_ca_certs=str(self.authority), **options))

    def tls_connection(self):
        context = ssl.create_default_context(cafile=self.authority)
        plain = socket.create_connection(("127.0.0.1", self.tls_port), timeout=SECONDS)
        return self.enterContext(context.wrap_socket(plain, server_hostname="127.0.0.1"))

    def peer_name(self):
        """Who the server says it is, by its certificate."""
        context = ssl.create_default_context(cafile=self.directory / "authority.crt")
        context.load_verify_locations(self.directory / "other.crt")
        with socket.create_connection(("127.0.0.1", self.tls_port), timeout=SECONDS) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
                issuer = wrapped.getpeercert()["issuer"]
                return dict(pair for group in issuer for pair in group)["commonName"]

    def test_real_clients_by_tls_and_plain_ones_beside(self):
        server = self.start_with(self.settings("no"))
        self.assertIn(f", 127.0.0.1:{self.tls_port} (TLS), ", server.start_line)
        cli = ("-p", self.tls_port, "--tls", "--cacert", self.authority)
        self.assertEqual(redis_cli(*cli, "SET", "k", "v"), "OK")
        client = self.client()
        self.assertEqual(client.get("k"), b"v")
        self.assertEqual(redis_cli("-p", server.port, "GET", "k"), "v")

    def test_large_and_many(self):
        """Values of many records, pipelines both ways, and a client that reads late."""
        self.start_with(self.settings("no"))
        client = self.client()
        large = os.urandom(1 << 20)
        for size in (1, 16383, 16384, 16385, 1 << 20):
            client.set("large", large[:size])
            self.assertEqual(client.get("large"), large[:size])
        pipeline = client.pipeline(transaction=False)
        for i in range(2000):
            pipeline.set(f"k{i}", i).get(f"k{i}")
        self.assertEqual(pipeline.execute()[1::2], [str(i).encode() for i in range(2000)])
        pipeline = client.pipeline(transaction=False)
        for _ in range(12):
            pipeline.get("large")
        self.assertEqual(pipeline.execute(), [large] * 12)

    def test_who_goes_while_it_waits_is_forgotten(self):
        """By a clean end, by a plain close, and as a crashed host does."""
        server = self.start_with(self.settings("no"))
        worker = self.enterContext(RespConnection(server.port))
        token = worker.ask("IDEM.BEGIN", "k")[1]
        waiters = [self.tls_connection() for _ in range(4)]
        for waiter in waiters:
            waiter.sendall(encode(["IDEM.BEGIN", "k", "WAIT", "60000"]))
        self.await_waiting(worker, 4)
        waiters[1].close()
        waiters[2].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        waiters[2].close()
        waiters[3].shutdown(socket.SHUT_RDWR)
        self.await_waiting(worker, 1)
        self.assertEqual(worker.ask("IDEM.RELEASE", "k", token), "OK")
        self.assertTrue(waiters[0].recv(100).startswith(b"*5\r\n$7\r\nCLAIMED\r\n"))

    def await_waiting(self, connection, count):
        for _ in range(100_000):
            if connection.info()["waiting"] == str(count):
                return
        self.fail(f"not {count} are waiting")

    def test_clients_must_show_a_certificate_if_asked_to(self):
        self.start_with(self.settings("yes"))
        shown = {"ssl_certfile": str(self.directory / "client.crt"),
                 "ssl_keyfile": str(self.directory / "client.key")}
        self.assertTrue(self.client(**shown).ping())
        self.assertRaises(redis.ConnectionError, self.client().ping)
        self.make_authority("stranger")
        self.make_certificate("foreign", "stranger")
        foreign = {"ssl_certfile": str(self.directory / "foreign.crt"),
                   "ssl_keyfile": str(self.directory / "foreign.key")}
        self.assertRaises(redis.ConnectionError, self.client(**foreign).ping)
        self.assertTrue(self.client(**shown).ping())

    def test_with_a_password_and_a_user(self):
        self.start_with(self.settings("optional") + "user bob >b-word\n")
        self.assertRaises(redis.AuthenticationError, self.client().ping)
        self.assertTrue(self.client(username="bob", password="b-word").ping())

    def test_old_protocols_and_wrong_ports(self):
        server = self.start_with(self.settings("no"))
        context = ssl.create_default_context(cafile=self.authority)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        for port in (self.tls_port, server.port):  # too old; and TLS where none is spoken
            with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain:
                with self.assertRaises(OSError):
                    context.wrap_socket(plain, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", self.tls_port), timeout=SECONDS) as plain:
            plain.sendall(b"PING\r\n")
            with contextlib.suppress(ConnectionResetError):
                self.assertNotIn(b"PONG", plain.recv(1024))
        self.assertTrue(self.client().ping())

    def test_certificates_are_read_again_on_sighup(self):
        self.make_authority("other")
        server = self.start_with(self.settings("no"))
        before = self.client()
        self.assertTrue(before.ping())
        self.assertEqual(self.peer_name(), "authority")
        key = self.directory / "server.key"
        good = key.read_text()
        key.write_text("nonsense")
        self.reload(server, f"event=reload_failed error=.tls-key-file: cannot use {key}: ")
        self.assertEqual(self.peer_name(), "authority")
        key.write_text(good)
        self.make_certificate("server", "other")
        self.reload(server, "event=reloaded")
        self.assertEqual(self.peer_name(), "other")
        self.assertTrue(before.ping(), "a connection that is there stays")

    def test_tls_alone(self):
        self.config.write_text(self.settings("no"))
        server = self.enterContext(IdemServer(None, "--config", str(self.config),
                                              expect_start=False))
        self.assertRegex(server.process.stdout.readline().decode(),
                         rf"ready on 127\.0\.0\.1:{self.tls_port} \(TLS\), no data directory")
        self.assertTrue(self.client().ping())

    def test_wrong_settings_name_themselves(self):
        crt, key = self.directory / "server.crt", self.directory / "server.key"
        for lines, message in (
                ("", "tls-cert-file: is needed for a tls-port"),
                (f"tls-cert-file {crt}\n", "tls-key-file: is needed for a tls-port"),
                (f"tls-cert-file {key}\ntls-key-file {key}\n", f"tls-cert-file: cannot use {key}: "),
                (f"tls-cert-file {crt}\ntls-key-file {self.directory}/client.key\n",
                 "tls-key-file: cannot use .*client.key: key values mismatch"),
                (f"tls-cert-file /none\ntls-key-file {key}\n",
                 "tls-cert-file: cannot use /none: .*[Nn]o such file"),
                (f"tls-cert-file {crt}\ntls-key-file {key}\n",
                 "tls-ca-cert-file: is needed .*tls-auth-clients no asks for none"),
                (f"tls-cert-file {crt}\ntls-key-file {key}\ntls-ca-cert-file {key}\n",
                 f"tls-ca-cert-file: cannot use {key}")):
            with self.subTest(message):
                self.config.write_text(f"tls-port 7000\n{lines}")
                code, said = check_config(self.config)
                self.assertEqual(code, 2)
                self.assertRegex(said, "^idem-server: " + message)
                self.assertEqual(said.count("\n"), 1)


class ExampleConfigTest(unittest.TestCase):
    def test_names_every_setting(self):
        usage = subprocess.run([binary(), "--help"], capture_output=True, text=True,
                               timeout=SECONDS, check=True).stdout
        told = set(re.findall(r"^#?([a-z][a-z-]*) ", CONFIG.read_text(), re.MULTILINE))
        only_in_the_environment = {"requirepass"}  # rather than in a file that many may read
        self.assertEqual(set(re.findall(r"^  --([a-z-]+) \(", usage, re.MULTILINE)) - told,
                         only_in_the_environment)

    def test_is_good_and_so_is_each_line_of_it_that_is_commented_out(self):
        self.assertEqual(check_config(CONFIG), (0, "the configuration is good\n"))
        with fresh_directory() as directory:
            config = pathlib.Path(directory) / "idem.conf"
            # Each "#name value" on its own; files it names are not there.
            for line in re.findall(r"^#([a-z][a-z-]* .*)$", CONFIG.read_text(), re.MULTILINE):
                with self.subTest(line):
                    config.write_text(line + "\n")
                    code, said = check_config(config)
                    missing = "No such file" in said or "is needed" in said
                    self.assertTrue(code == 0 or missing, said)


if __name__ == "__main__":
    binary()
    unittest.main()
