//! What operators ask of a trader, and the answers.

use std::path::Path;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderKind, OrderSide, PositionSide, RiskScope, TradingState};
use rustonite_core::hint::hint;
use rustonite_exec::OrderId;
use rustonite_feed::now_ns;
use rustonite_risk::{Code, Latch, Limits, Risk, Target};
use serde::Deserialize;

use super::building::wrong;
use super::recalling::counts;
use super::status::SwitchStatus;
use super::{TradeError, Trader, lock, profits};
use crate::control::Asked;
use crate::state::{self, Kept, Resumed, Then};
use crate::strategy::{Broker as _, Denied, limit};

/// What is meant: how far it reaches, and which one there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    scope: String,
    name: String,
}

/// A request, as it comes over the control socket.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    Status {},
    Kill(Kill),
    Ending(Place),
    Resume(Place),
    Trading(Trading),
    Settle { order: i64 },
    DryRun(DryRun),
    Reload {},
}

impl Request {
    /// Nothing is different after it.
    const fn is_question(&self) -> bool {
        matches!(self, Self::Status {} | Self::Ending(_) | Self::DryRun(_))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kill {
    scope: String,
    name: String,
    /// Positions are closed, too.
    #[serde(default)]
    flatten: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trading {
    scope: String,
    name: String,
    state: String,
}

/// An order that is only asked about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DryRun {
    venue: Option<String>,
    symbol: String,
    side: String,
    size: Amount,
    /// None is an order at the market.
    price: Option<Amount>,
    /// In hedge mode.
    position_side: Option<String>,
}

impl Trader {
    /// Answers what operators asked.
    pub(super) fn serve_operator(&mut self) {
        while let Some(asked) = self.control.poll() {
            self.serve(asked);
        }
    }

    fn serve(&mut self, asked: Asked) {
        let request = serde_json::from_str::<Request>(&asked.line);
        let answer = match &request {
            Ok(request) => self.answer(request),
            Err(error) => Err(error.to_string()),
        };
        let refused = |problem: String| serde_json::json!({"error": problem}).to_string();
        let answer = answer.unwrap_or_else(refused);
        if request.is_ok_and(|request| !request.is_question()) {
            // Nobody is told that a switch is thrown before the next run would find it.
            self.keep_switches(Some(Box::new(|| asked.answer(answer))));
        } else {
            asked.answer(answer);
        }
    }

    fn answer(&mut self, request: &Request) -> Result<String, String> {
        match request {
            Request::Status {} => to_text(&self.status()),
            Request::Ending(place) => self.ending(place),
            Request::DryRun(order) => self.dry_run(order),
            Request::Kill(asked) => self.kill(asked),
            Request::Settle { order } => self.settle(*order),
            Request::Trading(asked) => self.trading(asked),
            Request::Resume(place) => self.resume(place),
            Request::Reload {} => self.reload(),
        }
    }

    fn kill(&mut self, asked: &Kill) -> Result<String, String> {
        let mut inner = lock(&self.shared);
        let target = find(inner.desk.risk(), &asked.scope, &asked.name)?;
        let now = inner.now();
        let before = inner.desk.open_under(target);
        if asked.flatten {
            inner.desk.kill_and_flatten(target, now);
        } else {
            inner.desk.kill(target, now);
        }
        let cancelled = before.saturating_sub(inner.desk.open_under(target));
        let ending = inner.desk.ending(target);
        Ok(serde_json::json!({"done": "killed", "cancelled": cancelled, "left": ending})
            .to_string())
    }

    fn ending(&self, place: &Place) -> Result<String, String> {
        let inner = lock(&self.shared);
        let target = find(inner.desk.risk(), &place.scope, &place.name)?;
        to_text(&inner.desk.ending(target))
    }

    fn settle(&mut self, order: i64) -> Result<String, String> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.settle(OrderId(order), now).map_err(|denied| denied.to_string())?;
        Ok(serde_json::json!({"done": "settled", "order": order}).to_string())
    }

    fn dry_run(&self, order: &DryRun) -> Result<String, String> {
        let side = OrderSide::parse(&order.side)
            .ok_or_else(|| format!("side: found {:?}, expected buy or sell", order.side))?;
        let not_here = || self.directory.not_found(order.venue.as_deref(), &order.symbol);
        let found = self.handle.find(order.venue.as_deref(), &order.symbol);
        let instrument = found.ok_or_else(not_here)?;
        let price = order.price.unwrap_or_default();
        let wish = limit(&self.handle, instrument, side, price, order.size);
        let mut wish = wish.ok_or_else(not_here)?;
        if order.price.is_none() {
            (wish.kind, wish.tif, wish.price) = (OrderKind::Market, None, None);
        }
        if let Some(text) = &order.position_side {
            let parsed = PositionSide::parse(text);
            let wrong = || format!("position_side: found {text:?}, expected long or short");
            wish.position_side = Some(parsed.ok_or_else(wrong)?);
        }
        let failed = self.handle.would_fail(wish);
        let row = |denied: &Denied| {
            let figures = denied.figures;
            serde_json::json!({
                "code": denied.code,
                "detail": denied.detail,
                "limit": figures.map(|one| one.limit.to_string()),
                "value": figures.map(|one| one.value.to_string()),
                "market_seq": denied.market_seq,
            })
        };
        let denials: Vec<_> = failed.iter().map(row).collect();
        Ok(serde_json::json!({"done": "tried", "denials": denials}).to_string())
    }

    fn trading(&mut self, asked: &Trading) -> Result<String, String> {
        let parsed = TradingState::parse(&asked.state).ok_or_else(|| {
            let expected = "active, reduce_only, cancel_only or halted";
            format!("state: found {:?}, expected {expected}", asked.state)
        })?;
        let mut inner = lock(&self.shared);
        let target = find(inner.desk.risk(), &asked.scope, &asked.name)?;
        let now = inner.now();
        inner.desk.set_state(target, parsed, now);
        let state = inner.desk.risk().state(target).name();
        Ok(serde_json::json!({"done": "set", "state": state}).to_string())
    }

    fn resume(&mut self, place: &Place) -> Result<String, String> {
        let Place { scope, name } = place;
        let mut inner = lock(&self.shared);
        let now = inner.now();
        let count = match find(inner.desk.risk(), scope, name) {
            Ok(target) => inner.desk.resume(target, now),
            Err(problem) => {
                let parsed = RiskScope::parse(scope);
                let count = parsed.map_or(0, |scope| inner.desk.resume_absent(scope, name, now));
                (count > 0).then_some(count).ok_or(problem)?
            }
        };
        self.keeps_absent.retain(|one| (&one.0, &one.1) != (scope, name));
        let thrown = super::status::switches(inner.desk.risk());
        Ok(serde_json::json!({"done": "resumed", "switches": count, "thrown": thrown}).to_string())
    }

    /// Reads the limits again.
    fn reload(&mut self) -> Result<String, String> {
        let place = self.config.limits.display().to_string();
        let text = std::fs::read_to_string(&self.config.limits);
        let text = text.map_err(|error| format!("{place}: {error}"))?;
        let limits = Limits::parse(&place, &text).map_err(|error| error.to_string())?;
        let version = limits.version;
        let mut inner = lock(&self.shared);
        let now = inner.now();
        let taken = inner.desk.set_limits(limits, now);
        taken.map_err(|error| error.to_string())?;
        Ok(serde_json::json!({"done": "reloaded", "version": version}).to_string())
    }

    /// Keeps the switches where the next run finds them; what is to follow is done after that.
    pub(super) fn keep_switches(&self, then: Option<Then>) {
        let switches = {
            let inner = lock(&self.shared);
            let risk = inner.desk.risk();
            let mut kept = Kept::of(risk, inner.desk.kept());
            kept.keeps.extend(self.keeps_absent.iter().cloned());
            let seq = inner.desk.ledger().seq();
            Kept {
                peaks: profits::peaks(risk),
                counts: counts(risk, seq, &self.counts_absent),
                children: risk.child_counts(),
                children_until: seq,
                ..kept
            }
        };
        let profits = &self.profits;
        let (profit, earned) = (profits.began.clone(), profits.earned.clone());
        let ([fees_until, found_until], day) = (profits.until, profits.day);
        let kept = Kept { day, profit, earned, fees_until, found_until, ..switches };
        self.keeper.keep(kept, then);
    }

    /// The same, and waits until they are there.
    pub(super) fn keep_switches_now(&self) -> Result<(), TradeError> {
        self.keep_switches(None);
        self.keeper.finish().map_err(not_kept)
    }
}

/// The switches could not be written.
pub(super) fn not_kept(source: std::io::Error) -> TradeError {
    TradeError::System { doing: "keeping the switches".to_owned(), source }
}

fn to_text(told: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(told).map_err(|error| error.to_string())
}

fn find(risk: &Risk, scope: &str, name: &str) -> Result<Target, String> {
    let parsed = parse_scope(scope)?;
    risk.target(parsed, name).ok_or_else(|| not_known(parsed, name, &risk.names(parsed)))
}

fn parse_scope(scope: &str) -> Result<RiskScope, String> {
    RiskScope::parse(scope).ok_or_else(|| {
        let expected = "all, venue, account, strategy, instrument or order";
        format!("scope: found {scope:?}, expected {expected}")
    })
}

fn not_known(scope: RiskScope, name: &str, names: &[String]) -> String {
    let scope = scope.name();
    format!("{scope} {name:?} is not known here; {}", hint(name, names.iter().map(String::as_str)))
}

/// What a folder without a trader keeps, and the scope that is meant there.
///
/// # Errors
/// The file cannot be read; the scope is no scope, or the last trader there did not know the name.
fn kept_of(folder: &Path, scope: &str, name: &str) -> Result<(Kept, RiskScope), TradeError> {
    let refused = |problem| wrong("switches".to_owned(), problem);
    let parsed = parse_scope(scope).map_err(refused)?;
    let kept = state::read(folder).map_err(not_kept)?;
    let is_thrown = kept.latches.0.iter().any(|latch| latch.is_of(parsed, name));
    let is_order = || parsed == RiskScope::Order && name.parse::<i64>().is_ok();
    // Where no trader was so far nobody knows; the first one says what it does not know.
    let names = kept.names.get(scope).map_or(&[][..], Vec::as_slice);
    let is_known = match parsed {
        RiskScope::All => name.is_empty(),
        RiskScope::Order => is_order(),
        _ => kept.names.is_empty() || names.iter().any(|known| known == name),
    };
    if is_known || is_thrown {
        Ok((kept, parsed))
    } else {
        Err(refused(not_known(parsed, name, names)))
    }
}

/// Throws a kill switch where no trader runs: the next one begins with it.
///
/// # Errors
/// The folder's file cannot be read or written, or nothing of that name is known there.
pub fn kill_without_trader(
    folder: &Path,
    scope: &str,
    name: &str,
    flatten: bool,
) -> Result<(), TradeError> {
    let (mut kept, scope) = kept_of(folder, scope, name)?;
    let latch = Latch {
        scope,
        name: name.to_owned(),
        code: Code::KillSwitch,
        // Positions are closed for as long as orders that shrink them are let through.
        state: if flatten { TradingState::ReduceOnly } else { TradingState::CancelOnly },
        limit: None,
        value: None,
        ts: now_ns(),
    };
    kept.latches.0.retain(|one| !one.is_of(scope, name) || one.code != latch.code);
    kept.keeps.retain(|one| (one.0.as_str(), one.1.as_str()) != (scope.name(), name));
    kept.latches.0.push(latch);
    state::write(folder, &kept).map_err(not_kept)
}

/// Puts the switches of something back where no trader runs: the next one begins so. Answers as a
/// running one does.
///
/// # Errors
/// As [`kill_without_trader`].
pub fn resume_without_trader(folder: &Path, scope: &str, name: &str) -> Result<String, TradeError> {
    let (mut kept, scope) = kept_of(folder, scope, name)?;
    let before = kept.latches.0.len();
    kept.latches.0.retain(|one| !one.is_of(scope, name));
    let scope = scope.name();
    kept.keeps.retain(|one| (one.0.as_str(), one.1.as_str()) != (scope, name));
    kept.peaks.remove(&format!("{scope} {name}"));
    kept.resumed.retain(|one| (one.scope.as_str(), one.name.as_str()) != (scope, name));
    let (scope, name, ts) = (scope.to_owned(), name.to_owned(), now_ns());
    kept.resumed.push(Resumed { scope, name, ts });
    state::write(folder, &kept).map_err(not_kept)?;
    let count = before - kept.latches.0.len();
    let thrown: Vec<_> = kept.latches.0.iter().map(SwitchStatus::from).collect();
    Ok(serde_json::json!({"done": "resumed", "switches": count, "thrown": thrown}).to_string())
}
