//! Positions, margin and funding of a paper account.

use std::sync::Arc;

use rustonite_core::datasets::{ContractKind, FillKind, PositionSide, order_flags};

use super::*;
use crate::directory::Directory;
use crate::gateway::Position;

/// A thousand dollars, margined with a tenth, in a market of 30000 to 30001 with half a unit each.
fn contracts() -> Paper {
    let paper = with(|_| {});
    paper.market.best(FIRST, NOW, best((30_000.0, 0.5), (30_001.0, 0.5)));
    paper.market.mark(FIRST, NOW, 30_000.0, None);
    paper
}

fn with(change: impl FnOnce(&mut PaperSettings)) -> Paper {
    let (spot, ..) = directory("binance", "BTCUSDT", InstrumentKind::Spot, "BTC", "USDT");
    let mut perpetual = spot.listed(FIRST).unwrap().clone();
    (perpetual.kind, perpetual.contract) = (InstrumentKind::Perpetual, Some(ContractKind::Linear));
    let mut directory = Directory::default();
    directory.list(perpetual);
    let account = directory.add_account("main");
    let usdt = directory.asset("USDT").unwrap();
    let mut settings = PaperSettings {
        balances: BTreeMap::from([(usdt, amount("1000"))]),
        leverage: 10,
        maintenance_ppm: 5_000,
        maker_ppm: 200,
        taker_ppm: 500,
        delay_ns: MS,
        start: NOW,
        ..PaperSettings::default()
    };
    change(&mut settings);
    let (gateway, market) = open(Arc::new(directory), account, settings);
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
    let hedged = Wish { position_side: Some(PositionSide::Long), ..buy("30000", "0.01") };
    assert_eq!(paper.submit("g", hedged, at + 10 * MS), Err(RefusalKind::Rules));
}

/// A long position of 0.2 from 30000, whose funding is paid until `NOW`.
fn held(change: impl FnOnce(&mut PaperSettings)) -> Paper {
    let (size, price_entry) = (amount("0.2"), Some(amount("30000")));
    with(|settings| {
        let position = crate::positions::Position { size, price_entry, ..Default::default() };
        settings.positions.insert((FIRST, PositionSide::Net), position);
        settings.funded_until.insert(FIRST, NOW);
        change(settings);
    })
}

fn last_fill(heard: &[Heard]) -> &Report {
    let is_fill = |one: &&Heard| matches!(one, Heard::Report(Report { what: What::Fill(_), .. }));
    match heard.iter().rfind(is_fill) {
        Some(Heard::Report(report)) => report,
        _ => panic!("{heard:?}"),
    }
}

#[test]
fn a_position_that_has_lost_its_margin_is_closed_by_force() {
    let mut paper = held(|_| {});
    paper.market.best(FIRST, NOW, best((25_100.0, 0.15), (25_101.0, 0.5)));
    paper.submit("rests", buy("20000", "0.01"), NOW).unwrap();
    paper.heard(NOW + 2 * MS);
    let at = NOW + 3 * MS;
    // 1000 less 975 is 25, and 0.5 % of 5025 is 25.125.
    paper.market.mark(FIRST, at, 25_130.0, None);
    assert_eq!(paper.heard(at + 2 * MS), [], "26 are left, and 25.13 have to be");
    paper.market.mark(FIRST, at + 2 * MS, 25_125.0, None);
    let heard = paper.heard(at + 4 * MS);
    let [Heard::Notice(told), rest @ ..] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(told, "BTCUSDT: the margin is lost, 0.2 is closed by force");
    let [Heard::Report(ended), Heard::Report(closed), ..] = rest else { panic!("{heard:?}") };
    assert!(matches!(ended.what, What::Cancelled { .. }), "{ended:?}");
    let part = fill(closed);
    assert_eq!((part.kind, part.side), (FillKind::Liquidation, OrderSide::Sell));
    assert_eq!((part.price, part.size), (amount("25100"), amount("0.15")));
    // 0.05 % of 3765.
    assert_eq!(part.fee.unwrap().0, amount("1.8825"));
    // What nobody took is taken with a later mark, if it has to be.
    let at = at + 5 * MS;
    paper.market.best(FIRST, at, best((25_000.0, 1.0), (25_001.0, 0.5)));
    paper.market.mark(FIRST, at, 24_800.0, None);
    let heard = paper.heard(at + 2 * MS);
    let last = last_fill(&heard);
    assert_eq!((fill(last).price, fill(last).size), (amount("25000"), amount("0.05")));
    assert_ne!(last.client_id, closed.client_id);
    assert_eq!(positions(&mut paper, at + 2 * MS), []);
    // 1000 less 735 less 250, less two fees.
    assert_eq!(total(&mut paper, at + 2 * MS), ("12.4925".to_owned(), "0".to_owned()));
    paper.market.mark(FIRST, at + 3 * MS, 10_000.0, None);
    assert_eq!(paper.heard(at + 9 * MS), [], "there is nothing to close");
}

#[test]
fn a_short_position_is_closed_by_force_when_prices_rise() {
    let mut paper = held(|settings| {
        settings.positions.get_mut(&(FIRST, PositionSide::Net)).unwrap().size = amount("-0.2");
    });
    paper.market.best(FIRST, NOW, best((35_000.0, 1.0), (35_001.0, 1.0)));
    paper.market.mark(FIRST, NOW, 35_000.0, None);
    let heard = paper.heard(NOW + 2 * MS);
    let closed = last_fill(&heard);
    assert_eq!((fill(closed).side, fill(closed).size), (OrderSide::Buy, amount("0.2")));
    assert_eq!(positions(&mut paper, NOW + 2 * MS), []);
    // What is lost beyond the margin is owed.
    assert!(total(&mut paper, NOW + 2 * MS).0.starts_with('-'));
}

#[test]
fn a_venue_without_offers_closes_nothing_until_there_are_some() {
    let mut paper = held(|_| {});
    paper.market.mark(FIRST, NOW, 20_000.0, None);
    paper.heard(NOW + 2 * MS);
    assert_eq!(positions(&mut paper, NOW + 2 * MS).len(), 1);
    paper.market.best(FIRST, NOW + 3 * MS, best((20_000.0, 1.0), (20_001.0, 1.0)));
    paper.market.mark(FIRST, NOW + 3 * MS, 20_000.0, None);
    paper.heard(NOW + 5 * MS);
    assert_eq!(positions(&mut paper, NOW + 5 * MS), []);
}

#[test]
fn funding_that_was_missed_is_paid_once_by_what_was_recorded() {
    let start = NOW + 10_000 * MS;
    let due = [1_000, 2_000, 3_000].map(|ms| NOW + ms * MS);
    let mut paper = held(|settings| {
        (settings.start, settings.funded_until) = (start, BTreeMap::from([(FIRST, due[0])]));
    });
    assert_eq!(paper.market.missed_since(), Some(due[0]));
    let rows = [
        (due[0] - MS, 30_000.0, (0.0001, due[0])),
        (due[0] + MS, 30_000.0, (0.0009, due[1])),
        (due[1] - MS, 31_000.0, (0.0002, due[1])),
        // The one that follows is told late; that of the next time is still to come.
        (due[1] + 500 * MS, 32_000.0, (-0.0001, due[2])),
        (due[2] + MS, 33_000.0, (0.0003, start + 5 * MS)),
    ];
    for (at, mark, funding) in rows {
        paper.market.missed(FIRST, at, mark, Some(funding));
    }
    let paid = paper.reports(start);
    let short = |report: &Report| (report.ts_event, report.ts_recv, fill(report).fee.unwrap().0);
    // 0.02 % of 6200, and -0.01 % of 6400.
    let expected = [(due[1], start, amount("1.24")), (due[2], start, amount("-0.64"))];
    assert_eq!(paid.iter().map(short).collect::<Vec<_>>(), expected);
    assert_eq!(total(&mut paper, start).0, "999.4");
    // The same rows once more, as tapes and a lake may both have them.
    for (at, mark, funding) in rows {
        paper.market.missed(FIRST, at, mark, Some(funding));
    }
    assert_eq!(paper.reports(start), []);
    let [next] = &paper.reports(start + 5 * MS)[..] else { panic!("it is paid once") };
    assert_eq!(fill(next).fee.unwrap().0, amount("1.98"));
}

#[test]
fn funding_was_due_at_the_last_mark_even_if_nothing_was_recorded_after_it() {
    let start = NOW + 10_000 * MS;
    let mut paper = held(|settings| settings.start = start);
    paper.market.missed(FIRST, NOW + MS, 30_000.0, Some((0.0001, NOW + 2 * MS)));
    let [paid] = &paper.reports(start)[..] else { panic!("it is paid once") };
    assert_eq!((paid.ts_event, fill(paid).fee.unwrap().0), (NOW + 2 * MS, amount("0.6")));
}

fn hedged() -> Paper {
    let paper = with(|settings| settings.hedging = true);
    paper.market.best(FIRST, NOW, best((30_000.0, 0.5), (30_001.0, 0.5)));
    paper.market.mark(FIRST, NOW, 30_000.0, None);
    paper
}

fn for_side(side: PositionSide, wish: Wish) -> Wish {
    Wish { position_side: Some(side), ..wish }
}

/// Sizes by side.
fn sides(paper: &mut Paper, at: i64) -> Vec<(PositionSide, String)> {
    let Answer::Positions(all) = paper.answer(Question::Positions, at) else { panic!() };
    all.into_iter().map(|one| (one.side, one.size.to_string())).collect()
}

#[test]
fn in_hedge_mode_a_long_and_a_short_position_stand_beside_each_other() {
    use PositionSide::{Long, Short};
    let mut paper = hedged();
    let unsaid = paper.submit("a", ioc(OrderSide::Buy, "30001", "0.1"), NOW);
    assert_eq!(unsaid, Err(RefusalKind::Rules));
    paper.submit("b", for_side(Long, ioc(OrderSide::Buy, "30001", "0.1")), NOW).unwrap();
    paper.submit("c", for_side(Short, ioc(OrderSide::Sell, "30000", "0.05")), NOW).unwrap();
    let reports = paper.reports(NOW + 2 * MS);
    let told: Vec<_> = reports.iter().filter(|one| matches!(one.what, What::Fill(_))).collect();
    assert_eq!(
        told.iter().map(|one| fill(one).position_side).collect::<Vec<_>>(),
        [Some(Long), Some(Short)]
    );
    let at = NOW + 3 * MS;
    let both = [(Long, "0.1".to_owned()), (Short, "-0.05".to_owned())];
    assert_eq!(sides(&mut paper, at), both);
    // A tenth of 3000 and of 1500.
    assert_eq!(total(&mut paper, at).1, "450");
    // What closes a side is no larger than it, and needs no margin.
    let closes = |price, size| for_side(Short, ioc(OrderSide::Buy, price, size));
    assert_eq!(paper.submit("d", closes("30001", "0.1"), at), Err(RefusalKind::Rules));
    paper.submit("e", closes("30001", "0.05"), at).unwrap();
    paper.heard(at + 2 * MS);
    assert_eq!(sides(&mut paper, at + 3 * MS), both[..1]);
}

#[test]
fn in_hedge_mode_each_position_pays_its_funding_and_is_closed_for_itself() {
    use PositionSide::{Long, Short};
    let of = |size: &str| crate::positions::Position {
        size: amount(size),
        price_entry: Some(amount("30000")),
        ..Default::default()
    };
    let mut paper = with(|settings| {
        settings.hedging = true;
        settings.positions = [((FIRST, Long), of("0.3")), ((FIRST, Short), of("-0.1"))].into();
        settings.funded_until.insert(FIRST, NOW);
    });
    paper.market.best(FIRST, NOW, best((25_000.0, 1.0), (25_001.0, 1.0)));
    paper.market.mark(FIRST, NOW, 30_000.0, Some((0.0001, NOW + 5 * MS)));
    let paid = paper.reports(NOW + 5 * MS);
    let short = |one: &Report| (fill(one).position_side, fill(one).fee.unwrap().0);
    let expected = [(Some(Long), amount("0.9")), (Some(Short), amount("-0.3"))];
    assert_eq!(paid.iter().map(short).collect::<Vec<_>>(), expected);
    // 0.2 more long than short: 999.4 less 1000 is less than both need.
    let at = NOW + 6 * MS;
    paper.market.mark(FIRST, at, 25_000.0, None);
    let heard = paper.heard(at + 2 * MS);
    let fills = heard.iter().filter_map(|one| match one {
        Heard::Report(report) => match &report.what {
            What::Fill(fill) => Some((fill.position_side, fill.side, fill.size)),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(
        fills.collect::<Vec<_>>(),
        [
            (Some(Long), OrderSide::Sell, amount("0.3")),
            (Some(Short), OrderSide::Buy, amount("0.1")),
        ]
    );
    assert_eq!(sides(&mut paper, at + 3 * MS), []);
}
