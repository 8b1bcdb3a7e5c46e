//! A venue that is cut off anywhere is, at its next start, as it was after the last whole entry.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use hyper::HeaderMap;
use proptest::prelude::*;
use ring::hmac;
use rustonite_sim::{
    AccountId, CancelReason, Command, Expiry, NewOrder, OrderId, Quantity, Side, Trigger,
    TriggerSource,
};

use super::{Head, Log};
use crate::crowd::Crowd;
use crate::dialect::Request;
use crate::faults::{Fault, Planned};
use crate::keys::Key;
use crate::venue::Venue;
use crate::{ExchangeError, Listing, VenueConfig, build};

mod recorded;
mod shortened;

const SECRET: &str = "a secret of nobody";
const NAMES: [&str; 2] = ["ann", "bob"];

fn config(venue: &str) -> VenueConfig {
    let decimal = |text: &str| text.parse().unwrap();
    let listing = Listing::of(venue, "BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
    VenueConfig::new(venue, vec![listing])
}

fn open(folder: &Path, venue: &str) -> Result<Venue, ExchangeError> {
    let config = config(venue);
    let (log, head) = Log::open(folder, &config)?;
    let mut venue = build(&config, &head)?;
    venue.keep(log)?;
    Ok(venue)
}

fn size_of(folder: &Path, venue: &str) -> u64 {
    std::fs::metadata(folder.join(format!("{venue}.state"))).unwrap().len()
}

/// All that a state keeps of a venue, but for the time.
fn picture(venue: &mut Venue) -> Vec<u8> {
    let last = venue.hall.floor.clock.last();
    venue.hall.floor.clock.set_last(0);
    let picture = venue.picture().unwrap();
    venue.hall.floor.clock.set_last(last);
    picture
}

/// Something that comes in: one entry, or none.
#[derive(Clone, Debug)]
enum Step {
    Place {
        who: usize,
        buys: bool,
        price: i64,
        lots: i64,
        waits: bool,
    },
    CancelAll(usize),
    CancelOne(usize, u64),
    /// An order by a signed call, without a name of its own.
    Call {
        who: usize,
        buys: bool,
        price: i64,
    },
    Beat(u64),
    Note,
    Others,
    Fault(Fault),
}

fn steps() -> impl Strategy<Value = Step> {
    let who = 0_usize..2;
    let price = 5_999_000_i64..6_001_000;
    prop_oneof![
        4 => (who.clone(), any::<bool>(), price.clone(), 1_i64..50_000, any::<bool>()).prop_map(
            |(who, buys, price, lots, waits)| Step::Place { who, buys, price, lots, waits }
        ),
        1 => who.clone().prop_map(Step::CancelAll),
        2 => (who.clone(), 1_u64..200).prop_map(|(who, order)| Step::CancelOne(who, order)),
        3 => (who, any::<bool>(), price)
            .prop_map(|(who, buys, price)| Step::Call { who, buys, price }),
        1 => (0_u64..20).prop_map(Step::Beat),
        1 => Just(Step::Note),
        8 => Just(Step::Others),
        1 => prop_oneof![
            Just(Fault::Mute),
            Just(Fault::FillBeforeCancel),
            Just(Fault::Refuse { status: 503, retry_after_s: Some(1) }),
            Just(Fault::FailAfter { status: 503 }),
            Just(Fault::Maintenance { on: false }),
            Just(Fault::ClockAhead { ms: 3 }),
        ]
        .prop_map(Step::Fault),
    ]
}

fn begin(venue: &mut Venue) {
    for name in NAMES {
        venue.open_account(name).unwrap();
        venue.add_key(name, name, &Key::hmac(SECRET)).unwrap();
        for (asset, amount) in [("USDT", "1000000"), ("USD", "1000000"), ("BTC", "100")] {
            // Of perpetuals there is money alone.
            if venue.hall.floor.asset_named(asset).is_ok() {
                venue.deposit(name, asset, amount.parse().unwrap()).unwrap();
            }
        }
    }
    let prices = vec![("BTCUSDT".to_owned(), "60000".parse().unwrap())];
    venue.add_others(&Crowd { seed: 3, events_per_second: 1e6, prices }).unwrap();
}

fn account(venue: &Venue, who: usize) -> AccountId {
    venue.hall.floor.accounts.by_name(NAMES[who]).unwrap()
}

fn take(venue: &mut Venue, step: &Step) {
    let side = |buys| if buys { Side::Buy } else { Side::Sell };
    match *step {
        Step::Place { who, buys, price, lots, waits } => {
            let order = NewOrder::limit(account(venue, who), 0, side(buys), price, lots);
            let trigger = waits.then_some(Trigger {
                price,
                rises: buys,
                source: TriggerSource::Last,
                trailing: None,
            });
            let order = NewOrder { trigger, quantity: Quantity::Lots(lots), ..order };
            let _ = venue.apply(&Command::Place(order));
        }
        Step::CancelAll(who) => {
            let account = account(venue, who);
            let _ = venue.apply(&Command::CancelAll { account, instrument: 0 });
        }
        Step::CancelOne(who, order) => {
            let (account, order) = (account(venue, who), OrderId(order));
            let _ = venue.apply(&Command::Cancel { account, order });
        }
        Step::Call { who, buys, price } => drop(venue.call(&order(NAMES[who], buys, price))),
        Step::Beat(beats) => venue.beat(beats),
        Step::Note => venue.note(),
        Step::Others => drop(venue.let_others_act(0, 1)),
        Step::Fault(ref fault) => {
            let planned =
                Planned { fault: fault.clone(), call: None, path: None, symbol: None, times: 1 };
            venue.fault(planned).unwrap();
        }
    }
}

fn order(name: &str, buys: bool, price: i64) -> Request {
    let (side, now) = (if buys { "BUY" } else { "SELL" }, super::machine_now() / 1_000_000);
    let text = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.01&price={}.{:02}&timestamp={now}",
        price / 100,
        price % 100
    );
    signed("POST", "/api/v3/order", name, &text)
}

fn signature(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let sign = hmac::sign(&key, text.as_bytes());
    sign.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(method: &str, path: &str, name: &str, text: &str) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("x-mbx-apikey", name.parse().unwrap());
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: format!("{text}&signature={}", signature(text)),
        body: String::new(),
        headers,
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_file_cut_anywhere_gives_the_state_after_its_last_whole_entry(
        before in prop::collection::vec(steps(), 1..60),
        after in prop::collection::vec(steps(), 1..10),
        cut in 0.0..1.0_f64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut venue = open(folder.path(), "binance").unwrap();
        begin(&mut venue);
        let path = folder.path().join("binance.state");
        let mut known = vec![(size_of(folder.path(), "binance"), picture(&mut venue))];
        for step in &before {
            take(&mut venue, step);
            known.push((size_of(folder.path(), "binance"), picture(&mut venue)));
        }
        drop(venue);
        let (first, last) = (known[0].0, known[known.len() - 1].0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = first + ((last - first + 1) as f64 * cut) as u64;
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let expected = &known.iter().rev().find(|(size, _)| *size <= cut).unwrap().1;
        let mut venue = open(folder.path(), "binance").unwrap();
        prop_assert!(&picture(&mut venue) == expected);
        // Life goes on from there, and is kept as well.
        for step in &after {
            take(&mut venue, step);
        }
        let last = picture(&mut venue);
        drop(venue);
        prop_assert!(picture(&mut open(folder.path(), "binance").unwrap()) == last);
    }
}

#[test]
fn the_orders_of_calls_are_there_with_the_names_that_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    let reply = venue.call(&order("ann", true, 5_000_000));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let told: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    drop(venue);
    let venue = open(folder.path(), "binance").unwrap();
    let own = &venue.hall.floor.accounts.all[&account(&venue, 0)];
    let record = own.named(told["clientOrderId"].as_str().unwrap()).unwrap();
    assert_eq!(told["orderId"], record.order.id.0);
    assert!(record.order.is_open);
}

#[test]
fn an_order_whose_last_moment_is_over_meets_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    let until = Expiry::At(venue.hall.floor.now() + 300_000_000);
    let [ann, bob] = [0, 1].map(|who| account(&venue, who));
    let order = NewOrder::limit(ann, 0, Side::Buy, 5_000_000, 100);
    let place = Command::Place(NewOrder { expiry: until, ..order });
    let resting = venue.apply(&place).unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(350));
    let order = NewOrder::limit(bob, 0, Side::Sell, 5_000_000, 100);
    let coming = venue.apply(&Command::Place(order)).unwrap().unwrap();
    let [resting, coming] =
        [resting, coming].map(|id| venue.hall.floor.exchange.order(id).unwrap());
    assert_eq!(resting.cancelled, Some(CancelReason::Expired));
    assert_eq!(coming.filled, 0);
    let last = picture(&mut venue);
    drop(venue);
    assert!(picture(&mut open(folder.path(), "binance").unwrap()) == last);
}

#[test]
fn a_perpetual_venue_is_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance-usdm").unwrap();
    begin(&mut venue);
    for count in 0..3_000 {
        take(&mut venue, &Step::Others);
        take(&mut venue, &Step::Beat(count / 10));
    }
    let last = picture(&mut venue);
    assert!(venue.hall.floor.markets[0].prints.len() > 10);
    drop(venue);
    assert!(picture(&mut open(folder.path(), "binance-usdm").unwrap()) == last);
}

#[test]
fn only_one_has_a_state() {
    let folder = tempfile::tempdir().unwrap();
    let _venue = open(folder.path(), "binance").unwrap();
    let error = open(folder.path(), "binance").err().unwrap().to_string();
    assert!(error.contains("another exchange keeps its state there"), "{error}");
}

#[test]
fn the_state_of_another_venue_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), "binance").unwrap());
    let mut other = config("binance");
    other.listings[0].symbol = "ETHUSDT".to_owned();
    let error = Log::open(folder.path(), &other).unwrap_err().to_string();
    assert!(
        error.contains("it is of binance with BTCUSDT, not of binance with ETHUSDT"),
        "{error}"
    );
    let mut other = config("binance");
    other.listings[0].orders_max += 1;
    let error = Log::open(folder.path(), &other).unwrap_err().to_string();
    assert!(error.contains("other ticks, lots or limits"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let mut head = Head::new(&config("binance"));
    head.format += 1;
    let (mut log, _) = Log::open(folder.path(), &config("binance")).unwrap();
    log.file.set_len(0).unwrap();
    log.append(&head).unwrap();
    drop(log);
    let error = Log::open(folder.path(), &config("binance")).unwrap_err().to_string();
    let wrong = format!("found format {}, expected {}", super::FORMAT + 1, super::FORMAT);
    assert!(error.contains(&wrong), "{error}");
}

#[test]
fn a_damaged_entry_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    let at = size_of(folder.path(), "binance");
    begin(&mut venue);
    drop(venue);
    let path = folder.path().join("binance.state");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(at).unwrap() + super::FRAME_HEAD + 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = open(folder.path(), "binance").err().unwrap();
    assert_eq!(error.kind(), rustonite_core::ErrorKind::Corrupt);
    assert!(error.to_string().contains(&format!("byte {at}: its checksum is wrong")), "{error}");
}

#[test]
fn what_comes_out_otherwise_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    drop(venue);
    let (mut log, _) = Log::open(folder.path(), &config("binance")).unwrap();
    while log.read().unwrap().is_some() {}
    log.write(super::machine_now(), &super::Entry::Is(1)).unwrap();
    drop(log);
    let error = open(folder.path(), "binance").err().unwrap().to_string();
    assert!(error.contains("another version wrote it"), "{error}");
}

#[test]
fn others_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open(folder.path(), "binance").unwrap();
    begin(&mut venue);
    drop(venue);
    let mut venue = open(folder.path(), "binance").unwrap();
    let other = Crowd { seed: 4, events_per_second: 1e6, prices: Vec::new() };
    let error = venue.add_others(&other).unwrap_err().to_string();
    assert!(error.contains("another seed, speed or price"), "{error}");
}
