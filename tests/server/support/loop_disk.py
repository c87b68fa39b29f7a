"""A disk whose power can be cut: ext4 on a loop device, in a mount namespace of its own.

    with LoopDisk() as disk:           # Unavailable: not root, no loop devices, another kernel
        write(disk.mount_point)
        disk.cut_power()               # what was not synced is gone; every write fails from here on
        stop_all_that_has_files_open()
        disk.power_on()                # mounted again: the file system replays its journal

The cut is EXT4_IOC_SHUTDOWN without a flush of the journal: dirty pages, and changes of names and
sizes that no sync has committed, never reach the file behind the device.

Nothing is left behind, not even by kill -9: only this process and its children see the mount, the
kernel detaches the device with its last user, and the file has no name. Thread rule: make it in the
main thread before there are others; call it from any.
"""
import ctypes
import errno
import fcntl
import os
import struct
import subprocess
import tempfile

DISK_BYTES = 4 << 30  # of a sparse file
COMMAND_SECONDS = 60  # a bound, not a wait

CLONE_NEWNS = 0x20000
LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LO_FLAGS_AUTOCLEAR = 4
# struct loop_config: the file, the block size, struct loop_info64 up to its flags, what is unused.
LOOP_CONFIG = struct.Struct("=II 5Q 3I I 176x 64x")
EXT4_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_WITHOUT_LOG_FLUSH = 2


class Unavailable(Exception):
    """Why this machine has no such disk."""


class LoopDisk:
    def __init__(self):
        if os.geteuid() != 0:
            raise Unavailable("cutting the power of a disk needs root, to mount one")
        self._directory = tempfile.TemporaryDirectory(prefix="idem-disk-")
        self.mount_point = self._directory.name
        self._device = None
        self._mounted = False
        try:
            self._make()
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            said = getattr(error, "stderr", None) or b""
            raise Unavailable(f"no ext4 on a loop device here: {error} {said.decode()}") from error

    def _make(self):
        enter_own_mount_namespace()
        self._attach()
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", self._path())
        self.power_on()
        self.cut_power()
        self.power_on()

    def _attach(self):
        with tempfile.TemporaryFile() as file:
            os.truncate(file.fileno(), DISK_BYTES)
            self._device = attached_device(file.fileno())

    def _path(self):
        return os.readlink(f"/proc/self/fd/{self._device}")

    def cut_power(self):
        directory = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_LOG_FLUSH))
        finally:
            os.close(directory)

    def power_on(self):
        """Nobody may have a file of it open."""
        self._unmount()
        run("mount", "-t", "ext4", self._path(), self.mount_point)
        self._mounted = True

    def _unmount(self):
        if self._mounted:
            run("umount", self.mount_point)
            self._mounted = False

    def close(self):
        try:
            self._unmount()
        finally:
            if self._device is not None:
                os.close(self._device)
            self._directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def run(*command):
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL,
                   timeout=COMMAND_SECONDS)


def enter_own_mount_namespace():
    """What this thread and its children mount from here on, nobody else sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")


def attached_device(file):
    """An open loop device with that file behind it, which lasts until nobody has it open."""
    config = LOOP_CONFIG.pack(file, 0, 0, 0, 0, 0, 0, 0, 0, 0, LO_FLAGS_AUTOCLEAR)
    with open("/dev/loop-control", "rb") as control:
        while True:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            device = os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, LOOP_CONFIGURE, config)
                return device
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # somebody else took that one first
                    raise
