"""Runs code in forked children and kills them at a chosen system call.

Only calls that change something count, where the machine's numbers are known: between two of them
nothing that survives the process can differ (memory that is mapped from files aside).
"""

import ctypes
import os
import platform
import signal

TRACEME, PEEKUSER, SYSCALL, SETOPTIONS = 0, 3, 24, 0x4200
WALL = 0x40000000
# Good system call stops, follow forks, clones and execs, die with the tracer.
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000
ORIG_RAX = 120
# write, pwrite64, writev, pwritev, sendto, sendmsg, open, creat, openat, rename*, link*, unlink*,
# mkdir*, rmdir, ftruncate, fallocate, fsync, fdatasync, msync, flock, mmap, munmap, close
EFFECTS = {
    1, 18, 20, 296, 44, 46, 2, 85, 257, 82, 264, 316, 86, 265, 87, 263, 83, 258, 84, 77, 285,
    74, 75, 26, 73, 9, 11, 3,
}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def allowed():
    """Whether this machine lets us trace our own children."""
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.ptrace(TRACEME, 0, None, None) == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


def run(work, kill_at=None):
    """Run `work(say)` in a child; returns (what it said, calls counted, whether it was killed).

    With `kill_at` it is killed at that call, counted from 1, on entry or on return.
    """
    hear, speak = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        _child(work, speak, traced=kill_at is not None)
    os.close(speak)
    calls, killed = _trace(child, kill_at) if kill_at is not None else (0, False)
    said = b""
    while chunk := os.read(hear, 1 << 16):
        said += chunk
    os.close(hear)
    if kill_at is None:
        status = os.waitpid(child, 0)[1]
        assert status == 0, f"child ended with {status}:\n{said.decode()}"
    return said.decode().splitlines(), calls, killed


def _child(work, speak, *, traced):
    code = 1
    try:
        if traced:
            libc.ptrace(TRACEME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
        work(lambda text: os.write(speak, f"{text}\n".encode()))
        code = 0
    except BaseException as error:
        text = f"error {type(error).__name__}: {error}".replace("\n", " ")
        os.write(speak, f"{text}\n".encode())
        raise
    finally:
        os._exit(code)


def _trace(child, kill_at):
    os.waitpid(child, WALL)
    libc.ptrace(SETOPTIONS, child, None, OPTIONS)
    libc.ptrace(SYSCALL, child, None, None)
    known = platform.machine() == "x86_64"
    calls, killed = 0, False
    while True:
        thread, status = os.waitpid(-1, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == child:
                return calls, killed
            continue
        pass_on = 0
        if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80:
            number = libc.ptrace(PEEKUSER, thread, ORIG_RAX, None) if known else None
            calls += number is None or number in EFFECTS
            if calls >= kill_at and not killed:
                killed = True
                os.kill(child, signal.SIGKILL)
        elif os.WSTOPSIG(status) not in {signal.SIGTRAP, signal.SIGSTOP}:
            pass_on = os.WSTOPSIG(status)
        libc.ptrace(SYSCALL, thread, None, pass_on)
