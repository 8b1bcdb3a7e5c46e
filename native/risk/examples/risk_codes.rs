//! Prints the page about risk codes; `make docs` keeps it in `docs/reference/risk-codes.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(rustonite_risk::page::risk_codes().as_bytes())
}
