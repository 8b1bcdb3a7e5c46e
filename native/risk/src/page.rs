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

Keys of a limits file. Every key must be said in some section that an order is in, if only as
`\"none\"`: what nobody says denies with `limits_missing`. A key that stands in several sections holds
in each; where the value is the order's or the market's own, that is the strictest of them. A number
may also be `{ max = 100, warn = 80 }`: what is beyond `warn` passes, with a row of `risk_events` and a
notice. Limits that throw switches or make pauses do not warn.

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
