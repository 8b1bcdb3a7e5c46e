"""Runs code in forked children and kills them at a chosen system call.

Only calls that change something count, where the machine's numbers are known: between two of them
nothing that survives the process can differ (memory that is mapped from files aside).
"""

import ctypes
import os
import platform
import signal
import struct

TRACEME, CONT, SYSCALL, SETOPTIONS = 0, 7, 24, 0x4200
WALL = 0x40000000
# Good system call stops, follow forks, clones and execs, stop where a filter says, die with the
# tracer.
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x80 | 0x100000
# The status of a thread at a call that the filter names.
AT_FILTER = signal.SIGTRAP | 7 << 8
# write, pwrite64, writev, pwritev, sendto, sendmsg, open, creat, openat, rename*, link*, unlink*,
# mkdir*, rmdir, ftruncate, fallocate, fsync, fdatasync, msync, flock, mmap, munmap, close
EFFECTS = {
    1, 18, 20, 296, 44, 46, 2, 85, 257, 82, 264, 316, 86, 265, 87, 263, 83, 258, 84, 77, 285,
    74, 75, 26, 73, 9, 11, 3,
}  # fmt: skip

NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
TRACE, ALLOW = 0x7FF00000, 0x7FFF0000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
# The numbers above are those of this kind of machine; elsewhere every call counts.
KNOWN = platform.machine() == "x86_64"


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
            if KNOWN:
                _stop_at_effects()
        work(lambda text: os.write(speak, f"{text}\n".encode()))
        code = 0
    except BaseException as error:
        text = f"error {type(error).__name__}: {error}".replace("\n", " ")
        os.write(speak, f"{text}\n".encode())
        raise
    finally:
        os._exit(code)


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _stop_at_effects():
    """Let the kernel pass all other calls by: most of them change nothing, and stops are slow."""
    steps = [(LOAD, 0, 0, 0)]  # the number of the call
    for left, number in zip(range(len(EFFECTS) - 1, -1, -1), EFFECTS, strict=True):
        steps.append((JUMP_IF_EQUAL, left + 1, 0, number))
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, TRACE)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    zero = ctypes.c_ulong(0)
    assert libc.prctl(NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) == 0
    assert libc.prctl(SET_SECCOMP, ctypes.c_ulong(FILTER), ctypes.byref(program), zero, zero) == 0


def _trace(child, kill_at):
    os.waitpid(child, WALL)
    libc.ptrace(SETOPTIONS, child, None, OPTIONS)
    go_on = CONT if KNOWN else SYSCALL
    libc.ptrace(go_on, child, None, None)
    calls, killed = 0, False
    while True:
        thread, status = os.waitpid(-1, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == child:
                return calls, killed
            continue
        pass_on, then = 0, go_on
        signal_of_stop = os.WSTOPSIG(status)
        is_entry = status >> 8 == AT_FILTER
        if is_entry or signal_of_stop == signal.SIGTRAP | 0x80:
            calls += 1
            # The next stop is its return.
            then = SYSCALL if is_entry else go_on
            if calls >= kill_at and not killed:
                killed = True
                os.kill(child, signal.SIGKILL)
        elif signal_of_stop not in {signal.SIGTRAP, signal.SIGSTOP}:
            pass_on = signal_of_stop
        libc.ptrace(then, thread, None, pass_on)
