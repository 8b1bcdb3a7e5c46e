import shutil
import signal
import tempfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from rustonite_data.lake import Lake

# A busy machine is no bug.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A shell gives what it starts in the background no Ctrl-C, and processes hand that on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MEMORY = Path("/dev/shm")


@pytest.fixture(params=["memory", "disk"])
def folder(request, tmp_path):
    """A new folder, once on a file system in memory and once on disk."""
    if request.param == "disk":
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(dir=MEMORY, prefix="rustonite-test-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def lake(tmp_path):
    """A new lake."""
    return Lake.create(tmp_path / "lake")


@pytest.fixture
def memory():
    """A new folder in memory."""
    made = Path(tempfile.mkdtemp(dir=MEMORY, prefix="rustonite-test-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def scratch():
    """Makes a new folder in memory, for each example of a property; the one before is removed.

    On disk the fsync of each tape takes most of the time.
    """
    made = Path(tempfile.mkdtemp(dir=MEMORY, prefix="rustonite-test-"))
    numbers = count()

    def new():
        number = next(numbers)
        shutil.rmtree(made / str(number - 1), ignore_errors=True)
        folder = made / str(number)
        folder.mkdir()
        return folder

    yield new
    shutil.rmtree(made, ignore_errors=True)
