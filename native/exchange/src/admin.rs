//! Calls that steer the exchange instead of speaking a venue's language.

use rustonite_core::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::dialect::{Reply, Request};
use crate::error::{ExchangeError, Result};
use crate::faults::Planned;
use crate::keys::Key;
use crate::latency;

/// Where these calls begin.
pub(crate) const STEERING: &str = "/_exchange/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    #[serde(default)]
    api_key: Option<String>,
    /// A shared secret,
    #[serde(default)]
    secret: Option<String>,
    /// or an Ed25519 public key.
    #[serde(default)]
    public_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deposit {
    account: String,
    asset: String,
    amount: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    symbol: String,
    price: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Halt {
    symbol: String,
    /// Stops; begins again if not.
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fund {
    symbol: String,
    /// The usual one if it is none.
    #[serde(default)]
    rate: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaysIn {
    account: String,
    asset: String,
    price: Decimal,
    discount: Decimal,
}

/// `POST` of `fault`, `account`, `deposit`, `mark`, `halt`, `fund`, `fee_asset`, `latency`; `GET` of
/// `latency`, `status`, `page`.
pub(crate) fn answer(shared: &Shared, what: &str, request: &Request) -> Reply {
    let is_post = request.method == "POST";
    let done = match what {
        "fault" if is_post => fault(shared, &request.body),
        "account" if is_post => account(shared, &request.body),
        "deposit" if is_post => deposit(shared, &request.body),
        "mark" if is_post => mark(shared, &request.body),
        "halt" if is_post => halt(shared, &request.body),
        "fund" if is_post => fund(shared, &request.body),
        "fee_asset" if is_post => fee_asset(shared, &request.body),
        "latency" if is_post => set_latency(shared, &request.body),
        "latency" => Ok(latency::written(shared.venue().hall.sockets.latency())),
        "status" => Ok(status(shared)),
        "" | "page" => return Reply::new(200, page(&status(shared))),
        _ => Err(ExchangeError::unknown("call", what)),
    };
    match done {
        Ok(value) => Reply::json(200, &value),
        Err(error) => Reply::json(400, &json!({"error": error.to_string()})),
    }
}

fn read<'a, T: Deserialize<'a>>(what: &str, body: &'a str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| ExchangeError::invalid(what, error.to_string()))
}

/// Plans a fault that is written in JSON.
pub(crate) fn fault(shared: &Shared, body: &str) -> Result<Value> {
    let planned: Planned = read("fault", body)?;
    shared.venue().fault(planned)?;
    Ok(json!({}))
}

fn account(shared: &Shared, body: &str) -> Result<Value> {
    let asked: NewAccount = read("account", body)?;
    let key = match (&asked.secret, &asked.public_key) {
        (Some(secret), None) => Some(Key::hmac(secret)),
        (None, Some(public)) => Some(Key::ed25519(public)?),
        (None, None) => None,
        _ => return Err(ExchangeError::invalid("account", "expected secret or public_key")),
    };
    let mut venue = shared.venue();
    venue.open_account(&asked.name)?;
    if let (Some(api_key), Some(key)) = (asked.api_key, key) {
        venue.add_key(&asked.name, &api_key, &key)?;
    }
    Ok(json!({"account": asked.name}))
}

fn deposit(shared: &Shared, body: &str) -> Result<Value> {
    let Deposit { account, asset, amount } = read("deposit", body)?;
    shared.venue().deposit(&account, &asset, amount)?;
    Ok(json!({}))
}

fn mark(shared: &Shared, body: &str) -> Result<Value> {
    let Mark { symbol, price } = read("mark", body)?;
    shared.venue().set_mark(&symbol, price)?;
    Ok(json!({}))
}

fn halt(shared: &Shared, body: &str) -> Result<Value> {
    let Halt { symbol, on } = read("halt", body)?;
    shared.venue().halt(&symbol, on)?;
    Ok(json!({}))
}

fn fund(shared: &Shared, body: &str) -> Result<Value> {
    let Fund { symbol, rate } = read("fund", body)?;
    shared.venue().fund(&symbol, rate)?;
    Ok(json!({}))
}

fn fee_asset(shared: &Shared, body: &str) -> Result<Value> {
    let PaysIn { account, asset, price, discount } = read("fee_asset", body)?;
    shared.venue().pay_fees_in(&account, &asset, price, discount)?;
    Ok(json!({}))
}

fn set_latency(shared: &Shared, body: &str) -> Result<Value> {
    shared.venue().set_latency(latency::read_latency(body)?);
    Ok(json!({}))
}

/// What is going on, without any secret.
pub(crate) fn status(shared: &Shared) -> Value {
    let mut venue = shared.venue();
    let now = venue.hall.floor.shown_ms();
    let hall = &venue.hall;
    let accounts = hall.floor.accounts.all.iter().map(|(id, account)| {
        let balances: serde_json::Map<_, _> = (0_u32..)
            .zip(&hall.floor.assets)
            .map(|(asset, name)| (name, hall.floor.exchange.balance(*id, asset)))
            .filter(|(_, (free, locked))| free.0 != 0 || locked.0 != 0)
            .map(|(name, (free, locked))| {
                (name.clone(), json!([free.to_string(), locked.to_string()]))
            })
            .collect();
        json!({
            "name": account.name, "open_orders": account.open_orders().count(),
            "fills": account.fills.len(), "balances": balances,
        })
    });
    let accounts: Vec<_> = accounts.collect();
    let instruments =
        hall.floor.instruments.iter().zip(&hall.floor.markets).map(|(listed, market)| {
            let best =
                market.best.map(|level| level.map(|(price, _)| listed.price(price).to_string()));
            json!({
                "symbol": listed.listing.symbol, "bid": best[0], "ask": best[1],
                "trades": market.prints.back().map_or(0, |print| print.trade),
                "update": market.update, "halted": market.is_halted,
            })
        });
    let instruments: Vec<_> = instruments.collect();
    json!({
        "venue": shared.name, "time": now, "connections": hall.sockets.len(),
        "messages_sent": hall.sockets.sent, "maintenance": hall.faults.maintenance,
        "clock_ahead_ms": hall.floor.clock.ahead / 1_000_000,
        "replay": shared.recording.as_ref().map(|recording| venue.replay_status(recording)),
        "latency": latency::written(hall.sockets.latency()),
        "faults": hall.faults.waiting(), "instruments": instruments, "accounts": accounts,
    })
}

fn page(status: &Value) -> String {
    let text = serde_json::to_string_pretty(status).unwrap_or_default();
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<!doctype html><title>Local exchange</title><h1>Local exchange</h1><pre>{text}</pre>")
}
