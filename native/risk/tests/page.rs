//! The page about codes is what the code says.

#[test]
fn the_page_is_current() {
    let page = include_str!("../../../docs/reference/risk-codes.md");
    assert!(page == rustonite_risk::page::risk_codes(), "make it anew with `make docs`");
}
