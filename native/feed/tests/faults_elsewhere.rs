//! What other venues do and clients get wrong, against a recorder that runs.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "a failing test should panic, and one that is left out should say so"
)]

mod rig;

use rig::{OTHERS, Setup, checked, each, whole};
use rustonite_feed::server::{Fault, Planned, hex};

/// Kraken's checksums cover ten levels: what is lost further away shows nowhere.
fn shallow(mut setup: Setup) -> Setup {
    for channel in setup.catalog.channels.iter_mut().filter(|one| one.name == "book-100") {
        "book-10".clone_into(&mut channel.name);
        setup.market.channel = Some("book-10".to_owned());
    }
    setup
}

#[test]
fn without_faults_all_is_there_at_other_venues() {
    each(&OTHERS, |setup| {
        let has_quotes = setup.catalog.channel_of("quotes").is_some();
        let record = whole(setup).finish_undisturbed();
        assert_eq!(!record.quotes.is_empty(), has_quotes);
    });
}

#[test]
fn a_dropped_message_costs_one_book_at_other_venues() {
    each(&checked(), |setup| {
        let mut rig = whole(shallow(setup));
        let [hit, other] = rig.symbols[..] else { panic!() };
        // One alone may be made good by the next, which shows in no checksum.
        rig.fault(Planned::on(hit, Fault::Drop).times(3));
        rig.until_told("resync", Some(hit));
        let record = rig.finish_whole();
        rig.assert_undisturbed(&record, other);
    });
}

#[test]
fn connections_that_break_are_opened_again_at_other_venues() {
    each(&OTHERS, |setup| {
        let mut rig = whole(setup);
        let old = rig.server.clients()[0].number;
        rig.fault(Planned::any(Fault::Cut));
        rig.until_told("disconnect", None);
        rig.until("another connection is there", |rig| {
            rig.server.clients().iter().any(|client| client.number > old)
        });
        rig.until_whole();
        rig.run_on(1100);
        let record = rig.finish();
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
            assert!(record.of(rig.best_word(), symbol).count() > 0, "{}", record.told());
            let ids = record.trade_ids(symbol);
            let unique: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(ids.len(), unique.len(), "{symbol}: a trade is there twice");
        }
    });
}

#[test]
fn a_topic_is_refused_at_other_venues() {
    // Coinbase Advanced does not say what it refuses.
    let venues: Vec<_> =
        OTHERS.into_iter().filter(|(venue, _)| *venue != "coinbase-advanced").collect();
    each(&venues, |setup| {
        let [hit, other] = setup.symbols[..] else { panic!() };
        let mut setup = setup.with(Planned::on(hit, Fault::Refuse).times(1_000));
        setup.server.begin_after = 2;
        setup.start().finish_with_one_refused(hit, other);
    });
}

#[test]
fn counters_that_begin_anew_are_no_loss() {
    let venues: Vec<_> = checked()
        .into_iter()
        .filter(|(venue, _)| venue.starts_with("bybit") || *venue == "okx")
        .collect();
    each(&venues, |setup| {
        let mut rig = whole(setup);
        let [hit, other] = rig.symbols[..] else { panic!() };
        rig.fault(Planned::on(hit, Fault::Restart));
        rig.until_told("restart", Some(hit));
        rig.fault(Planned::on(hit, Fault::KeepAlive));
        rig.run_on(1300);
        let record = rig.finish();
        rig.assert_true_book(&record, hit);
        rig.assert_undisturbed(&record, other);
        assert_eq!(record.of("gap", hit).count(), 0, "{}", record.told());
    });
}

#[test]
fn a_book_is_cut_where_the_venue_leaves_it_to_us() {
    each(&[("kraken", ["BTC/USD", "ETH/USD"])], |setup| {
        let mut rig = whole(shallow(setup));
        let record = rig.finish_undisturbed();
        rig.symbols.iter().for_each(|symbol| assert_eq!(record.book(symbol).len(), 20));
    });
}

#[test]
fn a_dropped_message_costs_the_connection_where_the_connection_counts() {
    let venues = ["bitfinex", "coinbase-advanced"];
    let venues: Vec<_> = OTHERS.into_iter().filter(|(venue, _)| venues.contains(venue)).collect();
    each(&venues, |setup| {
        let mut rig = whole(setup);
        rig.fault(Planned::on(rig.symbols[0], Fault::Drop));
        rig.until_told("disconnect", None);
        rig.until_whole();
        rig.run_on(1100);
        let record = rig.finish();
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
        }
        let gap = record.events.iter().find(|event| event.kind == "gap" && event.symbol.is_none());
        assert_eq!(gap.and_then(|gap| gap.missing), Some(1), "{}", record.told());
    });
}

const BYBIT: (&str, [&str; 2]) = ("bybit-linear", ["BTCUSDT", "ETHUSDT"]);

#[test]
fn pings_of_ours_do_not_hide_that_nothing_comes() {
    each(&[BYBIT], |mut setup| {
        let [first, second] = setup.symbols[..] else { panic!() };
        setup.asked = Some(vec![first]);
        setup.server.begin_after = 3;
        let setup = setup.silence(3, 0);
        let rig = setup.sockets(|socket| (socket.ping_s, socket.idle_s) = (1, 0)).start();
        rig.until("its book is whole", |rig| rig.status().books_live == 1);
        rig.fault(Planned::any(Fault::Freeze));
        rig.until("the fault has met", |rig| rig.server.faults_waiting() == 0);
        rig.recorder().reload(&rig.config(&[first, second])).unwrap();
        rig.until_told("silence", Some(second));
    });
}

#[test]
fn a_book_that_was_rebuilt_may_be_silent_once() {
    each(&[BYBIT], |setup| {
        let [hit, other] = setup.symbols[..] else { panic!() };
        let mut rig = whole(setup.silence(2, 8));
        rig.fault(Planned::on(hit, Fault::Silence));
        rig.fault(Planned::on(hit, Fault::Drop));
        rig.until_told("silence", Some(hit));
        let record = rig.finish_whole();
        rig.assert_undisturbed(&record, other);
        assert_eq!(record.count("disconnect"), 1, "{}", record.told());
    });
}

#[test]
fn a_channel_that_is_refused_later_is_not_asked_for_in_parts() {
    each(&[("coinbase", ["BTC-USD", "ETH-USD"])], |setup| {
        let rig = whole(setup);
        let refused = r#"{"type":"error","message":"Failed to subscribe","reason":"level2_batch is not a valid channel"}"#;
        rig.fault(Planned::any(Fault::Text { hex: hex(refused.as_bytes()) }));
        rig.until("the fault has met", |rig| rig.server.faults_waiting() == 0);
        let mut rig = rig;
        let record = rig.finish_undisturbed();
        rig.symbols.iter().for_each(|symbol| assert_eq!(record.pictures(symbol), 1));
    });
}

#[test]
fn an_announced_end_is_prepared_for_until_that_works() {
    each(&[("binance", ["BTCUSDT", "ETHUSDT"])], |setup| {
        let rig = whole(setup);
        let old = rig.server.clients()[0].number;
        rig.fault(Planned { connection: Some(old + 1), ..Planned::any(Fault::Cut) });
        rig.fault(Planned::any(Fault::Farewell).at(old));
        rig.until("another one than the one that was cut has taken over", |rig| {
            let clients = rig.server.clients();
            clients.len() == 1 && clients[0].number > old + 1
        });
    });
}
