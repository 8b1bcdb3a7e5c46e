use std::collections::BTreeMap;

use rustonite_core::datasets::{
    Aggressor, InstrumentKind, Liquidity, OrderKind, OrderSide, OrderState, Tif,
};
use rustonite_core::ids::AssetId;

use super::{BestPrices, PaperMarket, PaperSettings, open};
use crate::gateway::testing::{ACCOUNT, FIRST, NOW, amount, directory, wish};
use crate::gateway::{Answer, Gateway, Heard, Question};
use crate::report::{Fill, RefusalKind, Report, What};
use crate::request::Request;
use crate::wish::{OrderId, Wish};

mod contracts;
mod restarts;

const MS: i64 = 1_000_000;
const BTC: AssetId = AssetId(0);
const USDT: AssetId = AssetId(1);

struct Paper {
    gateway: Box<dyn Gateway>,
    market: PaperMarket,
}

impl Paper {
    /// Somebody with money for one unit, at a market of 30000 to 30001 with half a unit each.
    fn open() -> Self {
        let (directory, _, account) =
            directory("binance", "BTCUSDT", InstrumentKind::Spot, "BTC", "USDT");
        let balances = BTreeMap::from([(USDT, amount("30000")), (BTC, amount("1"))]);
        let settings = PaperSettings {
            balances,
            maker_ppm: 1_000,
            taker_ppm: 2_000,
            delay_ns: 5 * MS,
            ..PaperSettings::default()
        };
        let (gateway, market) = open(directory, account, settings);
        market.best(FIRST, NOW, best((30_000.0, 0.5), (30_001.0, 0.5)));
        Self { gateway, market }
    }

    fn submit(&mut self, id: &str, wish: Wish, at: i64) -> Result<(), RefusalKind> {
        let request = Request::Submit { order: OrderId(1), client_id: id.into(), wish };
        self.gateway.write(&request, at).map(|_| ()).map_err(|refusal| refusal.reason)
    }

    fn replace(&mut self, (old, new): (&str, &str), price: &str, at: i64) {
        let request = Request::Replace {
            order: OrderId(1),
            instrument: FIRST,
            account: ACCOUNT,
            client_id: new.into(),
            client_id_prev: old.into(),
            venue_order_id: None,
            wish: Wish { price: Some(amount(price)), ..wish() },
            size_filled: amount("0"),
        };
        self.gateway.write(&request, at).unwrap();
    }

    fn cancel(&mut self, id: &str, at: i64) {
        let request = Request::Cancel {
            order: OrderId(1),
            instrument: FIRST,
            account: ACCOUNT,
            client_id: id.into(),
            venue_order_id: None,
        };
        self.gateway.write(&request, at).unwrap();
    }

    /// What is heard by a moment.
    fn heard(&mut self, until: i64) -> Vec<Heard> {
        self.market.until(until);
        let mut heard = Vec::new();
        self.gateway.read(0, b"", until, &mut heard).unwrap();
        heard
    }

    fn reports(&mut self, until: i64) -> Vec<Report> {
        let report = |heard| match heard {
            Heard::Report(report) => report,
            other => panic!("{other:?}"),
        };
        self.heard(until).into_iter().map(report).collect()
    }

    fn answer(&mut self, question: Question, at: i64) -> Answer {
        self.gateway.ask(question, at);
        match self.heard(at).pop() {
            Some(Heard::Answer(of, answer)) if of == question => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Free and locked.
    fn balance(&mut self, asset: AssetId, at: i64) -> (String, String) {
        let Answer::Balances(balances) = self.answer(Question::Balances, at) else { panic!() };
        let found = balances.into_iter().find(|one| one.asset == asset).unwrap();
        (found.available.to_string(), found.locked.to_string())
    }
}

fn best(bid: (f64, f64), ask: (f64, f64)) -> BestPrices {
    BestPrices { bid, ask }
}

fn buy(price: &str, size: &str) -> Wish {
    Wish { price: Some(amount(price)), size: amount(size), ..wish() }
}

fn fill(report: &Report) -> &Fill {
    match &report.what {
        What::Fill(fill) => fill,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_ready_at_once() {
    let mut paper = Paper::open();
    assert!(paper.gateway.start(NOW).is_empty());
    assert_eq!(paper.heard(NOW), [Heard::Ready]);
}

#[test]
fn an_order_waits_in_the_queue_and_is_filled_by_what_others_trade() {
    let mut paper = Paper::open();
    paper.submit("a", buy("30000", "0.1"), NOW).unwrap();
    assert_eq!(paper.market.next(), Some(NOW + 5 * MS));
    assert_eq!(paper.reports(NOW + 10 * MS - 1), []);
    let [accepted] = &paper.reports(NOW + 10 * MS)[..] else { panic!() };
    assert_eq!(accepted.what, What::Accepted);
    assert_eq!((accepted.ts_event, accepted.ts_recv), (NOW + 5 * MS, NOW + 10 * MS));
    assert_eq!(paper.balance(USDT, NOW + 10 * MS), ("27000".to_owned(), "3000".to_owned()));
    // Half a unit stands before us.
    let at = NOW + 20 * MS;
    paper.market.trade(FIRST, at, Aggressor::Sell, 30_000.0, 0.5);
    assert_eq!(paper.reports(at + 5 * MS), []);
    paper.market.trade(FIRST, at + 6 * MS, Aggressor::Sell, 30_000.0, 0.04);
    paper.market.trade(FIRST, at + 7 * MS, Aggressor::Sell, 30_000.0, 0.3);
    let reports = paper.reports(at + 12 * MS);
    let [first, last] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((first.ts_recv, last.ts_recv), (at + 11 * MS, at + 12 * MS));
    let (first, last) = (fill(first), fill(last));
    assert_eq!((first.size, last.size), (amount("0.04"), amount("0.06")));
    assert_eq!((first.price, first.liquidity), (amount("30000"), Liquidity::Maker));
    assert_eq!(last.fee, Some((amount("1.8"), USDT)));
    assert_ne!(first.fill_id, last.fill_id);
    // 3000 and 0.1 % of it.
    assert_eq!(paper.balance(USDT, at + 12 * MS), ("26997".to_owned(), "0".to_owned()));
    assert_eq!(paper.balance(BTC, at + 12 * MS), ("1.1".to_owned(), "0".to_owned()));
    let Answer::Reports(fills) = paper.answer(Question::Fills(FIRST, NOW), at + 12 * MS) else {
        panic!()
    };
    assert_eq!(fills.len(), 2);
}

#[test]
fn an_order_that_comes_takes_what_is_there_and_the_rest_ends() {
    let mut paper = Paper::open();
    let wish = Wish { tif: Some(Tif::Ioc), ..buy("30001", "0.7") };
    paper.submit("a", wish, NOW).unwrap();
    let reports = paper.reports(NOW + 10 * MS);
    let [accepted, filled, ended] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(accepted.what, What::Accepted);
    let filled = fill(filled);
    assert_eq!((filled.price, filled.size), (amount("30001"), amount("0.5")));
    assert_eq!(filled.fee, Some((amount("30.001"), USDT)));
    assert!(
        matches!(ended.what, What::Expired { size_filled: Some(size), .. } if size == amount("0.5"))
    );
    assert_eq!(paper.balance(BTC, NOW + 10 * MS).0, "1.5");
}

#[test]
fn a_market_order_that_finds_nobody_ends() {
    let mut paper = Paper::open();
    paper.market.best(FIRST, NOW, best((30_000.0, 0.5), (0.0, 0.0)));
    let wish = Wish { kind: OrderKind::Market, tif: None, price: None, ..buy("1", "0.1") };
    paper.submit("a", wish, NOW).unwrap();
    let reports = paper.reports(NOW + 10 * MS);
    let [_, ended] = &reports[..] else { panic!("{reports:?}") };
    assert!(
        matches!(ended.what, What::Expired { size_filled: Some(size), .. } if size == amount("0"))
    );
}

#[test]
fn a_change_has_the_new_name_and_a_cancel_ends_it() {
    let mut paper = Paper::open();
    paper.submit("a", buy("29000", "0.5"), NOW).unwrap();
    paper.reports(NOW + 10 * MS);
    paper.replace(("a", "b"), "29500", NOW + 10 * MS);
    let reports = paper.reports(NOW + 20 * MS);
    let [replaced] = &reports[..] else { panic!("{reports:?}") };
    let expected = What::Replaced { price: Some(amount("29500")), size: amount("0.5") };
    assert_eq!(replaced.what, expected);
    assert_eq!((&*replaced.client_id, replaced.client_id_prev.as_deref()), ("b", Some("a")));
    let Answer::Reports(open) = paper.answer(Question::OpenOrders, NOW + 20 * MS) else { panic!() };
    let [one] = &open[..] else { panic!("{open:?}") };
    assert!(matches!(&one.what, What::Picture(one) if one.state == OrderState::Accepted));
    paper.cancel("b", NOW + 20 * MS);
    let reports = paper.reports(NOW + 30 * MS);
    assert!(matches!(reports[..], [Report { what: What::Cancelled { .. }, .. }]), "{reports:?}");
    assert_eq!(paper.answer(Question::OpenOrders, NOW + 30 * MS), Answer::Reports(Vec::new()));
    assert_eq!(paper.balance(USDT, NOW + 30 * MS).1, "0");
}

#[test]
fn fills_of_an_order_are_no_answer_to_its_change() {
    let mut paper = Paper::open();
    paper.market.best(FIRST, NOW, best((30_000.0, 0.5), (30_000.5, 0.1)));
    // Each level gives a part.
    paper.submit("a", buy("30001", "0.2"), NOW).unwrap();
    paper.replace(("a", "b"), "29500", NOW + MS);
    let reports = paper.reports(NOW + 20 * MS);
    let [accepted, one, other, refused] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(accepted.what, What::Accepted);
    assert_eq!((fill(one).size, fill(other).size), (amount("0.1"), amount("0.1")));
    assert!(
        matches!(&refused.what, What::ReplaceRejected(why) if why.reason == RefusalKind::TooLate),
        "{refused:?}"
    );
}

#[test]
fn a_cancel_that_meets_a_fill_comes_too_late() {
    let mut paper = Paper::open();
    paper.submit("a", buy("30000", "0.1"), NOW).unwrap();
    paper.reports(NOW + 10 * MS);
    paper.cancel("a", NOW + 10 * MS);
    // The market falls through the order while the cancel is on its way.
    let at = NOW + 12 * MS;
    paper.market.trade(FIRST, at, Aggressor::Sell, 29_990.0, 2.0);
    let reports = paper.reports(NOW + 30 * MS);
    let [filled, refused] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(fill(filled).size, amount("0.1"));
    assert!(
        matches!(&refused.what, What::CancelRejected(why) if why.reason == RefusalKind::TooLate)
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let mut paper = Paper::open();
    let refused = |paper: &mut Paper, wish| paper.submit("x", wish, NOW).unwrap_err();
    assert_eq!(refused(&mut paper, buy("30000", "1.1")), RefusalKind::Balance);
    let sell = Wish { side: OrderSide::Sell, ..buy("30000", "1.1") };
    assert_eq!(refused(&mut paper, sell), RefusalKind::Balance);
    assert_eq!(refused(&mut paper, buy("30000.001", "0.1")), RefusalKind::Rules);
    assert_eq!(refused(&mut paper, buy("30000", "0.000001")), RefusalKind::Rules);
    let stop = Wish { kind: OrderKind::StopMarket, ..buy("30000", "0.1") };
    assert_eq!(refused(&mut paper, stop), RefusalKind::Rules);
    let taking = Wish { tif: Some(Tif::Gtx), ..buy("30001", "0.1") };
    paper.submit("a", taking, NOW).unwrap();
    let reports = paper.reports(NOW + 10 * MS);
    assert!(
        matches!(&reports[..], [Report { what: What::Rejected(why), .. }] if why.reason == RefusalKind::WouldTake),
        "{reports:?}"
    );
}

#[test]
fn an_order_that_nobody_placed_is_not_found() {
    let mut paper = Paper::open();
    let request = Request::Query {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: "x".into(),
        venue_order_id: None,
    };
    paper.gateway.write(&request, NOW).unwrap();
    assert!(matches!(paper.reports(NOW)[..], [Report { what: What::NotFound, .. }]));
}
