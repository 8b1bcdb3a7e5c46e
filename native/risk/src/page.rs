//! The page about codes and limits, as `docs/reference/risk-codes.md` has it.

use std::fmt::Write as _;

use crate::code::{Group, codes};
use crate::key::{Key, Sense};
use crate::limits::scopes_of;

const TOP: &str = "\
# Risk codes and limits

Made from the code by `make docs`. Codes are listed in the order in which they are checked: an order
has the code of the first check that denies it, a dry run has them all. What the columns of a denial
mean is in [how risk decides](../internals/risk.md).

## Codes
";

const LIMITS: &str = "
## Limits

`rustonite limits` prints a file with all keys in `[all]`. This one has each sort of section. Names
are those of `trader.toml`; `manual` is the strategy of what no strategy did: orders of others, and
positions that were found.

```toml
version = 2                            # higher each time that it is read again
currency = \"USDT\"                      # of all limits in money
restricted = [\"binance:ETHUSDT\"]       # never traded
[all]                                  # the whole trader
order_size_max = { max = 1, warn = 0.5 }
spread_max_bps = \"none\"
[venue.binance]
messages_per_s = 50
[account.main]
daily_loss_max = 500
[strategy.maker]
open_orders_max = 10
[instrument.\"binance:BTCUSDT\"]
long_max = 0.2
```

Every key must be said in some section that an order is in, if only as `\"none\"`: what nobody says
denies with `limits_missing`. A key that stands in several sections holds in each; where the value is
the order's or the market's own, that is the strictest of them. What is beyond `warn` passes, with a
row of `risk_events` and a notice. Limits that throw switches or make pauses do not warn.

| key | value | sections | what it limits |
|---|---|---|---|
";

/// The page.
pub fn risk_codes() -> String {
    let mut page = TOP.to_owned();
    for group in Group::ALL {
        let (title, about) = group.about();
        let _ = write!(page, "\n### {title}\n\n{about}\n\n");
        page.push_str("| code | scope | unit | what happened |\n|---|---|---|---|\n");
        for code in codes().filter(|code| code.group() == group) {
            let (name, scopes, unit) = (code.name(), code.scopes(), code.unit().name());
            let _ = writeln!(page, "| `{name}` | {scopes} | {unit} | {} |", code.about());
        }
    }
    page.push_str(LIMITS);
    for key in Key::ALL {
        let value = match key.sense() {
            Sense::Switch => "true or false",
            Sense::Most | Sense::Least => key.unit().name(),
        };
        let _ = writeln!(
            page,
            "| `{}` | {value} | {} | {} |",
            key.name(),
            scopes_of(*key),
            key.about()
        );
    }
    page
}
