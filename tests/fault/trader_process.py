"""A trader in a process of its own, with the strategy of `churn.py`, that can be killed."""

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from trading import PATIENCE_S

from rustonite_data.errors import Unavailable
from rustonite_exec import ask

CHURN = Path(__file__).with_name("churn.py")
# While books are compared on a busy machine, a call of the strategy may take seconds: that must not
# end its orders.
SETTINGS = 'reconcile = "refuse"\nreconcile_s = 1\nanswer_ms = 500\npatience_ms = 60_000'


class TraderProcess:
    """One journal in a folder, and the traders that come and go on it."""

    def __init__(self, folder, log, seed):
        self.folder, self.log, self.chance = folder, log, random.Random(seed)
        self.journal = folder / "journal"
        self.calm, self.still, self.doomed = (folder / one for one in ("calm", "still", "doomed"))
        self.trader = None
        shutil.copy(CHURN, folder)

    def trade(self):
        command = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
        self.trader = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log)

    def kill(self, process):
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, self.told()

    def kill_with_a_request_in_flight(self):
        self.doomed.touch()
        self.trader.wait(timeout=30)
        self.doomed.unlink()
        assert self.trader.returncode == -signal.SIGKILL, self.told()

    def stop(self):
        """End it in good order."""
        self.trader.send_signal(signal.SIGTERM)
        self.trader.communicate(timeout=30)
        assert self.trader.returncode == 0, self.told()

    def close(self):
        if self.trader is not None:
            self.trader.kill()
            self.trader.communicate()

    def told(self):
        self.log.flush()
        return Path(self.log.name).read_text()[-3000:]

    def until(self, enough):
        """What the trader says once there is enough."""
        status = None
        for _ in range(int(PATIENCE_S * 50)):
            assert self.trader.poll() is None, self.told()
            status = self.status()
            if status is not None and enough(status):
                return status
            time.sleep(0.02)
        raise AssertionError(f"{status}\n{self.told()}")

    def status(self):
        """What the trader says; nothing if it is too busy with its start to answer."""
        with contextlib.suppress(Unavailable):
            return ask(self.journal, {"do": "status"}) if self.journal.exists() else None
        return None

    def until_trading(self):
        return self.until(lambda one: one["accounts"][0]["trading"])

    def hold_still(self):
        """Nothing is in flight, and only orders far from the market are open."""
        # The strategy may have made it once more just after the last time.
        self.still.unlink(missing_ok=True)
        self.calm.touch()
        return self.until(lambda _status: self.still.exists())

    def go_on(self):
        self.calm.unlink()
        self.still.unlink()
