//! What an earlier run left, and books whose depth is known.

use super::*;
use crate::gateway::{BookPart as Part, Resting};

fn settings() -> PaperSettings {
    let balances = BTreeMap::from([(USDT, amount("30000")), (BTC, amount("1"))]);
    PaperSettings { balances, delay_ns: MS, ..PaperSettings::default() }
}

fn opened(settings: PaperSettings) -> Paper {
    let (directory, _, account) =
        directory("binance", "BTCUSDT", InstrumentKind::Spot, "BTC", "USDT");
    let (gateway, market) = open(directory, account, settings);
    Paper { gateway, market }
}

#[test]
fn orders_of_an_earlier_run_go_on() {
    let resting = Resting {
        client_id: "a".into(),
        venue_order_id: Some("7".into()),
        wish: Wish { tif: Some(Tif::Gtx), ..buy("29000", "0.5") },
        filled: (amount("0.2"), amount("28990")),
    };
    let mut paper = opened(PaperSettings { resting: vec![resting], start: NOW, ..settings() });
    // It comes behind those that the first price shows.
    paper.market.best(FIRST, NOW, best((29_000.0, 0.4), (30_001.0, 0.5)));
    assert_eq!(paper.heard(NOW + 2 * MS), [], "that it rests is known");
    let Answer::Reports(open) = paper.answer(Question::OpenOrders, NOW + 2 * MS) else { panic!() };
    let [one] = &open[..] else { panic!("{open:?}") };
    assert_eq!((&*one.client_id, one.venue_order_id.as_deref()), ("a", Some("7")));
    let What::Picture(picture) = &one.what else { panic!("{one:?}") };
    assert_eq!((picture.size, picture.size_filled), (amount("0.5"), amount("0.2")));
    assert_eq!(picture.state, OrderState::PartiallyFilled);
    assert_eq!(paper.balance(USDT, NOW + 2 * MS).1, "8700");
    // Smaller, with what was filled before counted in.
    let smaller = Request::Replace {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: "b".into(),
        client_id_prev: "a".into(),
        venue_order_id: None,
        wish: buy("29000", "0.3"),
        size_filled: amount("0.2"),
    };
    paper.gateway.write(&smaller, NOW + 2 * MS).unwrap();
    paper.reports(NOW + 10 * MS);
    paper.market.trade(FIRST, NOW + 11 * MS, Aggressor::Sell, 29_000.0, 0.4);
    assert_eq!(paper.reports(NOW + 13 * MS), []);
    paper.market.trade(FIRST, NOW + 14 * MS, Aggressor::Sell, 29_000.0, 1.0);
    let [last] = &paper.reports(NOW + 20 * MS)[..] else { panic!("it is filled once") };
    let filled = fill(last);
    assert_eq!((filled.size, filled.size_filled), (amount("0.1"), Some(amount("0.3"))));
    // No fill or order of another run has its number.
    assert!(filled.fill_id.parse::<i64>().unwrap() > NOW / MS);
}

#[test]
fn a_queue_that_is_known_is_waited_in() {
    let mut paper = opened(settings());
    let level = |paper: &Paper, at, price, size, part| {
        paper.market.level(FIRST, at, OrderSide::Buy, price, size, part);
    };
    level(&paper, NOW, 30_000.0, 0.5, Part::Picture);
    level(&paper, NOW, 29_990.0, 0.4, Part::PictureEnd);
    // Best prices are no news where the depth is.
    paper.market.best(FIRST, NOW, best((29_990.0, 9.0), (30_001.0, 1.0)));
    paper.submit("a", buy("29990", "0.1"), NOW).unwrap();
    paper.reports(NOW + 2 * MS);
    // Somebody came behind, and the best price was taken away.
    level(&paper, NOW + 3 * MS, 29_990.0, 0.7, Part::Change);
    level(&paper, NOW + 4 * MS, 30_000.0, 0.0, Part::Change);
    paper.market.trade(FIRST, NOW + 5 * MS, Aggressor::Sell, 29_990.0, 0.4);
    assert_eq!(paper.reports(NOW + 7 * MS), [], "those who stood there came first");
    paper.market.trade(FIRST, NOW + 8 * MS, Aggressor::Sell, 29_990.0, 0.05);
    let [first] = &paper.reports(NOW + 10 * MS)[..] else { panic!("its turn has come") };
    assert_eq!(fill(first).size, amount("0.05"));
}

#[test]
fn a_picture_takes_away_what_is_not_in_it_and_keeps_places() {
    let mut paper = opened(settings());
    let level = |paper: &Paper, at, price, size, part| {
        paper.market.level(FIRST, at, OrderSide::Sell, price, size, part);
    };
    level(&paper, NOW, 30_001.0, 0.3, Part::Picture);
    level(&paper, NOW, 30_002.0, 0.3, Part::PictureEnd);
    let sell = Wish { side: OrderSide::Sell, ..buy("30002", "0.1") };
    paper.submit("a", sell, NOW).unwrap();
    paper.reports(NOW + 2 * MS);
    level(&paper, NOW + 3 * MS, 0.0, 0.0, Part::Picture);
    level(&paper, NOW + 3 * MS, 30_002.0, 0.3, Part::PictureEnd);
    paper.market.trade(FIRST, NOW + 4 * MS, Aggressor::Buy, 30_002.0, 0.3);
    assert_eq!(paper.reports(NOW + 6 * MS), [], "its place is behind them still");
    // At the level that went nobody sells any more.
    let take = Wish { tif: Some(Tif::Ioc), ..buy("30001", "0.1") };
    paper.submit("b", take, NOW + 6 * MS).unwrap();
    let reports = paper.reports(NOW + 10 * MS);
    assert!(reports.iter().all(|one| !matches!(one.what, What::Fill(_))), "{reports:?}");
}

#[test]
fn an_order_of_an_earlier_run_can_be_cancelled_before_the_first_price() {
    let resting = Resting {
        client_id: "a".into(),
        venue_order_id: None,
        wish: buy("29000", "0.5"),
        filled: (amount("0"), amount("0")),
    };
    let mut paper = opened(PaperSettings { resting: vec![resting], start: NOW, ..settings() });
    paper.cancel("a", NOW + MS);
    let reports = paper.reports(NOW + 5 * MS);
    assert!(matches!(reports[..], [Report { what: What::Cancelled { .. }, .. }]), "{reports:?}");
    assert_eq!(paper.balance(USDT, NOW + 5 * MS).1, "0");
}

fn left(name: &str, wish: Wish) -> Resting {
    let filled = (amount("0.1"), amount("29000"));
    Resting { client_id: name.into(), venue_order_id: Some(name.into()), wish, filled }
}

#[test]
fn what_would_not_have_stayed_has_ended_and_says_so() {
    let tif = |tif| Wish { tif: Some(tif), ..buy("29000", "0.5") };
    let until = |end| Wish { ts_expire: Some(end), ..tif(Tif::Gtd) };
    let market = Wish { kind: OrderKind::Market, tif: None, price: None, ..buy("1", "0.5") };
    let resting = vec![
        left("ioc", tif(Tif::Ioc)),
        left("fok", tif(Tif::Fok)),
        left("market", market),
        left("over", until(NOW)),
        left("stays", until(NOW + 50 * MS)),
    ];
    let mut paper = opened(PaperSettings { resting, start: NOW, ..settings() });
    let ended = |reports: Vec<Report>| -> Vec<Box<str>> {
        let is_end = |one: &Report| {
            let size = amount("0.1");
            matches!(one.what, What::Expired { size_filled: Some(filled), .. } if filled == size)
        };
        assert!(reports.iter().all(is_end), "{reports:?}");
        reports.into_iter().map(|one| one.client_id).collect()
    };
    let names = ended(paper.reports(NOW));
    assert_eq!(
        names.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        ["ioc", "fok", "market", "over"]
    );
    let Answer::Reports(open) = paper.answer(Question::OpenOrders, NOW) else { panic!() };
    assert_eq!(open.iter().map(|one| &*one.client_id).collect::<Vec<_>>(), ["stays"]);
    paper.market.best(FIRST, NOW + 60 * MS, best((29_000.0, 0.4), (30_001.0, 0.5)));
    assert_eq!(&*ended(paper.reports(NOW + 70 * MS))[0], "stays", "its time was over before");
    assert_eq!(paper.answer(Question::OpenOrders, NOW + 70 * MS), Answer::Reports(Vec::new()));
}

#[test]
fn an_order_that_does_not_fit_any_more_ends() {
    let resting = vec![left("odd", buy("29000.001", "0.5"))];
    let mut paper = opened(PaperSettings { resting, start: NOW, ..settings() });
    paper.market.best(FIRST, NOW, best((29_000.0, 0.4), (30_001.0, 0.5)));
    let reports = paper.reports(NOW + 2 * MS);
    assert!(
        matches!(&reports[..], [Report { what: What::Expired { refusal: Some(why), .. }, .. }]
            if why.reason == RefusalKind::Rules),
        "{reports:?}"
    );
}

#[test]
fn a_level_that_goes_before_its_trade_is_told_is_not_ours() {
    let mut paper = opened(PaperSettings { late_ns: 100 * MS, ..settings() });
    paper.market.best(FIRST, NOW, best((30_000.0, 0.5), (30_001.0, 0.5)));
    paper.submit("a", buy("30000", "0.1"), NOW).unwrap();
    paper.reports(NOW + 2 * MS);
    let at = NOW + 10 * MS;
    paper.market.best(FIRST, at, best((29_999.0, 2.0), (30_001.0, 0.5)));
    // One that comes in between has not been there.
    paper.submit("b", buy("30000", "0.2"), at).unwrap();
    paper.market.trade(FIRST, at + 2 * MS, Aggressor::Sell, 30_000.0, 0.5);
    let reports = paper.reports(at + 5 * MS);
    assert!(matches!(reports[..], [Report { what: What::Accepted, .. }]), "{reports:?}");
    paper.market.trade(FIRST, at + 6 * MS, Aggressor::Sell, 30_000.0, 0.3);
    let reports = paper.reports(at + 10 * MS);
    let sizes: Vec<_> = reports.iter().map(|one| fill(one).size).collect();
    assert_eq!(sizes, [amount("0.1"), amount("0.2")]);
}
