#!/usr/bin/python3
"""The rules of this repository that no compiler checks.

Each rule looks at one file (path, lines) and yields (line number, what is wrong). Each carries
samples that it must catch and samples that it must pass; they run first, so that a rule which has
gone blind fails the test.
"""

import os
import re
import stat
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SELF = "tests/tidy_test.py"  # holds the bad samples
SKIPPED = {".git", "build", "node_modules", "__pycache__"}
TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
    "bench", "engine", "include", "server", "tests", "build",
}

# Who may include whom: quoted includes are spelled "<first part>/..".
PUBLIC = {"idem", "absl"}
BASE = PUBLIC | {"base"}
MAY_INCLUDE = {
    "include/": PUBLIC,
    "engine/base/": BASE,
    "engine/timer/": BASE | {"timer"},
    "engine/log/": BASE | {"log"},
    "engine/store/": BASE | {"store", "timer", "log"},
    "engine/tool/": BASE | {"tool", "store", "log"},
    "server/": PUBLIC | {"server"},
    "tests/examples/": PUBLIC,
}

RULES = []


def rule(bad, good=()):
    """Registers a rule with its samples, each (path, text)."""
    def register(check):
        RULES.append((check, bad, good))
        return check
    return register


def is_cpp(path):
    return path.endswith((".h", ".cc"))


def code(line):
    """The line without a trailing // comment."""
    return re.sub(r"(^|\s)//.*", "", line)


def matches(lines, pattern, message, text=lambda line: line):
    """Yields each line in which `pattern` is found."""
    for number, line in enumerate(lines, 1):
        found = re.search(pattern, text(line))
        if found:
            yield number, f"{message}: {found.group(0).strip()}"


@rule(bad=[("server/main.cc", '#include "store/stripe.h"'),
           ("engine/log/log.h", '#include "store/stripe.h"'),
           ("engine/timer/timing_wheel.h", '#include "log/log.h"'),
           ("engine/base/hash.h", '#include "timer/timing_wheel.h"'),
           ("include/idem/store.h", '#include "base/hash.h"'),
           ("tests/examples/payment.cc", '#include "store/stripe.h"'),
           ("engine/store/stripe.cc", '#include "../log/log.h"'),
           ("engine/store/stripe.cc", '#include "stripe.h"')],
      good=[("engine/store/stripe.cc", '#include "log/log.h"'),
            ("server/main.cc", '#include "idem/store.h"'),
            ("tests/server/a_test.cc", '#include "store/stripe.h"')])
def include_directions(path, lines):
    if not is_cpp(path):
        return
    allowed = next((may for folder, may in MAY_INCLUDE.items() if path.startswith(folder)), None)
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#\s*include\s+"([^"]*)"', line)
        if not found or found.group(1) == "xxhash.h":
            continue
        first, slash, _ = found.group(1).partition("/")
        if not slash or ".." in found.group(1):
            yield number, "an include is spelled from its room: " + found.group(1)
        elif allowed is not None and first not in allowed:
            yield number, "this room may not include " + found.group(1)


@rule(bad=[("engine/store/table.h", "#include <xxhash.h>"),
           ("engine/base/coding.cc", '#include "xxhash.h"')],
      good=[("engine/base/hash.cc", "#include <xxhash.h>")])
def one_place_for_xxhash(path, lines):
    if is_cpp(path) and not re.match(r"engine/base/hash\.", path):
        yield from matches(lines, r'#\s*include\s+[<"]xxh\w*\.h', "only base/hash sees xxHash")


CLOCKS = (r"\b(clock_gettime|gettimeofday|timespec_get|ftime)\b|\b(steady|system|high_resolution)"
          r"_clock\b|\bstd::time\s*\(|\btime\s*\(\s*(NULL|nullptr|0)\s*\)|absl::Now\b|\b_*rdtscp?\b")


@rule(bad=[("engine/log/log_writer.cc", "auto t = std::chrono::steady_clock::now();"),
           ("server/event_loop.cc", "clock_gettime(CLOCK_BOOTTIME, &ts);"),
           ("server/info.cc", "long t = time(nullptr);"),
           ("include/idem/options.h", "absl::Time t = absl::Now();")],
      good=[("engine/base/clock.cc", "clock_gettime(CLOCK_BOOTTIME, &ts);"),
            ("bench/durable_bench.cc", "auto t = std::chrono::steady_clock::now();"),
            ("server/a.cc", "const int64_t now = clock->BootMs();  // not clock_gettime")])
def only_the_clock_tells_time(path, lines):
    exempt = r"tests/|bench/|engine/base/((\w+_)?clock|stopwatch)\.|server/stopwatch\."
    if is_cpp(path) and not re.match(exempt, path):
        yield from matches(lines, CLOCKS, "only base/clock tells time", code)


@rule(bad=[("tests/engine/a_test.cc", "std::this_thread::sleep_for(1ms);"),
           ("tests/engine/a_test.cc", "absl::SleepFor(absl::Seconds(1));"),
           ("engine/store/expirer.cc", "usleep(10);"),
           ("tests/server/a_test.py", "    time.sleep(0.1)"),
           ("tests/server/a_test.sh", "start; sleep 1"),
           ("server/main.cc", "nanosleep(&t, nullptr);")],
      good=[("tests/engine/a_test.cc", "clock.Advance(5);  // no sleep_for here"),
            ("tests/server/a_test.py", "line = server.stdout.readline()")])
def nobody_sleeps(path, lines):
    if path.startswith("bench/"):
        return
    pattern = r"\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep|SleepFor)\b|\bsleep\s*\("
    if path.startswith("tests/") and not is_cpp(path):
        pattern += r"|(^|[\s;&|])sleep\s+[\d.$]"
    if is_cpp(path) or path.startswith("tests/") and path.endswith((".py", ".sh")):
        yield from matches(lines, pattern, "wait for the event itself", code)


@rule(bad=[("engine/a/b.h", "// " + "x" * 98)],
      good=[("engine/a/b.h", "// " + "é" * 97), ("README.md", "x" * 200)])
def lines_of_100_columns(path, lines):
    if is_cpp(path):
        for number, line in enumerate(lines, 1):
            if len(line) > 100:
                yield number, f"{len(line)} columns"


@rule(bad=[("include/idem/store.h", "\n" * 201)],
      good=[("include/idem/store.h", "\n" * 200), ("engine/store/store.h", "\n" * 300)])
def short_public_headers(path, lines):
    if path.startswith("include/") and len(lines) > 200:
        yield len(lines), "a public header has at most 200 lines"


@rule(bad=[("utils/a.h", ""), ("Makefile", "")],
      good=[("engine/a.md", ""), (".gitignore", ""), (".ci/run", "")])
def fixed_top_level(path, lines):
    del lines
    first = path.split("/")[0]
    if first not in TOP_LEVEL and not first.startswith("."):
        yield 1, "not a top-level entry of this project: " + first


@rule(bad=[("engine/a.cc", "// TODO: later"), ("README.md", "FIXME"), ("a.sh", "# XXX"),
           ("tests/a_test.py", "# HACK")],
      good=[("engine/a.cc", "const char* kHacksaw;"), ("a/package-lock.json", "+TODO/"),
            ("tests/a_test.cc", 'Feed("XXX");')])
def nothing_left_for_later(path, lines):
    if not path.endswith("package-lock.json"):
        yield from matches(lines, r"\b(TODO|FIXME|HACK)\b|(//|#|\*)\s*XXX\b", "do it or drop it")


# In two parts, so that nobody who looks for such names finds them here.
@rule(bad=[("tests/run", "cd /" "home/main"), ("engine/a.md", "see `/" "root/x`"),
           ("a.json", '"resolved": "https://registry.' 'example/x"'),
           ("tests/run", "pip install -i https://pypi" ".org/simple")],
      good=[("tests/run", "cd build/work/main"), ("server/a.cc", "registry.Find(name);")])
def no_machine_in_files(path, lines):
    yield from matches(lines, r"(?<![\w./$}-])/(work|root|farm|home)(?![\w-])", "a machine's path")
    hosts = r"https?://[^/\s\"]*(registry|mirror|proxy)[^/\s\"]*|\b(npmjs|pypi)\.org\b"
    yield from matches(lines, hosts, "a registry's host")


@rule(bad=[("engine/store/stripe.h", "std::mutex mu_;"),
           ("engine/log/a.cc", "std::lock_guard<Mutex> hold(mu_);"),
           ("engine/log/a.cc", "absl::MutexLock lock(&mu_);"),
           ("engine/log/a.cc", "std::condition_variable ready_;")],
      good=[("engine/base/mutex.h", "std::mutex mu_;"),
            ("engine/store/stripe.h", "Mutex mu_;  // not a std::mutex")])
def one_annotated_mutex(path, lines):
    pattern = (r"\bstd::(recursive_|shared_|timed_)*mutex\b|\bstd::condition_variable\w*"
               r"|\bstd::(lock_guard|unique_lock|scoped_lock|shared_lock)\b|\babsl::\w*Mutex\w*")
    if is_cpp(path) and path.startswith("engine/") and not re.match(r"engine/base/mutex\.", path):
        yield from matches(lines, pattern, "lock with base/mutex.h", code)


def guard_of(path):
    inner = re.sub(r"^(include/idem|engine)/", "", path)
    return "IDEM_" + re.sub(r"[^A-Za-z0-9]", "_", inner).upper() + "_"


@rule(bad=[("engine/base/hash.h", "#pragma once"),
           ("engine/base/hash.h", "#ifndef IDEM_HASH_H_\n#define IDEM_HASH_H_\n#endif"),
           ("include/idem/store.h", "struct Store;")],
      good=[("engine/base/hash.h",
             "#ifndef IDEM_BASE_HASH_H_\n#define IDEM_BASE_HASH_H_\n#endif  // IDEM_BASE_HASH_H_"),
            ("include/idem/store.h", "#ifndef IDEM_STORE_H_\n#define IDEM_STORE_H_\n#endif")])
def guards_named_after_the_path(path, lines):
    if path.endswith(".h"):
        guard = guard_of(path)
        if f"#ifndef {guard}" not in lines or f"#define {guard}" not in lines:
            yield 1, "its guard is " + guard


@rule(bad=[("engine/base/string_util.h", ""), ("server/a.h", "class ConnectionManager {"),
           ("server/a.h", "struct TestHelper {")],
      good=[("server/connection.h", "class Connection {")])
def names_that_say_something(path, lines):
    if not is_cpp(path):
        return
    if re.search(r"(^|[/_])(utils?|helpers?|manager|misc|common|data)\.", path):
        yield 1, "name the file after what it holds"
    yield from matches(lines, r"\b(class|struct)\s+\w*(Manager|Utils?|Helpers?|Misc)\b",
                       "name the type after what it is", code)


@rule(bad=[("tests/engine/a_test.cc", "TEST(Wheel, DISABLED_Wraps) {}"),
           ("tests/CMakeLists.txt", "set_tests_properties(a PROPERTIES DISABLED TRUE)")],
      good=[("tests/engine/a_test.cc", "TEST(Wheel, Wraps) {}")])
def no_disabled_tests(path, lines):
    yield from matches(lines, r"\bDISABLED_\w+|\bDISABLED\s+TRUE", "a disabled test")


def scripts_are_executable(path):
    """A file is executable if and only if its first line says what runs it."""
    full = os.path.join(ROOT, path)
    with open(full, "rb") as file:
        script = file.read(2) == b"#!"
    executable = bool(os.stat(full).st_mode & stat.S_IXUSR)
    if script != executable:
        yield 1, "'#!' without the executable bit" if script else "executable without '#!'"


def repository_files():
    for folder, dirs, names in os.walk(ROOT):
        dirs[:] = sorted(d for d in dirs if d not in SKIPPED)
        for name in sorted(set(names) - SKIPPED):  # .git is a file in a worktree
            yield os.path.relpath(os.path.join(folder, name), ROOT)


def read_lines(path):
    """The lines of a text file; none of a binary one (golden files)."""
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            return file.read().splitlines()
    except UnicodeDecodeError:
        return []


def check_the_rules():
    for check, bad, good in RULES:
        for path, text in bad:
            if not list(check(path, text.splitlines())):
                yield f"{SELF}: {check.__name__} does not catch {path}: {text!r}"
        for path, text in good:
            if list(check(path, text.splitlines())):
                yield f"{SELF}: {check.__name__} refuses {path}: {text!r}"


def check_the_repository():
    for path in repository_files():
        if path == SELF or not os.path.isfile(os.path.join(ROOT, path)):
            continue
        lines = read_lines(path)
        for check, _, _ in RULES:
            for number, message in check(path, lines):
                yield f"{path}:{number}: {message} [{check.__name__}]"
        for number, message in scripts_are_executable(path):
            yield f"{path}:{number}: {message} [scripts_are_executable]"


def main():
    faults = list(check_the_rules()) or list(check_the_repository())
    for fault in faults:
        print(fault)
    print(f"{len(RULES) + 1} rules, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
