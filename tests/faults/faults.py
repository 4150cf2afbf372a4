"""A daemon whose calls are made to fail, for the stories of this folder; fault_control.h says what the words mean."""
import errno
import mmap
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402

CONTROL_LEN, LOG_AT, LOG_LEN = 65536, 64, 8192
LOADED, KIND, ERROR, FIRST, TIMES, CLASSES, SEEN, FIRED, MEASURE, BYTES, LAST, INSIDE = range(0, 48, 4)
OFF, BEFORE, SHORT, AFTER, DROPPED, COUNT = range(6)
WRITE, SYNC, SIZE, RENAME, UNLINK, CREATE, MEMORY = range(7)
FILES = sum(1 << number for number in (WRITE, SYNC, SIZE, RENAME, UNLINK, CREATE))
NAMES = ("write", "sync", "size", "rename", "unlink", "create", "memory")


def memory_directory():
    """Where a sync costs nothing: it is the order of calls that these stories are about."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Faults:
    """The control file of one daemon."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "faults")
        with open(self.path, "wb") as out:
            out.truncate(CONTROL_LEN)
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), CONTROL_LEN)

    def word(self, at):
        return struct.unpack_from("<I", self.map, at)[0]

    def set(self, at, value):
        struct.pack_into("<I", self.map, at, value)

    def arm(self, kind, classes=FILES, first=1, times=1, error=errno.EIO):
        self.set(KIND, OFF)
        for at, value in ((ERROR, error), (FIRST, first), (TIMES, times), (CLASSES, classes), (SEEN, 0), (FIRED, 0)):
            self.set(at, value)
        self.set(KIND, kind)

    def disarm(self):
        """How many calls failed."""
        self.set(KIND, OFF)
        return self.fired

    @property
    def fired(self):
        return self.word(FIRED)

    @property
    def seen(self):
        return self.word(SEEN)

    @property
    def last(self):
        return NAMES[self.word(LAST)] if self.fired else None

    def classes(self):
        """Of the calls that were counted, in their order."""
        assert self.seen <= LOG_LEN, self.seen
        return [number - 1 for number in self.map[LOG_AT:LOG_AT + self.seen]]


class FaultyDaemon(vault.Daemon):
    """A daemon with a library of this folder in it: "failing_calls" or "failing_memory"."""

    def __init__(self, library, directory=None, **more):
        directory = directory or tempfile.mkdtemp(prefix="vaultd-faults-", dir=memory_directory())
        super().__init__(directory=directory, **more)
        self.faults = Faults(self.dir)
        self.faulty = {"LD_PRELOAD": os.path.join(vault.BUILD, f"tests/faults/lib{library}.so"), "FAULT_CONTROL": self.faults.path}
        self.extra.update(self.faulty)

    def without_faults(self):
        """From the next start on, with the C library alone."""
        for name in self.faulty:
            self.extra.pop(name, None)

    def start(self, *arguments, **more):
        started = super().start(*arguments, **more)
        if "FAULT_CONTROL" in self.extra and self.process.poll() is None:
            assert self.faults.word(LOADED) == 1, "the library is not in the daemon"
        return started
