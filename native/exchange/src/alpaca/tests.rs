//! What takes a minute or a day at the venue.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use hyper::HeaderMap;
use rustonite_sim::{AccountId, Amount, Command, Fees, OrderId, PositionSide};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use super::{Broker, data, times};
use crate::accounts::OwnFill;
use crate::dialect::{Dialect as _, Hall, Reply, Request};
use crate::floor::Floor;
use crate::keys::Key;
use crate::limits::Allowance;
use crate::listing::Listing;
use crate::socket::Out;

const FUNDS: i128 = 10_i128.pow(18 + 9);

struct Venue {
    hall: Hall,
    broker: Broker,
}

impl Venue {
    /// A stock and a coin, and somebody who has some of everything.
    fn open() -> Self {
        let mut floor = Floor::default();
        for symbol in ["AAPL", "BTC/USD"] {
            let decimal = |text: &str| text.parse().unwrap();
            floor
                .list(&Listing::asset(symbol, decimal("0.01"), decimal("0.0001")).unwrap())
                .unwrap();
        }
        let house = floor.open_unnamed();
        let hall = Hall::new(floor, house, Allowance::default());
        let mut venue = Self { hall, broker: Broker::default() };
        venue.account("ann");
        venue.account("bob");
        venue
    }

    fn account(&mut self, name: &str) -> AccountId {
        let account = self.hall.floor.open(name);
        self.hall.floor.accounts.add_key(account, name, Key::hmac("secret"));
        for asset in 0..3 {
            let deposit = Command::Deposit { account, asset, amount: Amount(FUNDS) };
            self.hall.apply(&deposit, Vec::new()).unwrap();
        }
        account
    }

    fn tell(&mut self) {
        for done in std::mem::take(&mut self.hall.floor.untold) {
            self.broker.publish(&mut self.hall, &done);
        }
    }

    fn try_call(&mut self, who: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = HeaderMap::new();
        headers.insert("apca-api-key-id", who.parse().unwrap());
        headers.insert("apca-api-secret-key", "secret".parse().unwrap());
        let request = request(method, path, query, body.to_string(), headers);
        let Reply { status, body, .. } = self.broker.call(&mut self.hall, &request);
        self.tell();
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// What anybody may ask for.
    fn read(&mut self, path: &str, query: &str) -> Value {
        let request = request("GET", path, query, String::new(), HeaderMap::new());
        let reply = self.broker.call(&mut self.hall, &request);
        assert_eq!(reply.status, 200, "{}", reply.body);
        serde_json::from_str(&reply.body).unwrap()
    }

    fn call(&mut self, who: &str, method: &str, path: &str, body: &Value) -> Value {
        let (status, body) = self.try_call(who, method, path, body);
        assert_eq!(status, 200, "{body}");
        body
    }

    fn order(&mut self, who: &str, symbol: &str, order: &Value) -> Value {
        let mut asked = json!({"symbol": symbol, "qty": "1", "time_in_force": "day"});
        for (name, value) in order.as_object().unwrap() {
            asked[name] = value.clone();
        }
        self.call(who, "POST", "/v2/orders", &asked)
    }

    /// A connection that has said some things.
    fn listen(&mut self, path: &str, messages: &[Value]) -> Receiver<Out> {
        let (socket, coming) = self.hall.sockets.add();
        let mut heard = coming.queue;
        self.broker.connect(&mut self.hall, socket, path, &HeaderMap::new()).unwrap();
        for message in messages {
            self.broker.receive(&mut self.hall, socket, message.to_string().as_bytes());
        }
        while heard.try_recv().is_ok() {}
        heard
    }
}

fn request(method: &str, path: &str, query: &str, body: String, headers: HeaderMap) -> Request {
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body,
        headers,
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

/// All that a client has heard since the last time.
fn heard(line: &mut Receiver<Out>) -> Vec<Value> {
    let mut all = Vec::new();
    while let Ok(Out::Text(bytes) | Out::Binary(bytes)) = line.try_recv() {
        all.push(serde_json::from_slice(&bytes).unwrap());
    }
    all
}

fn auth() -> Value {
    json!({"action": "auth", "key": "ann", "secret": "secret"})
}

#[test]
fn an_order_for_a_day_ends_with_the_session() {
    let mut venue = Venue::open();
    let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
    let mut line = venue.listen("/stream", &[auth(), listen]);
    let stop = json!({"side": "sell", "type": "stop", "stop_price": "90"});
    let stop = venue.order("ann", "AAPL", &stop);
    let limit = json!({"side": "sell", "type": "limit", "limit_price": "120"});
    let limit = venue.order("ann", "AAPL", &limit);
    assert_eq!(stop["expires_at"], limit["expires_at"], "the engine ends one, the venue the other");
    heard(&mut line);
    let id = super::trade::order_named(stop["id"].as_str().unwrap()).unwrap();
    venue.broker.beat(&mut venue.hall, 1);
    venue.tell();
    assert_eq!(heard(&mut line), Vec::<Value>::new(), "it is not time");
    let mut facts = venue.broker.desk.orders.get(id).unwrap().clone();
    facts.expires_at = Some(1);
    venue.broker.desk.orders.add(&venue.hall.floor, id, facts);
    venue.broker.beat(&mut venue.hall, 2);
    venue.tell();
    let told = heard(&mut line);
    assert_eq!((told.len(), &told[0]["data"]["event"]), (1, &json!("expired")));
    let order = &told[0]["data"]["order"];
    assert_eq!((&order["id"], &order["status"]), (&stop["id"], &json!("expired")));
    assert!(order["expired_at"].is_string() && order["canceled_at"].is_null());
    let path = format!("/v2/orders/{}", stop["id"].as_str().unwrap());
    assert_eq!(venue.call("ann", "GET", &path, &Value::Null)["status"], "expired");
}

#[test]
fn bars_are_told_once_their_minute_is_over() {
    let mut venue = Venue::open();
    let wanted = json!({"action": "subscribe", "bars": ["BTC/USD"], "dailyBars": ["*"]});
    let mut line = venue.listen("/v1beta3/crypto/us", &[auth(), wanted]);
    for (who, side, price) in [("ann", "buy", "50000"), ("bob", "sell", "50000")] {
        let order = json!({
            "side": side, "type": "limit", "limit_price": price, "time_in_force": "gtc",
        });
        venue.order(who, "BTC/USD", &order);
    }
    let now = venue.hall.floor.now();
    let minute = now - now.rem_euclid(data::MINUTE);
    venue.broker.streams.bars(&mut venue.hall, minute + data::MINUTE);
    let told = heard(&mut line);
    let names: Vec<_> = told.iter().map(|frame| &frame[0]["T"]).collect();
    assert_eq!(names, ["b", "d"]);
    let bar = &told[0][0];
    assert_eq!(bar["t"], super::times::utc(minute));
    assert_eq!(
        [&bar["o"], &bar["c"], &bar["v"], &bar["n"], &bar["vw"]],
        [&json!(50000), &json!(50000), &json!(1), &json!(1), &json!(50000)],
    );
    venue.broker.streams.bars(&mut venue.hall, minute + 2 * data::MINUTE);
    let told = heard(&mut line);
    assert_eq!((told.len(), &told[0][0]["T"]), (1, &json!("d")), "nothing was traded");
}

#[test]
fn pages_have_no_gap_although_old_rows_are_dropped() {
    let mut venue = Venue::open();
    for number in 0..7 {
        for (who, side) in [("ann", "buy"), ("bob", "sell")] {
            let order = json!({
                "side": side, "type": "limit", "limit_price": 50_000 + number,
                "time_in_force": "gtc",
            });
            venue.order(who, "BTC/USD", &order);
        }
    }
    let prints = &mut venue.hall.floor.markets[1].prints;
    // Several of one moment, across the end of a page.
    let moment = prints[2].at;
    prints.iter_mut().skip(2).take(3).for_each(|print| print.at = moment);
    for sort in ["asc", "desc"] {
        let (mut numbers, mut token) = (Vec::new(), String::new());
        let kept = venue.hall.floor.markets[1].prints.clone();
        loop {
            let query = format!("symbols=BTC/USD&limit=2&sort={sort}&page_token={token}");
            let page = venue.read("/v1beta3/crypto/us/trades", &query);
            let rows = page["trades"]["BTC/USD"].as_array().unwrap().iter();
            numbers.extend(rows.map(|row| row["i"].as_u64().unwrap()));
            let Some(next) = page["next_page_token"].as_str() else { break };
            token = next.replace('=', "%3D");
            if sort == "asc" {
                venue.hall.floor.markets[1].prints.pop_front();
            }
        }
        venue.hall.floor.markets[1].prints = kept;
        let mut expected: Vec<_> = (1..=7).collect();
        if sort == "desc" {
            expected.reverse();
        }
        assert_eq!(numbers, expected);
    }
}

#[test]
fn who_does_not_say_who_he_is_has_to_go() {
    let mut venue = Venue::open();
    let mut line = venue.listen("/v2/iex", &[]);
    venue.broker.beat(&mut venue.hall, 1);
    assert_eq!(heard(&mut line), Vec::<Value>::new());
    venue.broker.streams.forget_when();
    venue.broker.beat(&mut venue.hall, 2);
    let told = line.try_recv().unwrap();
    let Out::Text(bytes) = told else { panic!("{told:?}") };
    let message: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&message[0]["code"], &message[0]["msg"]), (&json!(404), &json!("auth timeout")));
    assert!(matches!(line.try_recv().unwrap(), Out::Close(..)));
}

/// A call of somebody who does anything.
fn anything(rng: &mut fastrand::Rng, orders: &[String]) -> (&'static str, String, Value) {
    let one_of = |rng: &mut fastrand::Rng, words: &[&'static str]| words[rng.usize(..words.len())];
    if rng.u8(..12) == 0 {
        return ("DELETE", "/v2/orders".to_owned(), Value::Null);
    }
    let price = 48_000 + rng.i64(0..4_000);
    if !orders.is_empty() && rng.u8(..3) == 0 {
        let path = format!("/v2/orders/{}", orders[rng.usize(..orders.len())]);
        if rng.bool() {
            return ("DELETE", path, Value::Null);
        }
        return ("PATCH", path, json!({"limit_price": price, "qty": rng.u8(1..5)}));
    }
    let mut order = json!({
        "symbol": one_of(rng, &["AAPL", "BTC/USD"]), "side": one_of(rng, &["buy", "sell"]),
        "type": one_of(rng, &["market", "limit", "limit", "stop_limit", "stop"]),
        "time_in_force": one_of(rng, &["day", "gtc", "gtc", "gtc", "ioc"]),
        "qty": rng.u8(1..5), "limit_price": price, "stop_price": price + rng.i64(-50..50),
    });
    for (name, kinds) in [("limit_price", "limit stop_limit"), ("stop_price", "stop stop_limit")] {
        if !kinds.split(' ').any(|kind| order["type"] == kind) {
            order[name] = Value::Null;
        }
    }
    if order["type"] == "market" && rng.bool() {
        (order["qty"], order["notional"]) = (Value::Null, json!(rng.i64(1..200_000)));
    }
    if order["type"] == "limit" && order["symbol"] == "AAPL" && rng.bool() {
        let sign = if order["side"] == "buy" { 1 } else { -1 };
        order["order_class"] = json!("bracket");
        order["take_profit"] = json!({"limit_price": price + sign * rng.i64(1..200)});
        order["stop_loss"] = json!({"stop_price": price - sign * rng.i64(1..200)});
    }
    ("POST", "/v2/orders".to_owned(), order)
}

/// What an account heard of its orders: the last state of each, and the sum of its fills.
fn states(told: &[Value]) -> BTreeMap<String, (Value, f64)> {
    let mut all: BTreeMap<String, (Value, f64)> = BTreeMap::new();
    for update in told.iter().map(|message| &message["data"]) {
        let order = &update["order"];
        let known = all.entry(order["id"].as_str().unwrap().to_owned()).or_default();
        known.1 += update["qty"].as_str().map_or(0.0, |text| text.parse().unwrap());
        known.0 = order.clone();
    }
    all
}

#[test]
fn streams_and_positions_agree_with_the_engine_whatever_happens() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut venue = Venue::open();
        venue.hall.limits.allowed.weight_1m = u32::MAX;
        let account = venue.hall.floor.accounts.by_name("ann").unwrap();
        let fees = Fees { maker_ppm: 1_500, taker_ppm: 2_500 };
        let fees = Command::SetFees { account, fees, fee_asset: None };
        venue.hall.apply(&fees, Vec::new()).unwrap();
        let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
        let mut line = venue.listen("/stream", &[auth(), listen]);
        let mut placed: [Vec<String>; 2] = Default::default();
        for _ in 0..400 {
            let who = rng.usize(..2);
            let (method, path, body) = anything(&mut rng, &placed[who]);
            let (status, body) = venue.try_call(["ann", "bob"][who], method, &path, &body);
            assert!([200, 204, 207, 403, 404, 422].contains(&status), "{seed}: {body}");
            if status == 200 {
                let legs = body["legs"].as_array().cloned().unwrap_or_default();
                let new = legs.iter().chain([&body]);
                placed[who].extend(new.map(|one| one["id"].as_str().unwrap().to_owned()));
            }
        }
        let told = states(&heard(&mut line));
        assert!(told.len() > 20, "{seed}: {}", told.len());
        for (id, (last, filled)) in told {
            let seen = venue.call("ann", "GET", &format!("/v2/orders/{id}"), &Value::Null);
            assert_eq!(
                (&seen["status"], &seen["filled_qty"]),
                (&last["status"], &last["filled_qty"]),
                "{seed} {seen}"
            );
            let whole: f64 = seen["filled_qty"].as_str().unwrap().parse().unwrap();
            assert!((whole - filled).abs() < 1e-9, "{seed}: {filled} {seen}");
        }
        let floor = &venue.hall.floor;
        for account in floor.accounts.all.keys() {
            for listed in &floor.instruments {
                let (free, locked) = floor.exchange.balance(*account, listed.rules.base);
                let held = venue.broker.desk.holdings.of(*account, listed.rules.base);
                assert_eq!(held.quantity, free + locked, "{seed}");
            }
        }
    }
}

#[test]
fn pages_of_fills_go_on_where_the_last_one_ended() {
    let mut venue = Venue::open();
    let ann = venue.hall.floor.accounts.by_name("ann").unwrap();
    let own = venue.hall.floor.accounts.all.get_mut(&ann).unwrap();
    for trade in 1..50_000 {
        own.add_fill(OwnFill {
            instrument: 0,
            order: OrderId(trade),
            trade,
            at: trade.cast_signed() * 1_000_000,
            price: 100,
            quantity: 1,
            is_buyer: true,
            is_maker: false,
            fee: Amount::ZERO,
            fee_asset: 0,
            realised: Amount::ZERO,
            position: PositionSide::Net,
        });
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    for _ in 0..20 {
        let path = format!("/v2/account/activities/FILL?page_token={token}");
        let page = venue.call("ann", "GET", &path, &Value::Null);
        let rows = page.as_array().unwrap().iter();
        seen.extend(rows.map(|row| row["transaction_time"].as_str().unwrap().to_owned()));
        page[99]["id"].as_str().unwrap().clone_into(&mut token);
    }
    let times: Vec<_> = (1..50_000).rev().map(|ms| times::utc(ms * 1_000_000)).collect();
    assert_eq!(seen, times[..2_000]);
}

#[test]
fn fees_of_crypto_are_taken_at_once_and_told_when_their_day_is_over() {
    let mut venue = Venue::open();
    let account = venue.hall.floor.accounts.by_name("ann").unwrap();
    let fees = Fees { maker_ppm: 1_500, taker_ppm: 2_500 };
    let fees = Command::SetFees { account, fees, fee_asset: None };
    venue.hall.apply(&fees, Vec::new()).unwrap();
    let order = |side: &str| {
        json!({
            "symbol": "BTC/USD", "side": side, "qty": "0.2", "type": "limit", "limit_price": "100",
            "time_in_force": "gtc",
        })
    };
    for (first, then) in [("buy", "sell"), ("sell", "buy")] {
        venue.call("bob", "POST", "/v2/orders", &order(first));
        venue.call("ann", "POST", "/v2/orders", &order(then));
    }
    let read = |venue: &mut Venue, query: &str| {
        let path = format!("/v2/account/activities{query}");
        let rows = venue.call("ann", "GET", &path, &Value::Null);
        rows.as_array().unwrap().clone()
    };
    assert_eq!(read(&mut venue, "/CFEE"), Vec::<Value>::new());
    assert_eq!(read(&mut venue, "").len(), 2);
    let now = venue.hall.floor.now();
    let day = times::utc(now)[..10].to_owned();
    venue.hall.floor.clock.set_last(now + 24 * 3_600 * 1_000_000_000);
    let rows = read(&mut venue, "/CFEE?direction=asc");
    let told = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    // A sale is paid in money and a purchase in coins.
    assert_eq!(told("net_amount"), ["-0.05", "0"]);
    assert_eq!(told("qty"), ["0", "-0.0005"]);
    assert_eq!(told("symbol"), ["BTCUSD", "BTCUSD"]);
    assert_eq!(told("date"), [day.as_str(), day.as_str()]);
    assert_ne!(rows[0]["id"], rows[1]["id"]);
    assert_eq!(read(&mut venue, "").len(), 4);
    let first = rows[0]["id"].as_str().unwrap();
    let next = format!("/CFEE?direction=asc&page_size=1&page_token={first}");
    assert_eq!(read(&mut venue, &next), rows[1..]);
    let later = format!("/CFEE?after={day}T00:00:00Z");
    assert_eq!(read(&mut venue, &later), Vec::<Value>::new());
    // Shares are free.
    assert_eq!(read(&mut venue, "/FEE"), Vec::<Value>::new());
}
