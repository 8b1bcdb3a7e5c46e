//! What takes a minute or a day at the venue.

use std::net::{IpAddr, Ipv4Addr};

use hyper::HeaderMap;
use rustonite_sim::{AccountId, Amount, Command};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use super::{Broker, data};
use crate::dialect::{Dialect as _, Hall, Reply, Request};
use crate::floor::Floor;
use crate::keys::Key;
use crate::limits::{Allowance, Limits};
use crate::listing::Listing;
use crate::socket::Out;

const FUNDS: i128 = 10_i128.pow(18 + 6);

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
        let hall = Hall {
            floor,
            sockets: crate::socket::Sockets::default(),
            faults: crate::faults::Faults::default(),
            limits: Limits::new(Allowance::default()),
            house,
            latency: None,
        };
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

    fn call(&mut self, who: &str, method: &str, path: &str, body: &Value) -> Value {
        let mut headers = HeaderMap::new();
        headers.insert("apca-api-key-id", who.parse().unwrap());
        headers.insert("apca-api-secret-key", "secret".parse().unwrap());
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            body: body.to_string(),
            headers,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let Reply { status, body, .. } = self.broker.call(&mut self.hall, &request);
        assert_eq!(status, 200, "{body}");
        self.tell();
        serde_json::from_str(&body).unwrap()
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
        let (socket, mut heard) = self.hall.sockets.add();
        self.broker.connect(&mut self.hall, socket, path, &HeaderMap::new()).unwrap();
        for message in messages {
            self.broker.receive(&mut self.hall, socket, message.to_string().as_bytes());
        }
        while heard.try_recv().is_ok() {}
        heard
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
    venue.broker.desk.orders.get_mut(id).unwrap().expires_at = Some(1);
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
