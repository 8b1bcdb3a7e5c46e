//! What venues do and clients get wrong, one at a time, against a recorder that runs: at Binance.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "a failing test should panic, and one that is left out should say so"
)]

mod rig;

use rig::{BINANCE, Event, Record, Rig, Setup, each, whole};
use rustonite_feed::server::{Fault, Planned, hex};

#[test]
fn without_faults_all_is_there() {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        let record = rig.finish_undisturbed();
        for symbol in rig.symbols.clone() {
            assert_eq!(record.pictures(symbol), 1);
            let first: std::collections::BTreeSet<_> =
                record.of("first_data", symbol).map(|event| event.dataset.clone()).collect();
            assert_eq!(first.len(), 3, "{}", record.told());
            assert_eq!(record.of("first_data", symbol).count(), 3, "{}", record.told());
        }
        assert_eq!(record.instruments.len(), 2);
        assert!(!record.quotes.is_empty());
    });
}

/// A fault of one message of one book.
fn one_book(fault: &Fault, kinds: &[&str], others: bool) {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        let [hit, other] = rig.symbols[..] else { panic!() };
        rig.fault(Planned::on(hit, fault.clone()));
        rig.until("the fault has met", |rig| rig.server.faults_waiting() == 0);
        for kind in kinds {
            rig.until_told(kind, Some(hit));
        }
        let record = rig.finish_whole();
        if others {
            rig.assert_undisturbed(&record, other);
        }
        if kinds.is_empty() {
            rig.assert_undisturbed(&record, hit);
        }
        if kinds.contains(&"gap") {
            record.assert_gap_is_framed(hit);
        }
    });
}

#[test]
fn a_dropped_message_is_a_gap_of_one_book() {
    one_book(&Fault::Drop, &["gap", "resync", "snapshot"], true);
}

#[test]
fn a_doubled_message_changes_nothing() {
    one_book(&Fault::Duplicate, &["duplicate"], true);
}

#[test]
fn messages_in_the_wrong_order_are_a_gap() {
    one_book(&Fault::Reorder, &["gap"], true);
}

#[test]
fn a_late_message_is_a_gap() {
    one_book(&Fault::Delay { ms: 300 }, &["gap"], true);
}

#[test]
fn keys_in_another_order_and_unknown_fields_are_read() {
    one_book(&Fault::Reorganise, &[], true);
}

#[test]
fn exponents_are_read() {
    one_book(&Fault::Exponents, &[], true);
}

#[test]
fn an_empty_update_is_no_loss() {
    one_book(&Fault::KeepAlive, &[], true);
}

#[test]
fn a_level_that_nobody_announced_may_go() {
    one_book(&Fault::DeleteUnknown, &[], true);
}

/// A fault of a whole connection, after which all books come again.
fn one_connection(fault: &Fault, kind: &str, detail: &str, change: impl Fn(Setup) -> Setup + Sync) {
    each(&BINANCE, |setup| {
        let mut rig = whole(change(setup));
        let old = rig.server.clients()[0].number;
        rig.fault(Planned::any(fault.clone()));
        rig.until("another connection is there", |rig| {
            rig.server.clients().iter().any(|client| client.number > old)
        });
        rig.until_told(kind, None);
        let record = rig.finish_whole();
        rig.symbols.iter().for_each(|symbol| record.assert_gap_is_framed(symbol));
        let told = |event: &Event| {
            event.kind == kind && event.detail.as_deref().unwrap_or_default().contains(detail)
        };
        assert!(record.events.iter().any(told), "{detail}\n{}", record.told());
    });
}

#[test]
fn a_connection_that_breaks_is_opened_again() {
    one_connection(&Fault::Cut, "disconnect", "", |setup| setup);
}

#[test]
fn a_connection_that_is_closed_is_opened_again() {
    one_connection(&Fault::Close { code: 1012 }, "disconnect", "1012", |setup| setup);
}

#[test]
fn a_venue_that_is_overloaded_is_left_and_tried_again() {
    one_connection(&Fault::Close { code: 1013 }, "disconnect", "1013", |setup| setup);
}

#[test]
fn data_that_stop_behind_signs_of_life_are_noticed() {
    one_connection(&Fault::StopData, "disconnect", "silent", |mut setup| {
        setup.server.heartbeat = std::time::Duration::from_millis(100);
        setup.silence(3, 1)
    });
}

#[test]
fn a_connection_on_which_nothing_comes_is_given_up() {
    one_connection(&Fault::Freeze, "disconnect", "nothing received for 1 s", |setup| {
        setup.sockets(|socket| socket.idle_s = 1)
    });
}

#[test]
fn a_recorder_that_starts_again_knows_which_trades_it_missed() {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        for _ in 0..2 {
            rig.record_again(200);
            rig.until_whole();
            rig.run_on(300);
        }
        let record = rig.finish();
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
            rig.assert_trades(&record, symbol);
            let of_trades = |event: &&Event| event.dataset.as_deref() == Some("trades");
            let gaps: Vec<_> = record.of("gap", symbol).filter(of_trades).collect();
            assert_eq!(gaps.len(), 2, "{}", record.told());
            let lasted =
                |gap: &Event| gap.span.is_some_and(|(from, to)| to.unwrap() - from > 200_000_000);
            assert!(gaps.iter().all(|gap| lasted(gap)), "{gaps:#?}");
        }
    });
}

#[test]
fn compression_is_offered_where_it_is_asked_for() {
    for (feed, compressed) in [("", false), ("compression = true", true)] {
        let mut setup = Setup::new("binance", &["BTCUSDT", "ETHUSDT"]);
        feed.clone_into(&mut setup.feed);
        let mut rig = whole(setup);
        assert!(rig.server.clients().iter().all(|client| client.compressed == compressed));
        let record = rig.finish();
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
            rig.assert_trades(&record, symbol);
        }
    }
}

#[test]
fn the_clock_of_the_venue_is_compared_with_ours() {
    const AHEAD: i64 = 7_000_000_000;
    each(&BINANCE, |mut setup| {
        setup.market.clock_ahead_ns = AHEAD;
        let mut rig = whole(setup);
        rig.until_told("clock_offset", None);
        let record = rig.finish();
        let value = |kind: &str| record.events.iter().find(|one| one.kind == kind)?.value;
        let (offset, trip) = (value("clock_offset").unwrap(), value("latency").unwrap());
        assert!(
            trip > 0 && (offset - AHEAD).abs() <= i64::midpoint(trip, 1_000_000),
            "{offset} {trip}"
        );
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
        }
    });
}

#[test]
fn what_we_send_is_no_sign_of_life() {
    let mut setup = Setup::new("bybit-linear", &["BTCUSDT", "ETHUSDT"]);
    "datasets = [\"trades\", \"book_deltas\"]".clone_into(&mut setup.feed);
    let rig = whole(setup.silence(0, 0).sockets(|socket| {
        (socket.ping_s, socket.idle_s) = (1, 0);
    }));
    rig.fault(Planned::any(Fault::Freeze));
    rig.until("the fault has met", |rig| rig.server.faults_waiting() == 0);
    rig.run_on(300);
    let frozen = rig.status();
    rig.until("pings were sent", |rig| rig.status().frames > frozen.frames + 1);
    assert_eq!(rig.status().ts_last, frozen.ts_last);
}

#[test]
fn an_acknowledged_topic_that_stays_silent_is_asked_for_again() {
    each(&BINANCE, |setup| {
        let [hit, other] = setup.symbols[..] else { panic!() };
        let mut rig = setup.silence(2, 8).with(Planned::on(hit, Fault::Silence).times(3)).start();
        rig.until_told("silence", Some(hit));
        let record = rig.finish_whole();
        rig.assert_undisturbed(&record, other);
        assert_eq!(record.count("disconnect"), 1, "{}", record.told());
    });
}

#[test]
fn a_topic_that_is_refused_is_named_and_the_others_go_on() {
    each(&BINANCE, |setup| {
        let [hit, other] = setup.symbols[..] else { panic!() };
        let mut setup = setup.with(Planned::on(hit, Fault::Refuse).times(1_000));
        setup.server.begin_after = 3;
        let mut rig = setup.start();
        let record = rig.finish_with_one_refused(hit, other);
        let channels: std::collections::BTreeSet<_> =
            record.of("refused", hit).filter_map(|event| event.channel.clone()).collect();
        let wanted = ["bookTicker", "depth@100ms", "trade"].map(str::to_owned);
        assert_eq!(channels, wanted.into(), "{}", record.told());
        assert_eq!(record.count("disconnect"), 1);
    });
}

/// A picture by REST that does not come as it should, after a loss.
fn one_picture(fault: &Fault, kind: Option<(&str, i64)>) {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        let [hit, other] = rig.symbols[..] else { panic!() };
        rig.fault(Planned::on(hit, fault.clone()));
        rig.fault(Planned::on(hit, Fault::Drop));
        rig.until("the faults have met", |rig| rig.server.faults_waiting() == 0);
        rig.until_told("gap", Some(hit));
        let record = rig.finish_whole();
        rig.assert_undisturbed(&record, other);
        record.assert_gap_is_framed(hit);
        if let Some((kind, status)) = kind {
            let told = |event: &Event| event.kind == kind && event.value == Some(status);
            assert!(record.events.iter().any(told), "{}", record.told());
        }
    });
}

#[test]
fn a_picture_that_comes_late_meets_what_waited() {
    one_picture(&Fault::RestLate { ms: 700 }, None);
}

#[test]
fn a_picture_that_is_too_old_is_asked_for_again() {
    one_picture(&Fault::RestStale, None);
}

#[test]
fn a_venue_that_wants_us_slower_is_obeyed() {
    let slow = |status| Fault::RestStatus { status, retry_after_s: Some(1) };
    one_picture(&slow(429), Some(("rate_limited", 429)));
}

#[test]
fn a_venue_that_shuts_us_out_is_left_alone() {
    let out = |status| Fault::RestStatus { status, retry_after_s: Some(1) };
    one_picture(&out(418), Some(("banned", 418)));
}

#[test]
fn a_venue_that_fails_is_tried_again() {
    let fails = |status| Fault::RestStatus { status, retry_after_s: None };
    one_picture(&fails(502), Some(("venue_error", 502)));
}

/// What happens to one connection of several, or is planned, costs nothing.
fn nothing_is_lost(setup: Setup, happen: impl Fn(&Rig)) -> (Rig, Record) {
    let mut rig = whole(setup);
    happen(&rig);
    rig.until_whole();
    let record = rig.finish_undisturbed();
    (rig, record)
}

fn another_takes_over(rig: &Rig) {
    let old = rig.server.clients()[0].number;
    rig.until("another connection is the only one", |rig| {
        let clients = rig.server.clients();
        clients.len() == 1 && clients[0].number > old
    });
}

#[test]
fn an_announced_end_costs_nothing() {
    each(&BINANCE, |setup| {
        let (_, record) = nothing_is_lost(setup, |rig| {
            rig.fault(Planned::any(Fault::Farewell));
            another_takes_over(rig);
        });
        assert_eq!(record.count("shutdown_announced"), 1);
    });
}

#[test]
fn the_end_of_a_connections_life_costs_nothing() {
    each(&BINANCE, |mut setup| {
        setup.server.lifetime = Some(std::time::Duration::from_secs(4));
        let setup = setup.sockets(|socket| socket.lifetime_s = 4);
        nothing_is_lost(setup, another_takes_over);
    });
}

#[test]
fn one_of_two_copies_may_break() {
    each(&BINANCE, |mut setup| {
        setup.feed = "copies = 2".to_owned();
        setup.server.begin_after *= 3;
        let (_, record) = nothing_is_lost(setup, |rig| {
            rig.fault(Planned::any(Fault::Cut).at(1));
            rig.until("it is there again", |rig| {
                let clients = rig.server.clients();
                clients.len() == 2 && clients.iter().all(|client| client.topics.len() == 6)
            });
        });
        assert!(record.count("duplicate") > 0);
    });
}

#[test]
fn repeated_trades_are_there_once() {
    each(&BINANCE, |setup| {
        let (rig, record) = nothing_is_lost(setup, |rig| {
            rig.fault(Planned::on(rig.symbols[0], Fault::RepeatTrades));
        });
        assert!(record.of("duplicate", rig.symbols[0]).count() > 0);
    });
}

#[test]
fn trades_that_never_come_are_counted() {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        let [hit, other] = rig.symbols[..] else { panic!() };
        rig.fault(Planned::on(hit, Fault::SkipTrades { count: 3 }));
        rig.until_told("gap", Some(hit));
        rig.run_on(1100);
        let record = rig.finish();
        assert_eq!(record.missing_trades(hit).len(), 3);
        let gap = record.of("gap", hit).next().unwrap();
        assert_eq!((gap.dataset.as_deref(), gap.missing), (Some("trades"), Some(3)));
        rig.assert_trades(&record, hit);
        rig.assert_true_book(&record, hit);
        rig.assert_undisturbed(&record, other);
    });
}

#[test]
fn messages_that_make_no_sense_are_kept_and_told() {
    let unknown = r#"{"e":"newThing","E":1,"id":9007199254740993}"#;
    let large = format!(r#"{{"e":"newThing","x":"{}"}}"#, "x".repeat(6 << 20));
    let gb18030 = [b"{\"e\":\"newThing\",\"x\":\"".as_slice(), &[0xc6, 0xd6], b"\"}"].concat();
    each(&BINANCE, |mut setup| {
        setup.segment_bytes = 32 << 20;
        let (_, record) = nothing_is_lost(setup, |rig| {
            let text = |bytes: &[u8]| Planned::any(Fault::Text { hex: hex(bytes) });
            let binary = |bytes: &[u8]| Planned::any(Fault::Binary { hex: hex(bytes) });
            rig.fault(text(b"pong"));
            rig.fault(text(b"Websocket connection established."));
            rig.fault(text(unknown.as_bytes()));
            rig.fault(binary(unknown.as_bytes()));
            rig.fault(binary(&gb18030));
            rig.fault(text(large.as_bytes()));
            rig.until("all have come", |rig| {
                rig.status().unknown >= 3 && rig.status().malformed >= 2
            });
        });
        assert!(record.count("malformed") >= 2, "{}", record.told());
        let unknown: i64 = record
            .events
            .iter()
            .filter(|event| event.kind == "unknown_message")
            .filter_map(|event| event.count)
            .sum();
        assert!(unknown >= 3, "{}", record.told());
    });
}

#[test]
fn a_frame_that_finds_no_place_costs_nothing_else() {
    let large = format!(r#"{{"e":"newThing","x":"{}"}}"#, "x".repeat(6 << 20));
    each(&BINANCE[..1], |setup| {
        let (_, record) = nothing_is_lost(setup, |rig| {
            rig.fault(Planned::any(Fault::Text { hex: hex(large.as_bytes()) }));
            rig.until("it has come", |rig| rig.status().unknown >= 1);
        });
        let dropped: Vec<_> =
            record.events.iter().filter(|event| event.kind == "dropped").collect();
        assert_eq!(dropped.len(), 1, "{}", record.told());
        assert_eq!((dropped[0].dataset.as_deref(), dropped[0].count), (Some("frames"), Some(1)));
    });
}

#[test]
fn a_venues_clock_may_be_wrong() {
    for ahead_ns in [5_000_000_000, -5_000_000_000] {
        each(&BINANCE, |mut setup| {
            setup.market.clock_ahead_ns = ahead_ns;
            nothing_is_lost(setup, |_| {});
        });
    }
}

#[test]
fn a_wrong_symbol_is_named_and_disturbs_nobody() {
    each(&BINANCE, |mut setup| {
        let mut asked = setup.symbols.clone();
        asked.push("WRONG");
        setup.asked = Some(asked);
        let mut rig = setup.silence(2, 8).start();
        rig.until_told("refused", Some("WRONG"));
        rig.until("books are whole", |rig| rig.status().books_live == 2);
        rig.run_on(6000);
        let record = rig.finish();
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
            rig.assert_undisturbed(&record, symbol);
        }
        assert_eq!(record.count("disconnect"), 1, "{}", record.told());
    });
}

#[test]
fn instruments_come_and_go_while_it_runs() {
    each(&BINANCE, |mut setup| {
        let [first, second] = setup.symbols[..] else { panic!() };
        setup.asked = Some(vec![first]);
        setup.server.begin_after = 3;
        let mut rig = setup.start();
        rig.until("the first book is whole", |rig| rig.status().books_live == 1);
        rig.run_on(300);
        rig.recorder().reload(&rig.config(&[first, second])).unwrap();
        rig.until_whole();
        rig.run_on(300);
        rig.recorder().reload(&rig.config(&[second])).unwrap();
        rig.until_told("unsubscribe", Some(first));
        rig.run_on(300);
        rig.recorder().reload(&rig.config(&[first, second])).unwrap();
        rig.until_whole();
        rig.run_on(1100);
        let record = rig.finish();
        rig.assert_true_book(&record, first);
        rig.assert_true_book(&record, second);
        rig.assert_undisturbed(&record, second);
        rig.assert_trades(&record, first);
        assert_eq!(record.count("connect"), 1, "{}", record.told());
    });
}

#[test]
fn what_was_received_is_kept_when_it_stops() {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        rig.recorder.take().unwrap().stop().unwrap();
        let record = Record::read(&rig.tapes(), rig.venue);
        let events: Vec<_> = record.events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(events.last(), Some(&"stop"));
        assert_eq!(record.count("gap"), 0, "{}", record.told());
        for symbol in rig.symbols.clone() {
            assert!(record.trade_ids(symbol).len() > 5);
            assert!(!record.book(symbol).is_empty());
        }
    });
}
