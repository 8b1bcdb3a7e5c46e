//! Positions that switches want closed: orders at the market that shrink them, through risk like any
//! other, until they are flat.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    InstrumentKind, OrderKind, OrderSide, PositionSide, RiskRequest, order_flags,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::{Journal, Link, PositionKey, Wish};
use rustonite_risk::{Code, Target};

use super::Desk;
use super::releasing::Refused;
use super::switches::Try;

/// The label of orders that close positions.
const LABEL: &str = "flatten";

/// What is known of positions that are being closed.
#[derive(Debug, Default)]
pub(super) struct Closing {
    tries: BTreeMap<PositionKey, Tried>,
}

/// How it went to close a position.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    last: Try,
    /// The most that is tried at once, where all of it was too much.
    most: Option<Amount>,
    /// How large the position was then.
    held: Amount,
}

impl Closing {
    pub(super) fn hurry(&mut self) {
        self.tries.clear();
    }
}

/// Whether an order is there to close a position.
pub(crate) fn is_closing(wish: &Wish) -> bool {
    wish.tags.as_deref() == Some(LABEL)
}

impl<J: Journal> Desk<J> {
    /// Closes what switches want closed, once no other order is open there.
    pub(super) fn flatten(&mut self, now: i64) {
        for trip in self.flattening() {
            let open = self.positions_under(trip.target);
            // An order that has not ended can still make a position.
            let is_open = !open.is_empty() || self.ending_orders(trip.target).next().is_some();
            self.let_shrink(&trip, is_open, now);
            for key in open {
                self.close(key, now);
            }
        }
    }

    /// Whether a target has what is at an account and of an instrument.
    pub(super) fn reaches(
        &self,
        target: Target,
        account: AccountId,
        instrument: InstrumentId,
    ) -> bool {
        match target {
            Target::All => true,
            Target::Account(one) => one == account,
            Target::Instrument(one) => one == instrument,
            Target::Venue(venue) => {
                let directory = self.ledger.directory();
                let listed = directory.listed(instrument);
                listed.is_some_and(|listed| &*listed.venue == directory.venue_name(venue))
            }
            Target::Strategy(_) | Target::Order(_) => false,
        }
    }

    /// Positions of a target that can be closed: what is smaller than the least size stays.
    fn positions_under(&self, target: Target) -> Vec<PositionKey> {
        let is_under = |key: &PositionKey| match target {
            Target::Strategy(strategy) => key.strategy == Some(strategy),
            other => key.strategy.is_none() && self.reaches(other, key.account, key.instrument),
        };
        let positions = self.ledger.positions().iter();
        let under = positions.filter(|(key, one)| is_under(key) && one.size != Amount::ZERO);
        let closable = under.filter(|(key, _)| !self.is_too_small(key));
        closable.map(|(key, _)| *key).collect()
    }

    fn is_too_small(&self, key: &PositionKey) -> bool {
        let tried = self.switches.closing.tries.get(key);
        let least = [Code::SizeMin, Code::NotionalMin];
        let is_least = tried.is_some_and(|tried| {
            tried.most.is_none() && least.iter().any(|one| one.name() == tried.last.why)
        });
        is_least || self.part_of(key).is_none()
    }

    /// What of a position is closed by one order; `None` if it is less than a lot.
    fn part_of(&self, key: &PositionKey) -> Option<Amount> {
        let listed = self.ledger.directory().listed(key.instrument)?;
        let size = self.ledger.positions().get(key).size;
        let size = if size < Amount::ZERO { -size } else { size };
        let tried = self.switches.closing.tries.get(key);
        let most = tried.and_then(|tried| tried.most).unwrap_or(size);
        let lots = size.min(most).0 / listed.lot.0;
        (lots > 0).then_some(Amount(lots * listed.lot.0))
    }

    fn close(&mut self, key: PositionKey, now: i64) {
        let mut tried = self.switches.closing.tries.get(&key).copied().unwrap_or_default();
        let account = self.accounts.get(key.account.index());
        let is_ready = account.is_some_and(|account| account.may_trade);
        if !is_ready || !tried.last.is_due(now) || self.is_in_use(&key) {
            return;
        }
        let Some(size) = self.part_of(&key) else { return };
        let refused = self.send_closing(&key, size, tried.last.why, now).err();
        if refused.is_some_and(is_too_large) {
            // Half of it may be let through.
            tried.most = Some(Amount(size.0 / 2));
        }
        let held = self.ledger.positions().get(&key).size;
        if tried.held != held {
            // The last one was filled. One that the venue refuses is not sent again and again.
            tried.last = Try::default();
        }
        tried.held = held;
        tried.last.note(refused.map_or("closing", Code::name), now);
        self.switches.closing.tries.insert(key, tried);
    }

    /// Whether an order is open that could fill while a position is being closed.
    fn is_in_use(&self, key: &PositionKey) -> bool {
        let open = self.ledger.open_orders().into_iter();
        let mut here = open.filter(|order| {
            order.wish.account == key.account && order.wish.instrument == key.instrument
        });
        here.any(|order| order.is_managed() && !order.is_held())
    }

    fn send_closing(
        &mut self,
        key: &PositionKey,
        size: Amount,
        refused_before: &str,
        now: i64,
    ) -> Result<(), Code> {
        let wish = self.closing_wish(key, size);
        let order = self.ledger.next_id();
        match self.passed(RiskRequest::Submit, order, None, wish, now) {
            Ok((intent, pass, wish)) => {
                // A journal that takes no row halts trading by itself.
                let ready = self.write_submit(wish, Link::default(), (intent, pass), now);
                if let Ok(ready) = ready {
                    self.send_submit(ready, now);
                }
                Ok(())
            }
            Err(refused) => {
                let Refused { asked, denial, .. } = *refused;
                if denial.code.name() != refused_before {
                    self.write_denial(asked, &denial, now);
                }
                Err(denial.code)
            }
        }
    }

    /// Who a position of an account is closed for: first the strategy, of what it holds of it, then
    /// nobody. What others left must not become a debt of the strategy.
    fn share_of(&self, key: &PositionKey, size: Amount) -> (Option<StrategyId>, Amount) {
        if key.strategy.is_some() {
            return (key.strategy, size);
        }
        let strategy = Some(self.strategy);
        let own = self.ledger.positions().get(&PositionKey { strategy, ..*key }).size;
        let whole = self.ledger.positions().get(key).size;
        let is_same_way = own.0.signum() == whole.0.signum();
        let lot = self.ledger.directory().listed(key.instrument).map_or(1, |one| one.lot.0);
        let part = Amount(own.abs().0 / lot * lot).min(size);
        if is_same_way && part > Amount::ZERO { (strategy, part) } else { (None, size) }
    }

    fn closing_wish(&self, key: &PositionKey, size: Amount) -> Wish {
        let (strategy, size) = self.share_of(key, size);
        let is_long = self.ledger.positions().get(key).size > Amount::ZERO;
        let listed = self.ledger.directory().listed(key.instrument);
        let is_contract = listed.is_some_and(|listed| listed.kind != InstrumentKind::Spot);
        let is_net = key.side == PositionSide::Net;
        // Where there are two positions their side says it, and spot has no such flag.
        let flags = if is_contract && is_net { order_flags::REDUCE_ONLY } else { 0 };
        Wish {
            account: key.account,
            strategy,
            instrument: key.instrument,
            side: if is_long { OrderSide::Sell } else { OrderSide::Buy },
            kind: OrderKind::Market,
            tif: None,
            price: None,
            price_protect: None,
            size,
            size_quote: None,
            size_display: None,
            size_min: None,
            trigger: None,
            flags,
            position_side: (!is_net).then_some(key.side),
            stp: None,
            ts_expire: None,
            tags: Some(LABEL.into()),
        }
    }

    /// Why positions that are to be closed are still there, one word for each.
    pub(super) fn unclosed(&self, of: Target) -> Vec<&'static str> {
        let wanted = self.flattening();
        let mut keys: Vec<_> =
            wanted.iter().flat_map(|trip| self.positions_under(trip.target)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mine = self.positions_under(of);
        let why = |key: &PositionKey| {
            let tried = self.switches.closing.tries.get(key);
            tried.map_or("to_be_closed", |tried| tried.last.why)
        };
        keys.iter().filter(|key| mine.contains(key)).map(why).collect()
    }
}

/// Whether a smaller order may be let through.
fn is_too_large(code: Code) -> bool {
    matches!(
        code,
        Code::SizeMax
            | Code::MarketSizeMax
            | Code::NotionalMax
            | Code::OrderSize
            | Code::OrderNotional
            | Code::MarketNotional
            | Code::AdvShare
    )
}
