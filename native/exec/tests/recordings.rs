//! Messages that venues really sent, read by their gateways.
#![allow(clippy::print_stderr, reason = "a skipped test must be seen")]

use std::path::PathBuf;
use std::sync::Arc;

use rustonite_core::datasets::{FillKind, InstrumentKind, InstrumentStatus};
use rustonite_core::instrument::Instrument;
use rustonite_core::{Amount, Decimal};
use rustonite_exec::gateway::{Gateway, Heard, Keys, connect};
use rustonite_exec::{Directory, Fill, Report, What};

fn amount(text: &str) -> Amount {
    let number: Decimal = text.parse().expect("a number");
    Amount::from_decimal(number).expect("an amount")
}

/// A recording; says so and returns `None` if it is not there.
fn recording(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let folder = std::env::var_os("RUSTONITE_FIXTURES").unwrap_or_else(|| beside.into());
    let path = PathBuf::from(folder).join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: no recording {}; set RUSTONITE_FIXTURES", path.display());
    }
    text
}

fn gateway(venue: &str, listed: &[(&str, &str, &str)]) -> Box<dyn Gateway> {
    let kind = if venue == "binance" { InstrumentKind::Spot } else { InstrumentKind::Perpetual };
    let mut directory = Directory::default();
    for (symbol, base, quote) in listed {
        directory.list(Instrument {
            venue: venue.into(),
            symbol: (*symbol).into(),
            kind,
            contract: None,
            base: (*base).into(),
            quote: (*quote).into(),
            settle: (*quote).into(),
            tick: amount("0.01"),
            lot: amount("0.001"),
            multiplier: amount("1"),
            price: (None, None),
            size: (None, None),
            market_size_max: None,
            notional: (None, None),
            status: InstrumentStatus::Trading,
        });
    }
    let account = directory.add_account("main");
    let word = |text: &str| text.to_owned();
    let keys = Keys { key: word("key"), secret: word("secret"), passphrase: word("pass") };
    let connected = connect(venue, Arc::new(directory), account, &keys).expect("usable keys");
    connected.expect("a gateway of this venue")
}

/// What is heard of a recording, if it is there.
fn heard(gateway: &mut dyn Gateway, line: usize, name: &str) -> Option<Vec<Heard>> {
    let text = recording(name)?;
    let mut heard = Vec::new();
    gateway.read(line, text.as_bytes(), 1, &mut heard).expect("a message that is understood");
    Some(heard)
}

fn report(heard: &[Heard]) -> &Report {
    match heard {
        [Heard::Report(report)] => report,
        other => panic!("expected a report, found {other:?}"),
    }
}

fn fill(heard: &[Heard]) -> &Fill {
    match &report(heard).what {
        What::Fill(fill) => fill,
        other => panic!("expected a fill, found {other:?}"),
    }
}

#[test]
fn forced_trades_of_binance_usdm_are_told_apart() {
    let listed = [("BTCUSDT", "BTC", "USDT"), ("ETHUSDT", "ETH", "USDT")];
    let cases = [
        ("nautilus_ws/ws_futures_order_update_adl", Some((FillKind::Adl, "1"))),
        ("nautilus_ws/ws_futures_order_update_liquidation", Some((FillKind::Liquidation, "0.1"))),
        ("nautilus_ws/ws_futures_order_update_liquidation_zero_qty", None),
        ("nautilus_ws/ws_futures_order_update_settlement", Some((FillKind::Settlement, "0.05"))),
        ("nautilus_ws/ws_futures_order_update_trade_reduce_only_qty", Some((FillKind::Trade, "1"))),
        (
            "nautilus/futures/user_data_json/order_update_insurance",
            Some((FillKind::Liquidation, "0.02")),
        ),
        ("nautilus_ws/ws_futures_trade_lite", None),
        ("nautilus/futures/user_data_json/trade_lite", None),
    ];
    for (name, expected) in cases {
        let mut gateway = gateway("binance-usdm", &listed);
        let Some(heard) = heard(&mut *gateway, 1, &format!("binance_usdm/{name}.json")) else {
            continue;
        };
        match expected {
            None => assert_eq!(heard, [], "{name}"),
            Some((kind, size)) => {
                let fill = fill(&heard);
                assert_eq!((fill.kind, fill.size), (kind, amount(size)), "{name}");
            }
        }
    }
}

#[test]
fn conditional_orders_of_binance_usdm_are_followed() {
    let mut gateway = gateway("binance-usdm", &[("DOGEUSDT", "DOGE", "USDT")]);
    let name =
        |state: &str| format!("binance_usdm/nautilus_ws/ws_futures_algo_update_{state}.json");
    let Some(triggering) = heard(&mut *gateway, 1, &name("triggering")) else { return };
    let report = report(&triggering);
    assert_eq!(report.what, What::Triggered);
    assert_eq!(&*report.client_id, "O-20251211-053131-TEST-000-1");
    assert_eq!(heard(&mut *gateway, 1, &name("finished")), Some(Vec::new()));
}

#[test]
fn the_private_stream_of_bybit_is_read() {
    let Some(text) = recording("bybit/v5_private_demo_20260906.jsonl") else { return };
    let listed = [("BTCUSDT", "BTC", "USDT"), ("LINKUSDT", "LINK", "USDT")];
    let mut gateway = gateway("bybit-linear", &listed);
    let mut heard = Vec::new();
    for line in text.lines() {
        gateway.read(1, line.as_bytes(), 1, &mut heard).unwrap();
    }
    let reports = heard.iter().filter_map(|one| match one {
        Heard::Report(report) => Some(report),
        _ => None,
    });
    let reports: Vec<_> = reports.collect();
    assert_eq!(reports[0].what, What::Accepted);
    assert!(matches!(reports[1].what, What::Cancelled { refusal: None, .. }), "{:?}", reports[1]);
    assert!(reports.iter().any(|report| matches!(report.what, What::Fill(_))));
    assert!(heard.iter().any(|one| matches!(one, Heard::Position(_))));
}

#[test]
fn executions_of_okx_and_bybit_are_whole() {
    let mut okx = gateway("okx", &[("BTC-USDT-SWAP", "BTC", "USDT")]);
    if let Some(heard) = heard(&mut *okx, 0, "okx/nautilus/ws_orders.json") {
        let fill = fill(&heard);
        assert_eq!((&*fill.fill_id, fill.price), ("1518905529", amount("103698.9")));
    }
    if let Some(heard) = heard(&mut *okx, 0, "okx/nautilus/ws_orders_liquidation.json") {
        assert_eq!(fill(&heard).kind, FillKind::Liquidation);
    }
    let mut bybit = gateway("bybit-linear", &[("BTCUSDT", "BTC", "USDT")]);
    if let Some(heard) = heard(&mut *bybit, 1, "bybit/nautilus/ws_account_execution.json") {
        let fill = fill(&heard);
        let fee = fill.fee.map(|fee| fee.0);
        assert_eq!((fill.size, fee), (amount("0.5"), Some(amount("26.3725275"))));
    }
}

#[test]
fn the_user_stream_of_binance_is_read() {
    let listed = [("ETHBTC", "ETH", "BTC"), ("BTCUSDT", "BTC", "USDT")];
    let mut gateway = gateway("binance", &listed);
    let name = |name: &str| format!("binance_spot/nautilus/spot/user_data_json/{name}.json");
    if let Some(heard) = heard(&mut *gateway, 0, &name("execution_report_wrapped")) {
        report(&heard);
    }
    if let Some(heard) = heard(&mut *gateway, 0, &name("account_position_wrapped")) {
        assert!(heard.iter().any(|one| matches!(one, Heard::Balance(_))));
    }
}
