//! A picture that takes the place of a log is the same as the log, whenever the process ends.

use std::fs;

use super::*;
use crate::state::Head;

/// Bytes of a picture that begins a file, and of the entry behind it.
fn begun_at(folder: &Path, venue: &str) -> u64 {
    let (mut log, _) = Log::open(folder, &config(venue)).unwrap();
    log.picture().unwrap().unwrap();
    log.read().unwrap().unwrap();
    log.length
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_picture_and_what_came_since_is_the_same_as_all_that_came(
        before in prop::collection::vec(steps(), 1..60),
        since in prop::collection::vec(steps(), 1..30),
        cut in 0.0..1.0_f64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut venue = open(folder.path(), "binance").unwrap();
        begin(&mut venue);
        before.iter().for_each(|step| take(&mut venue, step));
        venue.shorten().unwrap();
        let mut known = vec![(size_of(folder.path(), "binance"), picture(&mut venue))];
        for step in &since {
            take(&mut venue, step);
            known.push((size_of(folder.path(), "binance"), picture(&mut venue)));
        }
        drop(venue);
        let (first, last) = (known[0].0, known[known.len() - 1].0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = first + ((last - first + 1) as f64 * cut) as u64;
        let path = folder.path().join("binance.state");
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let expected = &known.iter().rev().find(|(size, _)| *size <= cut).unwrap().1;
        let mut venue = open(folder.path(), "binance").unwrap();
        prop_assert!(&picture(&mut venue) == expected);
        // Life goes on from there, and is shortened and kept as well.
        since.iter().for_each(|step| take(&mut venue, step));
        venue.shorten().unwrap();
        before.iter().for_each(|step| take(&mut venue, step));
        let last = picture(&mut venue);
        drop(venue);
        prop_assert!(picture(&mut open(folder.path(), "binance").unwrap()) == last);
    }
}

#[test]
fn a_process_that_ends_while_it_shortens_leaves_the_state_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    (0..200).for_each(|_| take(&mut venue, &Step::Others));
    let expected = picture(&mut venue);
    let (path, new) = (folder.path().join("binance.state"), folder.path().join("binance.new"));
    let before = fs::read(&path).unwrap();
    venue.shorten().unwrap();
    let after = fs::read(&path).unwrap();
    drop(venue);
    assert!(!new.exists());
    for cut in (0..=after.len()).step_by(after.len() / 50).chain([after.len()]) {
        fs::write(&path, &before).unwrap();
        fs::write(&new, &after[..cut]).unwrap();
        assert!(picture(&mut open(folder.path(), "binance").unwrap()) == expected, "{cut}");
        assert!(!new.exists(), "{cut}");
    }
    fs::write(&path, &after).unwrap();
    assert!(picture(&mut open(folder.path(), "binance").unwrap()) == expected);
}

#[test]
fn a_picture_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    venue.shorten().unwrap();
    drop(venue);
    let path = folder.path().join("binance.state");
    let whole = fs::read(&path).unwrap();
    let (log, _) = Log::open(folder.path(), &config("binance")).unwrap();
    let head = usize::try_from(log.length).unwrap();
    drop(log);
    for cut in (head..whole.len() - 100).step_by(whole.len() / 20) {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = open(folder.path(), "binance").err().unwrap();
        assert_eq!(error.kind(), rustonite_core::ErrorKind::Corrupt, "{cut}: {error}");
    }
    let mut damaged = whole.clone();
    damaged[head + 50] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let error = open(folder.path(), "binance").err().unwrap().to_string();
    assert!(error.contains(&format!("byte {head}: its checksum is wrong")), "{error}");
}

#[test]
fn what_cannot_be_shortened_is_kept_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    // Nothing can be written there.
    let new = folder.path().join("binance.new");
    fs::create_dir(&new).unwrap();
    assert!(venue.shorten().is_err());
    take(&mut venue, &Step::Others);
    let expected = picture(&mut venue);
    drop(venue);
    fs::remove_dir(&new).unwrap();
    assert!(picture(&mut open(folder.path(), "binance").unwrap()) == expected);
}

#[test]
fn a_log_that_is_long_is_shortened_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    venue.log.as_mut().unwrap().entries_long = 10_000;
    let (mut pictures, mut entries_most) = (std::collections::BTreeSet::new(), 0);
    for minute in 1..=60 {
        (0..1_500).for_each(|_| take(&mut venue, &Step::Others));
        take(&mut venue, &Step::Beat(600 * minute - 1));
        let from = venue.log.as_ref().unwrap().entries_from;
        pictures.insert(from);
        let entries = size_of(folder.path(), "binance") - from;
        entries_most = entries_most.max(entries * 10 / from);
    }
    assert!(pictures.len() >= 3, "{pictures:?}");
    assert!(entries_most <= 21, "a log is at most as long as two pictures, and a minute");
    let expected = picture(&mut venue);
    drop(venue);
    assert!(picture(&mut open(folder.path(), "binance").unwrap()) == expected);
}

#[test]
fn a_start_shortens_what_has_become_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    (0..200).for_each(|_| take(&mut venue, &Step::Others));
    let expected = picture(&mut venue);
    drop(venue);
    let config = config("binance");
    let (mut log, head) = Log::open(folder.path(), &config).unwrap();
    log.entries_long = 1_000;
    let mut venue = build(&config, &head).unwrap();
    venue.keep(log).unwrap();
    drop(venue);
    begun_at(folder.path(), "binance");
    assert!(picture(&mut open(folder.path(), "binance").unwrap()) == expected);
}

#[test]
fn what_is_said_on_a_connection_after_the_picture_is_of_who_opened_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    venue.connect(7, "/ws-api/v3", &HeaderMap::new()).unwrap();
    venue.shorten().unwrap();
    venue.receive(7, asked_by_socket("ann").as_bytes());
    assert_eq!(venue.hall.floor.exchange.open_orders(account(&venue, 0)).count(), 1);
    drop(venue);
    let venue = open(folder.path(), "binance").unwrap();
    assert_eq!(venue.hall.floor.exchange.open_orders(account(&venue, 0)).count(), 1);
    assert!(!venue.dialect.calls_come_on(7), "connections are gone");
}

/// A signed order by the WebSocket interface.
fn asked_by_socket(name: &str) -> String {
    let now = crate::floor::machine_now() / 1_000_000;
    let mut params = serde_json::json!({
        "apiKey": name, "price": "50000", "quantity": "0.001", "side": "BUY",
        "symbol": "BTCUSDT", "timeInForce": "GTC", "timestamp": now, "type": "LIMIT",
    });
    let text = |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let pairs = params.as_object().unwrap().iter().map(|(key, one)| format!("{key}={}", text(one)));
    let signed = pairs.collect::<Vec<_>>().join("&");
    params["signature"] = signature(&signed).into();
    serde_json::json!({"id": 1, "method": "order.place", "params": params}).to_string()
}

#[test]
fn each_language_keeps_what_it_knows() {
    for (name, calls) in [("binance", BINANCE), ("binance-usdm", FUTURES), ("alpaca", ALPACA)] {
        let folder = tempfile::tempdir().unwrap();
        let mut venue = open(folder.path(), name).unwrap();
        begin(&mut venue);
        for count in 0..2_000 {
            take(&mut venue, &Step::Others);
            take(&mut venue, &Step::Beat(count));
        }
        for (method, path, query) in calls {
            let reply = venue.call(&asked(name, method, path, query));
            assert!(reply.status < 300, "{path}: {}", reply.body);
        }
        venue.shorten().unwrap();
        let expected = picture(&mut venue);
        let (mut dialect, mut nothing) = (Vec::new(), Vec::new());
        venue.dialect.keep(&mut dialect).unwrap();
        let head = Head::new(&config(name));
        build(&config(name), &head).unwrap().dialect.keep(&mut nothing).unwrap();
        assert!(name == "binance" || dialect.len() > nothing.len() + 20, "{name}");
        drop(venue);
        begun_at(folder.path(), name);
        let mut venue = open(folder.path(), name).unwrap();
        assert!(picture(&mut venue) == expected, "{name}");
    }
}

/// A call of `ann` in the language of a venue.
fn asked(venue: &str, method: &str, path: &str, what: &str) -> Request {
    if venue != "alpaca" {
        let now = crate::floor::machine_now() / 1_000_000;
        return signed(method, path, "ann", &format!("{what}&timestamp={now}"));
    }
    let mut request = Request { body: what.to_owned(), ..signed(method, path, "ann", "") };
    request.query.clear();
    for (header, value) in [("apca-api-key-id", "ann"), ("apca-api-secret-key", SECRET)] {
        request.headers.insert(header, value.parse().unwrap());
    }
    request
}

type Calls = &'static [(&'static str, &'static str, &'static str)];

const BINANCE: Calls = &[(
    "POST",
    "/api/v3/orderList/oco",
    "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice=70000&\
     belowType=STOP_LOSS&belowStopPrice=50000",
)];

const FUTURES: Calls = &[
    ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=7"),
    ("POST", "/fapi/v1/listenKey", ""),
    ("POST", "/fapi/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=600000"),
    ("POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01"),
];

const ALPACA: Calls = &[(
    "POST",
    "/v2/orders",
    r#"{"symbol":"BTCUSDT","side":"buy","qty":"1","type":"limit","limit_price":"1","time_in_force":"gtc"}"#,
)];
