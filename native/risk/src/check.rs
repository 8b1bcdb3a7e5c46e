//! The checks, in the order of the table of codes. This file finds what a request is about and
//! keeps what the checks say; each group has a file.
//!
//! A check compares with what warns. Only if that is exceeded does a cold function look for the
//! scope, and for whether the value is beyond what denies.

use std::ops::ControlFlow;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderSide, PositionSide, RiskRequest, RiskScope, order_flags};

use crate::code::Code;
use crate::exposure::Cell;
use crate::intent::{Denial, Intent, Pass};
use crate::key::{Key, Sense};
use crate::limits::Section;
use crate::merged::OrderLimits;
use crate::orders::Open;
use crate::risk::{AccountState, Risk, Traded, VenueState};
use crate::rules::Rules;
use crate::seat::Seat;

mod control;
mod exposure;
mod fat_finger;
mod flow;
mod kinds;
mod known;
mod market;
mod sure;
mod validity;

pub(crate) use flow::look;
pub(crate) use kinds::rests;

/// Whether to go on.
pub(crate) type Flow = ControlFlow<()>;
pub(crate) const GO_ON: Flow = ControlFlow::Continue(());

/// Scopes that count for themselves, as [`Ask::seats`] has them.
pub(crate) const SEATS: [RiskScope; 4] =
    [RiskScope::All, RiskScope::Venue, RiskScope::Account, RiskScope::Strategy];

/// What becomes of what checks say.
pub(crate) trait Judge {
    fn hear(&mut self, denial: Denial) -> Flow;
}

/// Stops at the first that denies.
#[derive(Default)]
struct First {
    denial: Option<Denial>,
    warnings: u128,
}

impl Judge for First {
    fn hear(&mut self, denial: Denial) -> Flow {
        if denial.soft {
            self.warnings |= denial.code.bit();
            return GO_ON;
        }
        self.denial = Some(denial);
        ControlFlow::Break(())
    }
}

/// Keeps all.
struct Every<'a>(&'a mut Vec<Denial>);

impl Judge for Every<'_> {
    fn hear(&mut self, denial: Denial) -> Flow {
        self.0.push(denial);
        GO_ON
    }
}

/// What a request is about.
pub(crate) struct Ask<'a> {
    intent: &'a Intent,
    now: i64,
    traded: &'a Traded,
    rules: &'a Rules,
    account: &'a AccountState,
    strategy: &'a Seat,
    venue: &'a VenueState,
    all: &'a Seat,
    desk: &'a OrderLimits,
    cell: &'a Cell,
    strategy_cell: &'a Cell,
    /// The order that a change or cancel is for.
    open: Option<&'a Open>,
    is_buy: bool,
    /// May only shrink a position, by its flags or by its side in hedge mode.
    is_reduce_only: bool,
    /// What may be filled after it.
    leaves: i64,
    /// Of that, what is not counted yet.
    added: i64,
}

impl<'a> Ask<'a> {
    fn seats(&self) -> [&'a Seat; 4] {
        [self.all, &self.venue.seat, &self.account.seat, self.strategy]
    }

    /// The strictest of the instrument's and the desk's.
    #[inline]
    fn strictest<T: Ord>(&self, limit: impl Fn(&'a OrderLimits) -> T) -> T {
        limit(&self.traded.limits).min(limit(self.desk))
    }

    fn switches(&self) -> u32 {
        self.traded.limits.switches | self.desk.switches
    }

    fn seen(&self) -> Option<i64> {
        self.traded.market.seen()
    }

    /// It must not be sent.
    #[cold]
    #[inline(never)]
    fn deny<J: Judge>(
        &self,
        judge: &mut J,
        code: Code,
        scope: RiskScope,
        figures: Option<(Amount, Amount)>,
    ) -> Flow {
        let market_seq = self.seen();
        judge.hear(Denial { market_seq, ..Denial::new(code, scope).with(figures) })
    }
}

impl Risk {
    /// Whether a request may be sent at `now`. It changes nothing: after it was sent, say
    /// [`Risk::sent`].
    ///
    /// # Errors
    /// The first check that denies it, in the order of [`Code`].
    #[inline]
    pub fn check(&self, intent: &Intent, now: i64) -> Result<Pass, Denial> {
        if self.is_surely_fine(intent, now) {
            let traded = self.instruments.get(intent.instrument.index());
            let seq = traded.map(|traded| traded.bounds.seq).filter(|seq| *seq >= 0);
            return Ok(Pass::new(intent, seq, 0));
        }
        self.check_slowly(intent, now)
    }

    #[inline(never)]
    fn check_slowly(&self, intent: &Intent, now: i64) -> Result<Pass, Denial> {
        let mut first = First::default();
        let _ = self.judge(intent, now, &mut first);
        match first.denial {
            None => {
                let traded = self.instruments.get(intent.instrument.index());
                let seen = traded.and_then(|traded| traded.market.seen());
                Ok(Pass::new(intent, seen, first.warnings))
            }
            Some(denial) => Err(denial),
        }
    }

    /// Every limit and rule that a request would fail, and every soft limit that it would exceed,
    /// in the order of the checks. They are added to the list.
    pub fn would_fail(&self, intent: &Intent, now: i64, failures: &mut Vec<Denial>) {
        let _ = self.judge(intent, now, &mut Every(failures));
    }

    #[inline]
    fn judge<J: Judge>(&self, intent: &Intent, now: i64, judge: &mut J) -> Flow {
        let Some(ask) = self.ask(intent, now) else { return self.unknown(intent, judge) };
        if intent.request == RiskRequest::Cancel {
            return self.judge_cancel(&ask, judge);
        }
        self.known(&ask, judge)?;
        self.control(&ask, judge)?;
        ask.validity(judge)?;
        self.market(&ask, judge)?;
        self.fat_finger(&ask, judge)?;
        self.exposure(&ask, judge)?;
        self.flow(&ask, judge)?;
        self.loss(&ask, judge)
    }

    /// A cancel takes risk away: only what makes it senseless, halts and rates are checked.
    fn judge_cancel<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        self.order_is_known(ask, judge)?;
        self.control_of_cancel(ask, judge)?;
        self.rates(ask, judge, true)
    }

    /// `None` if it names something that is not there.
    #[inline]
    pub(crate) fn ask<'a>(&'a self, intent: &'a Intent, now: i64) -> Option<Ask<'a>> {
        let traded = self.instruments.get(intent.instrument.index())?;
        let account = self.accounts.get(intent.account.index())?;
        let place = self.strategy_place(intent.strategy);
        let strategy = self.strategies.get(place)?;
        let rules = traded.rules.as_deref()?;
        if account.venue != traded.venue {
            return None;
        }
        let is_new = !matches!(intent.request, RiskRequest::Replace | RiskRequest::Cancel);
        let open = if is_new { None } else { self.orders.get(intent.order) };
        let leg = leg(account, intent.position_side);
        let cells = self.account_cells.get(account.cell(traded))?;
        let strategy_cells =
            self.strategy_cells.get(self.strategy_cell(place, intent.instrument))?;
        let is_buy = intent.side == OrderSide::Buy;
        let is_reduce_only = reduces_only(account, intent);
        let leaves = intent.size.saturating_sub(intent.size_filled);
        let counted = open.map_or(0, Open::counted);
        let added = if is_reduce_only { 0 } else { leaves.saturating_sub(counted).max(0) };
        Some(Ask {
            intent,
            now,
            traded,
            rules,
            account,
            strategy,
            venue: self.venues.get(traded.venue.index())?,
            all: &self.all,
            desk: self.desks.get(intent.account.index() * self.strategies.len() + place)?,
            cell: &cells[leg],
            strategy_cell: &strategy_cells[leg],
            open,
            is_buy,
            is_reduce_only,
            leaves,
            added,
        })
    }
}

/// The place of the position that an order works on.
#[inline]
pub(crate) fn leg(account: &AccountState, side: Option<PositionSide>) -> usize {
    usize::from(account.hedging && side == Some(PositionSide::Short))
}

/// Whether an order may only shrink a position.
#[inline]
pub(crate) fn reduces_only(account: &AccountState, intent: &Intent) -> bool {
    const FLAGS: i32 = order_flags::REDUCE_ONLY | order_flags::CLOSE_POSITION;
    let closes = match intent.position_side {
        Some(PositionSide::Long) => account.hedging && intent.side == OrderSide::Sell,
        Some(PositionSide::Short) => account.hedging && intent.side == OrderSide::Buy,
        Some(PositionSide::Net) | None => false,
    };
    closes || intent.flags & FLAGS != 0
}

/// What checks say. All of it is cold: a good order says nothing.
impl Risk {
    /// A limit of which the strictest scope holds is met; `value` is in the key's whole units, or
    /// the largest number if it is beyond all of them, which is not told as a figure.
    #[cold]
    #[inline(never)]
    fn meet<J: Judge>(
        &self,
        ask: &Ask<'_>,
        judge: &mut J,
        code: Code,
        key: Key,
        value: i128,
    ) -> Flow {
        self.meet_scopes(ask, judge, code, key, value, &ANY)
    }

    /// As above, among scopes that share a value.
    #[cold]
    #[inline(never)]
    fn meet_scopes<J: Judge>(
        &self,
        ask: &Ask<'_>,
        judge: &mut J,
        code: Code,
        key: Key,
        value: i128,
        scopes: &[RiskScope],
    ) -> Flow {
        let sign = if key.sense() == Sense::Most { 1 } else { -1 };
        let strictest = |pick: fn(&Section, Key) -> Option<i128>| {
            let limits = scopes
                .iter()
                .filter_map(|scope| Some((*scope, pick(self.section(ask, *scope)?, key)?)));
            limits.min_by_key(|(_, limit)| sign * limit)
        };
        let hard = strictest(Section::hard).filter(|(_, limit)| sign * value > sign * limit);
        let soft = hard.is_none();
        // A switch, and a limit that is a length of time, deny whenever they are met.
        let soft = soft && key.sense() == Sense::Most;
        let found = hard.or_else(|| strictest(Section::soft));
        let Some((scope, limit)) = found else { return GO_ON };
        let amounts = (key.unit().amount(limit), key.unit().amount(value));
        let is_figure = key.sense() != Sense::Switch && value < i128::MAX;
        let figures = is_figure.then_some(amounts);
        let (key, market_seq) = (Some(key), ask.seen());
        judge.hear(Denial { key, market_seq, soft, ..Denial::new(code, scope).with(figures) })
    }

    fn section<'a>(&'a self, ask: &Ask<'_>, scope: RiskScope) -> Option<&'a Section> {
        let intent = ask.intent;
        match scope {
            RiskScope::All => Some(&self.sections.all),
            RiskScope::Venue => self.sections.venues.get(ask.traded.venue.index()),
            RiskScope::Account => self.sections.accounts.get(intent.account.index()),
            RiskScope::Strategy => {
                self.sections.strategies.get(self.strategy_place(intent.strategy))
            }
            RiskScope::Instrument => self.sections.instrument(intent.instrument),
            RiskScope::Order => None,
        }
    }
}

/// Scopes of a limit that may stand anywhere, the nearest first.
const ANY: [RiskScope; 5] = [
    RiskScope::Instrument,
    RiskScope::Strategy,
    RiskScope::Account,
    RiskScope::Venue,
    RiskScope::All,
];
/// Scopes of a limit of the instrument.
const CHAIN: [RiskScope; 3] = [RiskScope::Instrument, RiskScope::Venue, RiskScope::All];
