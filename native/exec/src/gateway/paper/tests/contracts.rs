//! Positions, margin and funding of a paper account.

use std::sync::Arc;

use rustonite_core::datasets::{ContractKind, FillKind, order_flags};

use super::*;
use crate::directory::Directory;
use crate::gateway::Position;

/// A thousand dollars, margined with a tenth, in a market of 30000 to 30001 with half a unit each.
fn contracts() -> Paper {
    let (spot, ..) = directory("binance", "BTCUSDT", InstrumentKind::Spot, "BTC", "USDT");
    let mut perpetual = spot.listed(FIRST).unwrap().clone();
    (perpetual.kind, perpetual.contract) = (InstrumentKind::Perpetual, Some(ContractKind::Linear));
    let mut directory = Directory::default();
    directory.list(perpetual);
    let account = directory.add_account("main");
    let usdt = directory.asset("USDT").unwrap();
    let settings = PaperSettings {
        balances: BTreeMap::from([(usdt, amount("1000"))]),
        leverage: 10,
        maker_ppm: 200,
        taker_ppm: 500,
        delay_ns: MS,
        start: NOW,
        ..PaperSettings::default()
    };
    let (gateway, market) = open(Arc::new(directory), account, settings);
    market.best(FIRST, NOW, best((30_000.0, 0.5), (30_001.0, 0.5)));
    market.mark(FIRST, NOW, 30_000.0, None);
    Paper { gateway, market }
}

fn positions(paper: &mut Paper, at: i64) -> Vec<(String, Option<String>)> {
    let Answer::Positions(all) = paper.answer(Question::Positions, at) else { panic!() };
    let short = |one: Position| (one.size.to_string(), one.price_entry.map(|one| one.to_string()));
    all.into_iter().map(short).collect()
}

fn ioc(side: OrderSide, price: &str, size: &str) -> Wish {
    Wish { side, tif: Some(Tif::Ioc), ..buy(price, size) }
}

fn total(paper: &mut Paper, at: i64) -> (String, String) {
    let Answer::Balances(all) = paper.answer(Question::Balances, at) else { panic!() };
    let [one] = all[..] else { panic!("{all:?}") };
    ((one.available + one.locked).to_string(), one.locked.to_string())
}

#[test]
fn a_position_is_margined_and_earns_what_prices_do() {
    let mut paper = contracts();
    paper.submit("a", ioc(OrderSide::Buy, "30001", "0.2"), NOW).unwrap();
    let reports = paper.reports(NOW + 2 * MS);
    // 0.05 % of 6000.2.
    assert_eq!(fill(&reports[1]).fee.unwrap().0, amount("3.0001"));
    let at = NOW + 3 * MS;
    assert_eq!(positions(&mut paper, at), [("0.2".to_owned(), Some("30001".to_owned()))]);
    assert_eq!(total(&mut paper, at), ("996.9999".to_owned(), "600".to_owned()));
    // 396.9999 less the 0.2 that is lost at the mark: not enough for another 0.2.
    let more = paper.submit("b", ioc(OrderSide::Buy, "30001", "0.2"), at);
    assert_eq!(more, Err(RefusalKind::Balance));
    // Two hundred dollars more for each unit are enough.
    paper.market.mark(FIRST, at, 31_100.0, None);
    paper.submit("c", ioc(OrderSide::Buy, "30001", "0.1"), at).unwrap();
    paper.heard(at + 2 * MS);
    paper.market.best(FIRST, at + 3 * MS, best((31_100.0, 1.0), (31_101.0, 1.0)));
    // Out of it and short.
    let at = at + 3 * MS;
    paper.submit("d", ioc(OrderSide::Sell, "31100", "0.4"), at).unwrap();
    let reports = paper.reports(at + 2 * MS);
    let fee = fill(&reports[1]).fee.unwrap().0;
    assert_eq!(fee, amount("6.22"));
    let at = at + 3 * MS;
    assert_eq!(positions(&mut paper, at), [("-0.1".to_owned(), Some("31100".to_owned()))]);
    // 0.3 units at 1099 each, less three fees.
    assert_eq!(total(&mut paper, at).0, "1318.97985");
}

#[test]
fn funding_is_paid_at_its_time_by_who_holds() {
    let mut paper = contracts();
    paper.submit("a", ioc(OrderSide::Buy, "30001", "0.1"), NOW).unwrap();
    paper.heard(NOW + 2 * MS);
    let due = NOW + 1_000 * MS;
    paper.market.mark(FIRST, NOW + 3 * MS, 30_000.0, Some((0.0001, due)));
    assert_eq!(paper.market.next(), Some(due));
    assert_eq!(paper.reports(due - 1), []);
    let [paid] = &paper.reports(due)[..] else { panic!("it is paid once") };
    let fill_of = fill(paid);
    assert_eq!((fill_of.kind, fill_of.fee.unwrap().0), (FillKind::Funding, amount("0.3")));
    assert_eq!((paid.ts_event, &*paid.client_id), (due, ""));
    assert_eq!(total(&mut paper, due).0, "998.19995");
    assert_eq!(paper.reports(due + 1_000 * MS), []);
    // The one before it is no news; a short receives.
    paper.market.mark(FIRST, due + MS, 30_000.0, Some((0.0001, due)));
    paper.submit("b", ioc(OrderSide::Sell, "30000", "0.2"), due + MS).unwrap();
    paper.heard(due + 10 * MS);
    paper.market.mark(FIRST, due + 11 * MS, 30_000.0, Some((0.0002, due + 20 * MS)));
    let [paid] = &paper.reports(due + 20 * MS)[..] else { panic!("it is paid once") };
    assert_eq!(fill(paid).fee.unwrap().0, amount("-0.6"));
}

#[test]
fn what_may_only_reduce_ends_with_its_position() {
    let mut paper = contracts();
    let reduces = |price, size| Wish {
        side: OrderSide::Sell,
        flags: order_flags::REDUCE_ONLY,
        ..buy(price, size)
    };
    assert_eq!(paper.submit("a", reduces("30500", "0.1"), NOW), Err(RefusalKind::Rules));
    paper.submit("b", ioc(OrderSide::Buy, "30001", "0.1"), NOW).unwrap();
    paper.heard(NOW + 2 * MS);
    let at = NOW + 2 * MS;
    assert_eq!(paper.submit("c", reduces("30500", "0.2"), at), Err(RefusalKind::Rules));
    paper.submit("d", reduces("30500", "0.06"), at).unwrap();
    paper.submit("e", reduces("30600", "0.1"), at).unwrap();
    paper.heard(at + 2 * MS);
    let at = at + 2 * MS;
    paper.submit("f", ioc(OrderSide::Sell, "30000", "0.03"), at).unwrap();
    paper.reports(at + 2 * MS);
    let heard = paper.reports(at + 10 * MS);
    let ended: Vec<_> = heard
        .iter()
        .filter(|one| matches!(one.what, What::Cancelled { .. }))
        .map(|one| &*one.client_id)
        .collect();
    assert_eq!(ended, ["e"]);
    let hedged = Wish {
        position_side: Some(rustonite_core::datasets::PositionSide::Long),
        ..buy("30000", "0.01")
    };
    assert_eq!(paper.submit("g", hedged, at + 10 * MS), Err(RefusalKind::Rules));
}
