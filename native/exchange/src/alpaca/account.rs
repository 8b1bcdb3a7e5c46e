//! What an account asks about itself, and about the venue.

use std::collections::{BTreeMap, VecDeque};

use jiff::ToSpan as _;
use rustonite_sim::{Amount, InstrumentId, OrderId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::Fields;
use super::holdings::price;
use super::ids::{self, Sort};
use super::refusal::Refusal;
use super::routes::{Answer, Call};
use super::times;
use super::words::{self, asset_id, rounded, text};
use crate::accounts::{Account, OwnFill};
use crate::figures::{product, ratio};

/// Decimals of dollars, and of prices and parts.
const PLACES: u32 = 9;
const ACTIVITIES_MAX: usize = 100;
/// Minutes of which the worth of an account is kept.
const MINUTES: usize = 24 * 60;
const MINUTE: i64 = 60_000_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// Days of a calendar that has no end.
const CALENDAR_DAYS: i64 = 365;

/// What an account may set: names and values.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings(Map<String, Value>);

/// What a setting may be.
const CHOICES: [(&str, &[&str]); 2] =
    [("trade_confirm_email", &["all", "none"]), ("max_margin_multiplier", &["1", "2", "4"])];

impl Default for Settings {
    fn default() -> Self {
        let usual = json!({
            "fractional_trading": true, "max_margin_multiplier": "1", "no_shorting": true,
            "suspend_trade": false, "trade_confirm_email": "all",
            "ptp_no_exception_entry": false, "max_options_trading_level": null,
        });
        Self(usual.as_object().cloned().unwrap_or_default())
    }
}

impl Settings {
    /// New orders are refused.
    pub(crate) fn suspends(&self) -> bool {
        self.0["suspend_trade"] == true
    }

    fn change(&mut self, fields: &Fields) -> Result<(), Refusal> {
        for (name, setting) in &mut self.0 {
            if setting.is_boolean() && fields.has(name) {
                *setting = json!(fields.flag(name)?);
            }
        }
        for (name, known) in CHOICES {
            let Some(text) = fields.text(name)? else { continue };
            if !known.contains(&text) {
                let known = known.join(", ");
                return Err(Refusal::malformed(format!("{name} must be one of {known}")));
            }
            self.0[name] = json!(text);
        }
        Ok(())
    }
}

/// What accounts were worth, by the minute.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Past(BTreeMap<u32, VecDeque<(i64, Amount)>>);

impl Past {
    pub(crate) fn note(&mut self, account: u32, at: i64, worth: Amount) {
        let rows = self.0.entry(account).or_default();
        let minute = at - at.rem_euclid(MINUTE);
        if rows.back().is_some_and(|(last, _)| *last == minute) {
            return;
        }
        if rows.len() >= MINUTES {
            rows.pop_front();
        }
        rows.push_back((minute, worth));
    }
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn none(_: &mut Call<'_>) -> Answer {
    Ok(json!([]))
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn account(call: &mut Call<'_>) -> Answer {
    let [free, cash, positions] = words::worth(&call.hall.floor, call.account);
    let suspended = call.desk.settings(call.account).suspends();
    let opened_at = call.desk.opened_at(&mut call.hall.floor);
    // Coins are bought with parts of cents.
    let money = |amount: Amount| rounded(amount, PLACES);
    let (buying_power, equity) = (money(free), money(cash + positions));
    Ok(json!({
        "id": ids::id(Sort::Account, 0, u64::from(call.account)),
        "account_number": format!("LX{:07}", call.account), "status": "ACTIVE",
        "crypto_status": "ACTIVE", "currency": "USD", "buying_power": buying_power,
        "regt_buying_power": buying_power, "effective_buying_power": buying_power,
        "non_marginable_buying_power": buying_power, "options_buying_power": "0",
        "cash": money(cash), "accrued_fees": "0", "portfolio_value": equity,
        "trading_blocked": false, "transfers_blocked": false, "account_blocked": false,
        "created_at": times::utc(opened_at), "trade_suspended_by_user": suspended,
        "multiplier": "1",
        "shorting_enabled": false, "equity": equity, "last_equity": equity,
        "long_market_value": money(positions), "short_market_value": "0",
        "position_market_value": money(positions), "initial_margin": "0",
        "maintenance_margin": "0", "last_maintenance_margin": "0", "sma": "0",
        "options_approved_level": 0, "options_trading_level": 0,
    }))
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn settings(call: &mut Call<'_>) -> Answer {
    Ok(Value::Object(call.desk.settings(call.account).0))
}

pub(crate) fn change_settings(call: &mut Call<'_>) -> Answer {
    let fields = Fields::of_body(call.body)?;
    let mut changed = call.desk.settings(call.account);
    changed.change(&fields)?;
    call.desk.settings.insert(call.account, changed.clone());
    Ok(Value::Object(changed.0))
}

/// The worth of the account so far, at most once a minute.
pub(crate) fn history(call: &mut Call<'_>) -> Answer {
    let timeframe = call.query.word("timeframe").unwrap_or("1Min");
    let minutes = match timeframe {
        "1Min" => 1,
        "5Min" => 5,
        "15Min" => 15,
        "1H" => 60,
        "1D" => 24 * 60,
        _ => return Err(Refusal::malformed("invalid timeframe")),
    };
    let now = call.hall.floor.now();
    let [_, cash, positions] = words::worth(&call.hall.floor, call.account);
    call.desk.past.note(call.account, now, cash + positions);
    let rows = call.desk.past.0.get(&call.account).into_iter().flatten();
    let step = minutes * MINUTE;
    let mut kept: Vec<(i64, Amount)> = Vec::new();
    for (at, worth) in rows.copied() {
        let start = at - at.rem_euclid(step);
        match kept.last_mut() {
            // The worth at the end of each step.
            Some(last) if last.0 == start => last.1 = worth,
            _ => kept.push((start, worth)),
        }
    }
    let base = kept.first().map(|(_, worth)| *worth).unwrap_or_default();
    let number = |amount: Amount| amount.truncated(PLACES).to_decimal().to_f64();
    let of = |value: &dyn Fn(Amount) -> f64| -> Vec<f64> {
        kept.iter().map(|(_, worth)| value(*worth)).collect()
    };
    Ok(json!({
        "timestamp": kept.iter().map(|(at, _)| at / 1_000_000_000).collect::<Vec<_>>(),
        "equity": of(&number), "profit_loss": of(&|worth| number(worth - base)),
        "profit_loss_pct": of(&|worth| number(ratio(worth - base, base))),
        "base_value": number(base), "timeframe": timeframe,
    }))
}

// Positions

fn row(call: &Call<'_>, (id, free, locked): (InstrumentId, Amount, Amount)) -> Value {
    let floor = &call.hall.floor;
    let listed = floor.listed(id);
    let all = free + locked;
    let price = price(floor, id);
    let average = call.desk.holdings.of(call.account, listed.rules.base).average();
    let (worth, cost) = (product(price, all), product(average, all));
    let gain = worth - cost;
    let part = rounded(ratio(gain, cost), PLACES);
    json!({
        "asset_id": asset_id(id), "symbol": listed.listing.symbol.replace('/', ""),
        "exchange": if words::is_crypto(listed) { "CRYPTO" } else { "NASDAQ" },
        "asset_class": words::class(listed), "asset_marginable": false, "qty": all.to_string(),
        "avg_entry_price": rounded(average, PLACES), "side": "long",
        "market_value": rounded(worth, PLACES), "cost_basis": rounded(cost, PLACES),
        "unrealized_pl": rounded(gain, PLACES), "unrealized_plpc": part,
        "unrealized_intraday_pl": rounded(gain, PLACES), "unrealized_intraday_plpc": part,
        "current_price": price.to_string(), "lastday_price": price.to_string(),
        "change_today": "0", "qty_available": free.to_string(),
    })
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn positions(call: &mut Call<'_>) -> Answer {
    let held = words::held(&call.hall.floor, call.account);
    Ok(held.into_iter().map(|one| row(call, one)).collect())
}

pub(crate) fn position(call: &mut Call<'_>) -> Answer {
    let id = words::instrument(&call.hall.floor, call.name);
    let held = words::held(&call.hall.floor, call.account);
    let found = held.into_iter().find(|(of, ..)| Some(*of) == id);
    found.map(|one| row(call, one)).ok_or_else(|| Refusal::missing("position does not exist"))
}

// Activities

/// Fills and fees of crypto.
pub(crate) fn activities(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.now() + call.hall.floor.clock.ahead;
    let wanted =
        if call.name.is_empty() { call.query.list("activity_types") } else { vec![call.name] };
    let wants = |kind: &str| wanted.is_empty() || wanted.contains(&kind);
    let (since, until) = (call.query.time("after")?, call.query.time("until")?);
    let day = call.query.word("date").and_then(times::day);
    let size = call.query.count("page_size", ACTIVITIES_MAX, ACTIVITIES_MAX)?;
    let token = call.query.word("page_token");
    let fits = |at: i64| {
        since.is_none_or(|since| at > since)
            && until.is_none_or(|until| at < until)
            && day.is_none_or(|day| times::day(&times::utc(at)) == Some(day))
    };
    let own = call.own()?;
    let mut found = Vec::new();
    if wants("FILL") {
        found.extend(fills(own, call.hall.floor.clock.ahead));
    }
    if wants("CFEE") {
        found.extend(fees(own, now));
    }
    found.retain(|(at, _)| fits(*at));
    found.sort_by_key(|(at, _)| *at);
    if call.query.word("direction") != Some("asc") {
        found.reverse();
    }
    let known = token.and_then(|token| {
        // Identifiers are compared, since texts of all take long.
        let id: Uuid = token.rsplit("::").next()?.parse().ok()?;
        let is_it = |(at, what): &Dated<'_>| what.id() == id && row_id(*at, what) == token;
        found.iter().position(is_it)
    });
    let rows = found.iter().skip(known.map_or(0, |place| place + 1)).take(size);
    Ok(rows.map(|(at, what)| activity(call, *at, what)).collect())
}

/// What happened on an account. Its row is made only if it is on the page.
enum Happened<'a> {
    /// An execution, and how far its order was then.
    Filled(&'a OwnFill, i64),
    /// The fee of one.
    Fee(&'a OwnFill),
}

impl Happened<'_> {
    fn id(&self) -> Uuid {
        match self {
            Self::Filled(fill, _) => ids::id(Sort::Fill, fill.order.0, fill.trade),
            Self::Fee(fill) => ids::id(Sort::Fee, fill.order.0, fill.trade),
        }
    }
}

type Dated<'a> = (i64, Happened<'a>);

fn row_id(at: i64, what: &Happened<'_>) -> String {
    format!("{}::{}", times::compact(at), what.id())
}

fn activity(call: &Call<'_>, at: i64, what: &Happened<'_>) -> Value {
    let id = row_id(at, what);
    match what {
        Happened::Filled(fill, so_far) => filled(call, (at, id), fill, *so_far),
        Happened::Fee(fill) => fee(call, (at, id), fill),
    }
}

fn fills(own: &Account, ahead: i64) -> impl Iterator<Item = Dated<'_>> {
    let mut filled: BTreeMap<OrderId, i64> = BTreeMap::new();
    own.fills.iter().map(move |fill| {
        let so_far = filled.entry(fill.order).or_default();
        *so_far += fill.quantity;
        (fill.at + ahead, Happened::Filled(fill, *so_far))
    })
}

/// Fees of crypto: taken at once, and told once their day is over. That is the day of the right clock,
/// so that it ends for who sets the clock a day ahead.
fn fees(own: &Account, now: i64) -> impl Iterator<Item = Dated<'_>> {
    let day = |at: i64| at - at.rem_euclid(DAY);
    let is_told = move |fill: &&OwnFill| fill.fee != Amount::ZERO && day(fill.at) < day(now);
    own.fills.iter().filter(is_told).map(move |fill| (day(fill.at), Happened::Fee(fill)))
}

/// Coins have a quantity, and money has an amount.
fn fee(call: &Call<'_>, (day, id): (i64, String), fill: &OwnFill) -> Value {
    let listed = call.hall.floor.listed(fill.instrument);
    let paid = (-fill.fee).to_string();
    let (net_amount, qty, of) = if fill.fee_asset == listed.rules.base {
        ("0", paid.as_str(), "Non USD")
    } else {
        (paid.as_str(), "0", "USD")
    };
    json!({
        "id": id, "activity_type": "CFEE",
        "date": times::utc(day)[..10], "net_amount": net_amount, "qty": qty,
        "description": format!("Coin Pair Transaction Fee ({of})"),
        "symbol": listed.listing.symbol.replace('/', ""), "price": text(listed.price(fill.price)),
        "status": "executed",
    })
}

fn filled(call: &Call<'_>, (at, id): (i64, String), fill: &OwnFill, so_far: i64) -> Value {
    let floor = &call.hall.floor;
    let listed = floor.listed(fill.instrument);
    let record = floor.record(call.account, fill.order);
    let whole = record.map_or(so_far, |record| record.order.quantity.max(so_far));
    let (kind, status) =
        if so_far >= whole { ("fill", "filled") } else { ("partial_fill", "partially_filled") };
    json!({
        "id": id, "activity_type": "FILL",
        "transaction_time": times::utc(at), "type": kind, "price": text(listed.price(fill.price)),
        "qty": text(listed.size(fill.quantity)), "side": if fill.is_buyer { "buy" } else { "sell" },
        "symbol": listed.listing.symbol, "leaves_qty": text(listed.size(whole - so_far)),
        "order_id": words::order_id(fill.order), "cum_qty": text(listed.size(so_far)),
        "order_status": status, "swap_rate": "1",
    })
}

// The venue

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn assets(call: &mut Call<'_>) -> Answer {
    let query = &call.query;
    let class = query.word("asset_class");
    let is_active = query.word("status").is_none_or(|status| status == "active");
    let floor = &call.hall.floor;
    let ids = (0..)
        .zip(&floor.instruments)
        .filter(|(_, listed)| is_active && class.is_none_or(|class| class == words::class(listed)));
    Ok(ids.map(|(id, _)| words::asset(floor, id)).collect())
}

pub(crate) fn asset(call: &mut Call<'_>) -> Answer {
    let floor = &call.hall.floor;
    let found = words::instrument(floor, call.name);
    let id = found.ok_or_else(|| Refusal::missing(format!("asset not found for {}", call.name)))?;
    Ok(words::asset(floor, id))
}

/// Here trading never stops; sessions only say when orders for a day end.
#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn clock(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.now() + call.hall.floor.clock.ahead;
    let close = times::next_close(now, false);
    Ok(json!({
        "timestamp": times::local(now), "is_open": true,
        "next_open": times::local(times::next_open(close)), "next_close": times::local(close),
    }))
}

pub(crate) fn calendar(call: &mut Call<'_>) -> Answer {
    let now = call.hall.floor.now();
    let read = |name: &str| match call.query.word(name) {
        None => Ok(None),
        Some(text) => {
            let wrong = || Refusal::malformed(format!("{name} must be a date"));
            times::day(text).map(Some).ok_or_else(wrong)
        }
    };
    let today = times::day(&times::utc(now)).unwrap_or_default();
    let start = read("start")?.unwrap_or(today);
    let last = start.saturating_add(CALENDAR_DAYS.days());
    let end = read("end")?.unwrap_or(last).min(last);
    let mut days = Vec::new();
    let mut day = start;
    while day <= end {
        if times::is_session(day) {
            days.push(json!({
                "date": day.to_string(), "open": "09:30", "close": "16:00", "session_open": "0400",
                "session_close": "2000",
            }));
        }
        day = day.saturating_add(1.day());
    }
    Ok(Value::Array(days))
}
