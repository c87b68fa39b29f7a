"""idem-tool against the directories of a real idem-server: running, stopped, killed, damaged."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

from support.idem_server import SKIPPED, IdemServer, fresh_directory
from support.resp_connection import RespConnection

CLEAN, TORN, DAMAGED, CANNOT, USAGE = 0, 1, 2, 3, 64
BLOCK = 4096
SECONDS = 120  # a bound, not a wait
SMALL = ("--appendfsync", "always")


def tool(*words):
    """Runs idem-tool; (exit code, stdout, stderr)."""
    done = subprocess.run([os.environ["IDEM_TOOL"], *map(str, words)], capture_output=True,
                          text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(fresh_directory()))
        self.data = self.directory / "data"

    def start(self, directory=None):
        return self.enterContext(IdemServer(directory or self.data, *SMALL))

    def finish_some(self, connection, first, last):
        for i in range(first, last):
            token = connection.ask("IDEM.BEGIN", f"order:{i}", "BODY", "card 42")[1]
            connection.ask("IDEM.COMPLETE", f"order:{i}", token, f"receipt {i}")

    def run_then(self, end):
        """A server that has finished some orders, and has ended."""
        with IdemServer(self.data, *SMALL) as server:
            with RespConnection(server.port) as connection:
                self.finish_some(connection, 0, 20)
            end(server)

    def check(self, code, pattern, directory=None):
        directory = directory or self.data
        before = contents(directory)
        exit_code, out, errors = tool("check", directory)
        self.assertEqual(exit_code, code, out + errors)
        self.assertRegex(out + errors, pattern)
        return before

    def segment(self):
        return min(self.data.glob("wal-*.log"))

    def flip(self, offset):
        with open(self.segment(), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 1]))

    def count_replays(self, directory, last):
        with IdemServer(directory, *SMALL) as server, RespConnection(server.port) as connection:
            answers = [connection.ask("IDEM.BEGIN", f"order:{i}", "BODY", "card 42")[0]
                       for i in range(last)]
            return answers.count(b"REPLAY"), connection.info()


class CheckTest(ToolTest):
    def test_after_a_clean_stop_and_after_kill_9(self):
        for end in (IdemServer.stop, IdemServer.kill):
            self.run_then(end)
            before = self.check(CLEAN, r"(?m)^clean: all records up to \d+ can be read$")
            self.assertEqual(contents(self.data), before, "check has changed a file")

    def test_makes_no_lock_file(self):
        self.run_then(IdemServer.stop)
        (self.data / "LOCK").unlink()
        self.check(CLEAN, "clean")
        self.assertFalse((self.data / "LOCK").exists())

    def test_a_directory_in_use(self):
        server = self.start()
        with RespConnection(server.port) as connection:
            for i in range(20):
                connection.send([["SET", f"key:{i}:{j}", "v" * 100] for j in range(100)])
                code, out, errors = tool("check", self.data)
                self.assertIn(code, (CLEAN, CANNOT), out + errors)
                self.assertRegex(out, f"in use by idem pid {server.process.pid}")
                self.assertRegex(out, "(?m)^clean")
                for _ in range(100):
                    self.assertEqual(connection.receive(), "OK")

    def test_damage_is_told_with_file_and_offset(self):
        self.run_then(IdemServer.kill)
        name, second = self.segment().name, 2 * BLOCK
        self.flip(second + 80)
        self.check(DAMAGED, rf"(?m)^damaged: {self.data}/{name}: offset {second}: ")
        self.flip(second + 80)
        self.check(CLEAN, "clean")

    def test_no_store(self):
        self.check(CANNOT, "there is no store in it", self.directory)
        self.assertEqual(tool("check", "/nowhere")[0], CANNOT)
        self.assertEqual(tool("check")[0], USAGE)


class DumpTest(ToolTest):
    def test_every_line_is_json_and_the_last_one_of_a_key_counts(self):
        self.run_then(IdemServer.stop)
        code, out, errors = tool("dump", self.data, "--values", "--key", "order:7")
        self.assertEqual((code, errors), (CLEAN, ""))
        records = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([record["state"] for record in records], ["in progress", "completed"])
        self.assertEqual(records[-1]["value"], "receipt 7")
        self.assertEqual({record["token"] for record in records}, {records[0]["token"]})

    def test_no_values_unless_asked(self):
        self.run_then(IdemServer.stop)
        self.assertNotIn("receipt", tool("dump", self.data)[1])


class BackupTest(ToolTest):
    def test_of_a_running_server_has_all_that_was_answered_before(self):
        server = self.start()
        with RespConnection(server.port) as connection:
            self.finish_some(connection, 0, 20)
            connection.send([["SET", f"key:{i}", "v" * 1000] for i in range(2000)])
            code, out, errors = tool("backup", self.data, self.directory / "copy")
            self.assertEqual(code, CLEAN, out + errors)
            for _ in range(2000):
                self.assertEqual(connection.receive(), "OK")
            epoch = int(connection.info()["epoch"])
        self.check(CLEAN, "clean", self.directory / "copy")
        code, out, errors = tool("restore", self.directory / "copy", self.directory / "new")
        self.assertEqual(code, CLEAN, out + errors)
        replays, info = self.count_replays(self.directory / "new", 20)
        self.assertEqual(replays, 20)
        self.assertGreater(int(info["epoch"]), epoch + 1000)

    def test_a_restore_refuses_a_directory_that_is_not_empty_and_a_backup_in_use(self):
        server = self.start()
        copy = self.directory / "copy"
        self.assertEqual(tool("backup", self.data, copy)[0], CLEAN)
        code, _, errors = tool("restore", copy, self.data)
        self.assertEqual(code, CANNOT)
        self.assertIn("must be empty", errors)
        code, _, errors = tool("restore", self.data, self.directory / "new")
        self.assertEqual(code, CANNOT)
        self.assertIn(f"in use by idem pid {server.process.pid}", errors)


class SalvageTest(ToolTest):
    """The first server is damaged in its second block; then the store goes on."""

    def damage(self):
        self.run_then(IdemServer.kill)
        self.flip(2 * BLOCK + 80)
        self.assertEqual(tool("check", self.data)[0], DAMAGED)

    def test_skip_loses_the_damaged_record_alone_and_the_store_remembers(self):
        self.damage()
        code, out, errors = tool("salvage", self.data, "--skip", "--aside", self.directory / "old")
        self.assertEqual(code, CLEAN, out + errors)
        self.assertRegex(out, r"(?m)^lost: records 2 \.\. 2$")
        self.assertEqual(tool("check", self.data)[0], CLEAN)
        self.assertEqual(tool("check", self.directory / "old")[0], DAMAGED, "kept as it was")
        replays, info = self.count_replays(self.data, 20)
        self.assertEqual(replays, 19, "order:0 is in progress again")
        self.assertEqual(info["salvages"], "1")

    def test_cut_forgets_all_behind_the_damage(self):
        self.damage()
        code, out, errors = tool("salvage", self.data, "--cut", "--aside", self.directory / "old")
        self.assertEqual(code, CLEAN, out + errors)
        self.assertRegex(out, r"(?m)^lost: records 2 \.\. 40$")
        self.assertEqual(self.count_replays(self.data, 20)[0], 0)

    def test_it_can_be_undone(self):
        self.damage()
        before = contents(self.data)
        self.assertEqual(
            tool("salvage", self.data, "--cut", "--aside", self.directory / "old")[0], CLEAN)
        old = contents(self.directory / "old")
        self.assertEqual({**old, "LOCK": b""}, {**before, "LOCK": b""})

    def test_a_healthy_store_and_one_in_use_are_refused(self):
        self.run_then(IdemServer.stop)
        words = ("--cut", "--aside", self.directory / "old")
        code, _, errors = tool("salvage", self.data, *words)
        self.assertEqual(code, CANNOT)
        self.assertIn("is healthy", errors)
        self.start()
        code, _, errors = tool("salvage", self.data, *words)
        self.assertEqual(code, CANNOT)
        self.assertIn("held by idem pid", errors)
        self.assertFalse((self.directory / "old").exists())


class RunbookTest(unittest.TestCase):
    def test_every_command_of_the_runbook_exists(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        text = (root / "engine/log/RUNBOOK.md").read_text()
        commands = set(re.findall(r"idem-tool ([a-z-]+)(?! --help)", text))
        self.assertGreaterEqual(commands, {"check", "dump", "salvage", "backup", "restore"})
        for command in commands:
            code, page, _ = tool(command, "--help")
            self.assertEqual(code, CLEAN, command)
            for line in re.findall(rf"idem-tool {command} [^\n`]*", text):
                for flag in re.findall(r"--[a-z]+", line):
                    self.assertIn(flag, page, line)


class SyncBenchTest(ToolTest):
    def test_names_the_way_that_idem_takes_and_leaves_nothing(self):
        code, out, errors = tool("sync-bench", self.directory)
        self.assertEqual(code, CLEAN, errors)
        self.assertRegex(out, r"zero-filled, O_DIRECT.*<- Idem, always\n")
        self.assertEqual(list(self.directory.iterdir()), [])


if __name__ == "__main__":
    if not os.access(os.environ.get("IDEM_TOOL", ""), os.X_OK):
        print("skipped: IDEM_TOOL names no program")
        sys.exit(SKIPPED)
    unittest.main()
