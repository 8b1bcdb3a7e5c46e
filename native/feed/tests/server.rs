//! The replay server itself: recordings, tapes of frames, steering, compression.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "a failing test should panic, and one that is left out should say so"
)]

mod rig;

use rig::{BINANCE, OTHERS, Setup, each, whole};
use rustonite_core::datasets::BookSide;
use rustonite_feed::server::{
    FramesTape, Market, MarketConfig, Pace, Server, ServerConfig, collected,
};

/// Recordings are sent as fast as they are taken.
#[test]
fn recordings_arrive_whole() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let folder = std::env::var_os("RUSTONITE_FIXTURES").unwrap_or_else(|| beside.into());
    let folder = std::path::PathBuf::from(folder);
    let cases = [
        ("binance", "BTCUSDT", "binance_spot/collector_btcusdt_20240808.gz", 9_757),
        ("binance-usdm", "BTCUSDT", "binance_usdm/collector_btcusdt_20240808.gz", 21_313),
        ("binance-coinm", "BTCUSD_PERP", "binance_coinm/collector_btcusd_perp_20240808.gz", 2_286),
    ];
    for (venue, symbol, file, trades) in cases {
        let file = folder.join(file);
        if !file.exists() {
            eprintln!("SKIPPED: no recording {}; set RUSTONITE_FIXTURES", file.display());
            continue;
        }
        let book_path = format!("/depth?symbol={symbol}&limit=1000");
        let mut setup = Setup::new(venue, &[symbol]);
        setup.segment_bytes = 32 << 20;
        setup.server.begin_after = 3;
        setup.server.pace = Pace::Full;
        let mut rig = setup.start_with(collected(&file, &book_path).unwrap());
        rig.until("all was sent", |rig| rig.server.is_at_end());
        rig.settle();
        rig.until_whole();
        let record = rig.finish();
        assert_eq!(record.trade_ids(symbol).len(), trades, "{venue}");
        rig.assert_trades(&record, symbol);
        // Levels beyond those of the picture are not known; near the touch all are.
        let truth = rig.server.true_book(symbol).unwrap();
        let book = record.book(symbol);
        for side in [BookSide::Bid, BookSide::Ask] {
            for level in truth.side(side).take(200) {
                let place = (side == BookSide::Bid, level.price.to_f64().to_bits());
                let found = book.get(&place).copied();
                assert_eq!(
                    found,
                    Some(level.size.to_f64()),
                    "{venue} {level:?}\n{}",
                    record.told()
                );
            }
        }
        assert_eq!(record.of("gap", symbol).count(), 0, "{}", record.told());
    }
}

#[test]
fn a_tape_of_frames_can_be_served_again() {
    each(&[&BINANCE[..], &OTHERS[..]].concat(), |setup| {
        let (venue, symbols) = (setup.venue, setup.symbols.clone());
        let mut first = whole(setup);
        let topics = usize::try_from(first.status().topics).unwrap();
        let before = first.finish();
        let folder = first.tapes().join("frames").join(format!("test-{venue}"));
        let mut setup = Setup::new(venue, &symbols);
        setup.server.pace = Pace::Full;
        setup.server.begin_after = topics;
        let mut again = setup.start_with(FramesTape::open(&folder, None).unwrap());
        again.until("all was sent", |rig| rig.server.is_at_end());
        again.settle();
        let after = again.finish();
        for symbol in symbols {
            assert_eq!(after.trade_ids(symbol), before.trade_ids(symbol), "{}", after.told());
            assert_eq!(after.book(symbol), before.book(symbol), "{}", after.told());
        }
    });
}

/// Faults by HTTP, as someone with another client asks for them.
#[test]
fn a_server_is_steered_by_http() {
    use std::io::{Read as _, Write as _};
    let mut rig = whole(Setup::new("binance", &["BTCUSDT", "ETHUSDT"]));
    let ask = |request: &str, body: &str| {
        let mut socket = std::net::TcpStream::connect(rig.server.address()).unwrap();
        let length = body.len();
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        let text = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        socket.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let fault = r#"{"fault": "drop", "symbol": "BTCUSDT", "times": 1}"#;
    assert!(ask("POST /_replay/fault", fault).starts_with("HTTP/1.1 200"));
    assert!(ask("POST /_replay/fault", r#"{"fault": "dorp"}"#).contains("dorp"));
    let late = r#"{"fault": "delay", "ms": 5, "after": 2}"#;
    assert!(ask("POST /_replay/fault", late).starts_with("HTTP/1.1 200"));
    let odd = r#"{"fault": "drop", "tims": 2}"#;
    assert!(ask("POST /_replay/fault", odd).contains("tims"));
    assert!(ask("GET /_replay/status", "").contains(r#""clients":[1]"#));
    assert!(ask("GET /_replay/book/ETHUSDT", "").contains(r#""levels":[["bid""#));
    assert!(ask("GET /api/v3/depth?symbol=NONE&limit=5", "").contains("-1121"));
    rig.until_told("gap", Some("BTCUSDT"));
    rig.until_whole();
    let record = rig.finish();
    rig.assert_true_book(&record, "BTCUSDT");
}

/// A client that is not ours, and offers compression.
#[test]
fn messages_are_compressed_for_those_who_offer_it() {
    use futures_util::SinkExt as _;
    use yawc::{Frame, Options, WebSocket};
    let market = Market::new(MarketConfig::new("binance", &["BTCUSDT"])).unwrap();
    let server = Server::start(ServerConfig::new("binance"), market).unwrap();
    let url = format!("ws://{}/ws", server.address()).parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let texts = runtime.block_on(async {
        let options = Options::default().with_balanced_compression();
        let mut socket = WebSocket::connect(url).with_options(options).await.unwrap();
        let ask = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":"x"}"#;
        socket.send(Frame::text(ask)).await.unwrap();
        let mut texts = Vec::new();
        while texts.len() < 20 {
            let frame = socket.next_frame().await.unwrap();
            if frame.opcode() == yawc::frame::OpCode::Text {
                texts.push(frame.as_str().to_owned());
            }
        }
        texts
    });
    assert_eq!(texts[0], r#"{"result":null,"id":"x"}"#);
    assert!(texts[1..].iter().all(|text| text.starts_with(r#"{"e":"trade""#)), "{texts:?}");
}
