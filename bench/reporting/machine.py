"""What a figure was measured on: without it a figure says nothing."""

import os
import re
import subprocess


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def first_line_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout or done.stderr or "unknown").splitlines()[0]


def found(pattern, text, default="unknown"):
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1).strip() if match else default


def file_system_of(directory):
    """'ext4 on /dev/vda', of the mount that holds `directory`."""
    mounts = [line.split() for line in read("/proc/self/mounts").splitlines()]
    inside = os.path.realpath(directory).rstrip("/") + "/"
    holders = [m for m in mounts if inside.startswith(m[1].rstrip("/") + "/")]
    best = max(holders, key=lambda mount: len(mount[1]), default=["unknown"] * 3)
    return f"{best[2]} on {best[0]}"


def compiler(tree):
    cache = read(os.path.join(tree, "CMakeCache.txt"))
    build_type = found(r"^CMAKE_BUILD_TYPE:\w+=(.*)", cache)
    flags = " ".join(found(rf"^{name}:\w+=(.*)", cache, "")
                     for name in ("CMAKE_CXX_FLAGS", f"CMAKE_CXX_FLAGS_{build_type.upper()}"))
    version = first_line_of(found(r"^CMAKE_CXX_COMPILER:\w+=(.*)", cache, "c++"), "--version")
    return f"{version}; {build_type}: {flags.strip()}"


def describe(root, tree, directory, redis_server):
    return {
        "CPU": found(r"^model name\s*:(.*)", read("/proc/cpuinfo")),
        "cores": os.cpu_count(),
        "memory": found(r"^MemTotal:(.*)", read("/proc/meminfo")),
        "kernel": os.uname().release,
        "system": found(r'^PRETTY_NAME="(.*)"', read("/etc/os-release")),
        "data directories": file_system_of(directory),
        "compiler": compiler(tree),
        "Idem": first_line_of("git", "-C", root, "describe", "--always", "--dirty"),
        "Redis": first_line_of(redis_server, "--version"),
    }


def load_average():
    return " ".join(read("/proc/loadavg").split()[:3])


def cpu_ticks():
    """(stolen by the hypervisor, all) since boot, in ticks."""
    ticks = [int(field) for field in read("/proc/stat").splitlines()[0].split()[1:9]]
    return ticks[7], sum(ticks)
