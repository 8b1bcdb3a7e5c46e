"""`rustonite` as a process that ends with the one that started it, however that one ends."""

import ctypes
import os
import signal
import sys

from rustonite_data.cli import main

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = int(sys.argv.pop(1))
    # It may have ended before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(1)
    main(prog_name="rustonite")
