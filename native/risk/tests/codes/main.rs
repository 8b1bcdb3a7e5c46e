//! Every code of the table, provoked at its border: the limit passes, one more is denied.

mod control;
mod exposure;
mod fat_finger;
mod flow;
mod known;
mod loss;
mod market;
mod validity;
#[path = "../world/mod.rs"]
mod world;

use rustonite_risk::{Code, codes};

#[test]
fn every_code_is_provoked() {
    let provoked = [
        known::PROVOKED,
        control::PROVOKED,
        validity::PROVOKED,
        market::PROVOKED,
        fat_finger::PROVOKED,
        exposure::PROVOKED,
        flow::PROVOKED,
        loss::PROVOKED,
    ]
    .concat();
    let missing: Vec<_> = codes().filter(|code| !provoked.contains(code)).map(Code::name).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
