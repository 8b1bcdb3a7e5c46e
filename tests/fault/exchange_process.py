"""A local exchange in a process of its own that can be killed, and goes on where it was."""

import json
import signal
from decimal import Decimal
from urllib.request import Request, urlopen

from helpers import python

from rustonite_exec import Account

PATIENCE_S = 60.0
SERVE = """
    import json, sys, time
    from rustonite_exec import LocalExchange

    folder, port = sys.argv[1], int(sys.argv[2])
    with LocalExchange(
        ["BTCUSDT"], speed=8, limits=False, port=port, state=folder
    ) as exchange:
        account = exchange.account("me", {"USDT": 100_000, "BTC": 2})
        told = [exchange.address, exchange.urls, account.key, account.secret]
        print(json.dumps(told), flush=True)
        time.sleep(3600)
"""


class ExchangeProcess:
    """What tests of trading use of a `LocalExchange`, over its port."""

    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        self.port, self.process = 0, None
        self.start()

    def start(self):
        """Begin, or go on at the same port."""
        self.process = python(SERVE, self.folder, self.port, stderr=self.log)
        told = self.process.stdout.readline()
        assert told, f"the exchange ended with {self.process.wait()}"
        address, self.urls, key, secret = json.loads(told)
        self.root, self.port = f"http://{address}/_exchange", int(address.rpartition(":")[2])
        self.me = Account("me", key, secret)

    def kill(self):
        """End it without a word."""
        self.process.kill()
        self.process.communicate()
        assert self.process.returncode == -signal.SIGKILL

    def account(self, _name, _balances):
        """The one account, which is there from the start."""
        return self.me

    def ask(self, what, **body):
        """A call that steers the exchange."""
        data = json.dumps(body).encode() if body else None
        request = Request(f"{self.root}/{what}", data=data)  # noqa: S310 - http here
        with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return json.load(answer)

    def balance(self, account, asset):
        """Free and locked."""
        own = next(one for one in self.ask("status")["accounts"] if one["name"] == account.name)
        free, locked = own["balances"].get(asset, ("0", "0"))
        return Decimal(free), Decimal(locked)

    def fault(self, name, **details):
        """Let something go wrong."""
        self.ask("fault", fault=name, **details)

    def close(self):
        """The end."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
