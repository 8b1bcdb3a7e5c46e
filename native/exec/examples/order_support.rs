//! Prints the page about what venues can do with orders.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let page = rustonite_exec::gateway::order_support_markdown();
    std::io::stdout().write_all(page.as_bytes())
}
