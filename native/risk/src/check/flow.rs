//! How many and how often.

use rustonite_core::datasets::{RiskRequest, RiskScope};

use super::{Ask, Flow, GO_ON, Judge, SEATS, kinds, known};
use crate::code::{Code, Unit};
use crate::intent::{Denial, Intent};
use crate::key::Key;
use crate::limits::Section;
use crate::merged::{SECOND_NS, switches};
use crate::risk::Risk;
use crate::seen::mixed;

impl Risk {
    #[inline]
    pub(super) fn flow<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let full_until = ask.account.seat.full_until;
        if ask.now < full_until {
            let left = Unit::Ms.amount(i128::from(full_until.saturating_sub(ask.now)));
            let figures = Some((Unit::Ms.amount(0), left));
            ask.deny(judge, Code::VenueBudget, RiskScope::Account, figures)?;
        }
        self.rates(ask, judge, false)?;
        let is_new = ask.intent.request != RiskRequest::Replace;
        if is_new {
            self.open_orders(ask, judge)?;
        }
        let today = ask.now < self.day_end;
        for (at, seat) in ask.seats().into_iter().enumerate() {
            if today && seat.has_cancelled_too_often() {
                let (cancels, fills) = (seat.cancels_today * 100, seat.fills_today.max(1));
                let value = crate::rules::divided_up(cancels.into(), fills.into());
                self.meet_seat(ask, judge, Code::CancelRatio, Key::CancelRatioMax, value, at)?;
            }
        }
        if is_new {
            self.likeness(ask, judge)?;
            if let Some(parent) = ask.intent.parent {
                self.children(ask, judge, parent)?;
            }
        }
        ask.self_trade(judge)
    }

    #[inline]
    pub(super) fn rates<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, is_cancel: bool) -> Flow {
        let seats = ask.seats();
        for (at, seat) in seats.into_iter().enumerate() {
            if seat.is_full(seat.windows(is_cancel).one, ask.now) {
                self.too_often(ask, judge, Code::MessagesPerS, at, is_cancel)?;
            }
        }
        for (at, seat) in seats.into_iter().enumerate() {
            if seat.is_full(seat.windows(is_cancel).ten, ask.now) {
                self.too_often(ask, judge, Code::MessagesPer10S, at, is_cancel)?;
            }
        }
        let today = ask.now < self.day_end;
        for (at, seat) in seats.into_iter().enumerate() {
            let sent = if today { seat.sent_today } else { 0 };
            if sent >= seat.limits.per_day {
                let value = i128::from(sent) + 1;
                self.meet_seat(ask, judge, Code::MessagesPerDay, Key::MessagesPerDay, value, at)?;
            }
        }
        GO_ON
    }

    /// One more would be too many; the limit of other requests than cancels is less by what is kept
    /// for those.
    #[cold]
    #[inline(never)]
    fn too_often<J: Judge>(
        &self,
        ask: &Ask<'_>,
        judge: &mut J,
        code: Code,
        at: usize,
        is_cancel: bool,
    ) -> Flow {
        let (key, span_ns) = match code {
            Code::MessagesPerS => (Key::MessagesPerS, SECOND_NS),
            _ => (Key::MessagesPer10S, 10 * SECOND_NS),
        };
        let section = self.section(ask, SEATS[at]);
        let get =
            |pick: fn(&Section, Key) -> Option<i128>, key| section.and_then(|own| pick(own, key));
        let kept = if is_cancel { 0 } else { get(Section::hard, Key::CancelReserve).unwrap_or(0) };
        let limit = |pick| get(pick, key).map(|most: i128| (most - kept).max(0));
        let value = ask.seats()[at].within(span_ns, ask.now) + 1;
        let is_denied = limit(Section::hard).is_none_or(|hard| count(value) > hard);
        let figure = if is_denied { limit(Section::hard) } else { limit(Section::soft) };
        let figures = Some((Unit::Count.amount(figure.unwrap_or(0)), known::count(value)));
        let (key, market_seq, soft) = (Some(key), ask.seen(), !is_denied);
        judge.hear(Denial { key, market_seq, soft, ..Denial::new(code, SEATS[at]).with(figures) })
    }

    #[inline]
    fn open_orders<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let own = i64::from(ask.traded.own.count);
        let (code, key) = (Code::OpenOrders, Key::OpenOrdersMax);
        if own >= ask.traded.limits.open_orders {
            let scopes = [RiskScope::Instrument];
            self.meet_scopes(ask, judge, code, key, i128::from(own) + 1, &scopes)?;
        }
        for (at, seat) in ask.seats().into_iter().enumerate() {
            if seat.open_orders >= seat.limits.open_orders {
                self.meet_seat(ask, judge, code, key, i128::from(seat.open_orders) + 1, at)?;
            }
        }
        GO_ON
    }

    #[inline]
    fn likeness<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let window = ask.traded.limits.duplicate_ns.max(ask.desk.duplicate_ns);
        if window == 0 {
            return GO_ON;
        }
        let ago = ask.now.saturating_sub(self.likes.last(look(ask.intent)));
        if ago < window {
            return self.meet(ask, judge, Code::Duplicate, Key::DuplicateMs, ago.into());
        }
        GO_ON
    }

    fn children<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, parent: i64) -> Flow {
        let children = self.children.count(parent);
        if children >= ask.strictest(|limits| limits.children) {
            let value = i128::from(children) + 1;
            self.meet(ask, judge, Code::Children, Key::ChildrenMax, value)?;
        }
        if self.children.is_full_for(parent) {
            return ask.deny(judge, Code::TooManyOrders, RiskScope::All, None);
        }
        GO_ON
    }

    fn meet_seat<J: Judge>(
        &self,
        ask: &Ask<'_>,
        judge: &mut J,
        code: Code,
        key: Key,
        value: i128,
        at: usize,
    ) -> Flow {
        self.meet_scopes(ask, judge, code, key, value, &SEATS[at..=at])
    }
}

fn count(things: usize) -> i128 {
    i128::try_from(things).unwrap_or(i128::MAX)
}

/// A number that orders share which look alike.
#[inline]
pub(crate) fn look(intent: &Intent) -> u64 {
    let strategy = intent.strategy.map_or(u16::MAX, |strategy| strategy.0);
    let who = u64::from(intent.account.0) << 48
        | u64::from(strategy) << 32
        | u64::from(intent.instrument.0);
    let price = intent.price.unwrap_or(0) ^ intent.trigger.unwrap_or(0).rotate_left(32);
    let kind = u64::from(intent.side as u8 & 1) << 7 | u64::from(intent.kind as u8 & 0x7f);
    let size = intent.size.cast_unsigned().rotate_left(8) ^ kind;
    mixed(mixed(who, price.cast_unsigned()), size)
}

impl Ask<'_> {
    #[inline]
    fn self_trade<J: Judge>(&self, judge: &mut J) -> Flow {
        if self.switches() & switches::SELF_TRADE == 0 || kinds::waits(self.intent.kind) {
            return GO_ON;
        }
        let own = &self.traded.own;
        let price = self.intent.price.or(self.intent.price_protect);
        let (meets, other) = if self.is_buy {
            (own.ask < i64::MAX && price.is_none_or(|price| price >= own.ask), own.ask)
        } else {
            (own.bid > 0 && price.is_none_or(|price| price <= own.bid), own.bid)
        };
        if meets {
            let amount = |price| self.rules.price_amount(price);
            let figures = Some((amount(other), amount(price.unwrap_or(other))));
            return self.deny(judge, Code::SelfTrade, RiskScope::Order, figures);
        }
        GO_ON
    }
}
