//! Prints `docs/reference/order-states.md`.
#![allow(clippy::print_stdout, reason = "printing the page is what this is for")]

fn main() {
    print!("{}", rustonite_exec::table::markdown());
}
