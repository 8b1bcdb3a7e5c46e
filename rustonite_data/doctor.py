"""What of a machine matters to recorders, lakes and traders, and what to do where it is not well.

Each check looks at one thing and says `ok`, `warn` (it works, and something is lost) or `fail` (it
does not work). Nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rustonite_data import _native
from rustonite_data.extras import ABOUT, extras

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["ok", "warn", "fail"]

_GIB = 1 << 30
_SHARED_FREE_MIN = _GIB
_DISK_FREE_MIN = 10 * _GIB
_FILES_MIN = 4096
_KERNEL_MIN = (5, 14)
_CLOCK_ERROR_MAX_US = 10_000
# Kinds of file system that another machine, or another process, stands behind.
_REMOTE = {"9p", "afs", "ceph", "cifs", "fuse", "glusterfs", "lustre", "nfs", "nfs4", "smb3"}
_IN_MEMORY = {"ramfs", "tmpfs"}
_TIME_ERROR = 5


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    name: str
    level: Level
    found: str
    advice: str = ""
    """What to do; empty where all is well."""


def examine(
    lake: Path | None = None, tapes: Path | None = None, keys: Iterable[Path] = ()
) -> list[Finding]:
    """Look at this machine.

    Args:
        lake: Folder of the lake, if it is in one; it need not be there so far.
        tapes: Folder of the tapes, if they are not in the lake's.
        keys: Files with keys.

    Example:
        >>> [finding.level for finding in examine(keys=[folder / "nowhere.toml"])][-1]
        'fail'
    """
    folders = [] if lake is None else [folder("lake", lake, is_mapped=tapes is None)]
    folders += [] if tapes is None else [folder("tapes", tapes)]
    return [
        system(), build(), processors(), governor(), shared_memory(), huge_pages(), clock(),
        open_files(), *folders, *packages(), *(key_file(path) for path in keys),
    ]  # fmt: skip


def system() -> Finding:
    """The kernel and the kind of machine."""
    found = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if platform.system() != "Linux" or sys.maxsize < 1 << 62 or sys.byteorder != "little":
        return Finding("system", "fail", found, "tapes need 64-bit little-endian Linux")
    numbers = [int(part) for part in platform.release().split(".")[:2] if part.isdecimal()]
    if tuple(numbers) < _KERNEL_MIN:
        advice = "before 5.14 fresh pages of tapes are faulted in one by one: late first rows"
        return Finding("system", "warn", found, advice)
    return Finding("system", "ok", found)


def build() -> Finding:
    """What the extension was built as."""
    facts = _native.BUILD
    found = f"{_native.VERSION}, {facts['profile']}, rustc {facts['rustc'] or 'not known'}"
    if facts["profile"] not in {"release", "bench"}:
        advice = "built for tests, several times slower: install a wheel, or maturin --release"
        return Finding("build", "warn", found, advice)
    return Finding("build", "ok", found)


def processors() -> Finding:
    """How many there are for us."""
    count = len(os.sched_getaffinity(0))
    found = f"{count} for this process, {os.cpu_count()} in the machine"
    if count == 1:
        advice = "a recorder or a trader with its network thread wants two"
        return Finding("processors", "warn", found, advice)
    return Finding("processors", "ok", found)


def governor(root: Path = Path("/sys/devices/system/cpu")) -> Finding:
    """Whether processors change their speed."""
    files = sorted(root.glob("cpu[0-9]*/cpufreq/scaling_governor"))
    kinds = sorted({text for text in map(_text, files) if text})
    if not kinds:
        return Finding("governor", "ok", "not told (a virtual machine, or no scaling)")
    if kinds != ["performance"]:
        advice = "for steady latencies: cpupower frequency-set -g performance"
        return Finding("governor", "warn", ", ".join(kinds), advice)
    return Finding("governor", "ok", "performance")


def shared_memory(path: Path = Path("/dev/shm")) -> Finding:  # noqa: S108 - it is what is looked at
    """Memory for tapes."""
    name = "shared memory"
    if not path.is_dir() or not os.access(path, os.W_OK):
        advice = f"mount a tmpfs there, or keep tapes on disk; no folder to write at {path}"
        return Finding(name, "warn", "none", advice)
    room = os.statvfs(path)
    total, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
    found = f"{_size(free)} of {_size(total)} free in {path}"
    if free < _SHARED_FREE_MIN:
        advice = (
            f"a tape there grows to 2 GiB while its lake is away: "
            f"mount -o remount,size=8G {path}, or keep tapes on disk"
        )
        return Finding(name, "warn", found, advice)
    return Finding(name, "ok", found)


def huge_pages(root: Path = Path("/sys/kernel/mm/transparent_hugepage")) -> Finding:
    """Whether segments in memory may have huge pages; they ask for them."""
    chosen = _text(root / "shmem_enabled").partition("[")[2].partition("]")[0]
    if chosen in {"never", "deny"}:
        advice = f"fewer page faults with: echo advise > {root}/shmem_enabled"
        return Finding("huge pages", "warn", f"{chosen} in shared memory", advice)
    return Finding("huge pages", "ok", f"{chosen or 'not told'} in shared memory")


class _Timex(ctypes.Structure):
    """`struct timex` of the kernel."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def clock() -> Finding:
    """Whether something keeps the clock in step."""
    told = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    if state < 0:
        found = os.strerror(ctypes.get_errno())
        return Finding("clock", "warn", found, "look whether chrony or another keeps it in step")
    return clock_finding(state, told.maxerror, told.esterror)


def clock_finding(state: int, error_max_us: int, error_us: int) -> Finding:
    """What the kernel's answer about the clock means."""
    if state == _TIME_ERROR:
        advice = "start chrony or systemd-timesyncd: ts_recv of two machines cannot be compared"
        return Finding("clock", "warn", "nothing keeps it in step, as far as is known", advice)
    found = f"in step, off by {error_us:,} us, at most {error_max_us:,} us"
    if error_us > _CLOCK_ERROR_MAX_US:
        return Finding("clock", "warn", found, "look at its sources: chronyc sources")
    return Finding("clock", "ok", found)


def open_files() -> Finding:
    """How many files and sockets a process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft:,}, up to {hard:,}"
    if soft < _FILES_MIN:
        advice = "ulimit -n 65536, or LimitNOFILE=65536 in the unit: tapes and queries map many"
        return Finding("open files", "warn", found, advice)
    return Finding("open files", "ok", found)


def folder(name: str, path: Path, *, is_mapped: bool = True) -> Finding:
    """A folder that is written: its room, and what kind of file system it is on."""
    there = next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())
    kind = kind_of_file_system(there)
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".rustonite-"):
            room = os.statvfs(there)
    except OSError as error:
        return Finding(name, "fail", f"{path}: {error.strerror}", "choose a folder of your own")
    free = room.f_bavail * room.f_frsize
    found = f"{path}: {kind}, {_size(free)} free"
    if is_mapped and kind.partition(".")[0] in _REMOTE:
        advice = "tapes are mapped and locked: keep them on a local disk or in /dev/shm (--tapes)"
        return Finding(name, "warn", found, advice)
    if kind not in _IN_MEMORY and free < _DISK_FREE_MIN:
        return Finding(name, "warn", found, "a busy recorder writes gigabytes a day: make room")
    return Finding(name, "ok", found)


def kind_of_file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Such as `ext4`; `unknown` where nothing tells."""
    best, kind = "", "unknown"
    for line in _text(mounts).splitlines():
        before, _, behind = line.partition(" - ")
        where = before.split()[4].encode().decode("unicode_escape")
        is_above = path == Path(where) or Path(where) in path.parents
        # Of several on one place the last one is seen.
        if is_above and len(where) >= len(best):
            best, kind = where, behind.split()[0]
    return kind


def packages() -> list[Finding]:
    """Optional packages."""
    findings = []
    for extra in extras():
        about = ABOUT.get(extra.name, ", ".join(extra.packages))
        if not extra.missing:
            findings.append(Finding(f"extra {extra.name}", "ok", about))
            continue
        # Most commands are about lakes; the others are for those who need them.
        level: Level = "warn" if extra.name == "lake" else "ok"
        found = f"not here ({about})"
        findings.append(Finding(f"extra {extra.name}", level, found, extra.command))
    return findings


def key_file(path: Path) -> Finding:
    """Whether a file with keys is for its owner alone."""
    try:
        told = path.stat()
    except OSError as error:
        return Finding("keys", "fail", f"{path}: {error.strerror}", "write it, or mend the path")
    mode = stat.S_IMODE(told.st_mode)
    found = f"{path}: mode {mode:o}"
    if mode & 0o077:
        return Finding("keys", "fail", found, f"others can read it: chmod 600 {path}")
    if told.st_uid != os.getuid():
        return Finding("keys", "warn", f"{found}, of another user", f"chown $USER {path}")
    return Finding("keys", "ok", found)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _size(count: int) -> str:
    return f"{count / _GIB:,.1f} GiB"
