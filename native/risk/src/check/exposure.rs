//! What could be held if every open order filled. Orders that shrink it always pass.

use rustonite_core::Amount;
use rustonite_core::datasets::{RiskScope, order_flags};
use rustonite_core::ids::AssetId;

use super::{Ask, Flow, GO_ON, Judge, SEATS};
use crate::code::{Code, Unit};
use crate::exposure::PPM;
use crate::intent::Denial;
use crate::key::Key;
use crate::merged::switches;
use crate::orders::Open;
use crate::risk::Risk;
use crate::rules::{Class, divided_up};

/// A sum that was told or added up beyond this is as good as this.
const SUM_MAX: i128 = 1 << 110;
/// Ratios have two decimals.
const HUNDRED: i128 = 100;
const POSITION: [RiskScope; 3] = [RiskScope::Instrument, RiskScope::Venue, RiskScope::All];

impl Risk {
    #[inline]
    pub(super) fn exposure<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        // Without a price nothing is worth anything, whatever the rates are.
        if ask.traded.worth.size == 0 && ask.traded.market.value2() > 0 {
            ask.deny(judge, Code::RateMissing, RiskScope::Instrument, None)?;
        }
        if ask.added > 0 {
            self.positions(ask, judge)?;
            self.sums(ask, judge)?;
            self.against_equity(ask, judge)?;
        }
        if ask.switches() & switches::UNFUNDED != 0 && !ask.is_reduce_only {
            self.funds(ask, judge)?;
        }
        GO_ON
    }

    #[inline]
    fn positions<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let (traded, limits) = (ask.traded, &ask.traded.limits);
        let total = traded.total.with(ask.is_buy, ask.added);
        if ask.is_buy && total.high() > limits.long {
            let value = ask.rules.size_amount(total.high()).0;
            self.meet_chain(ask, judge, Code::LongMax, Key::LongMax, value)?;
        }
        if !ask.is_buy && total.low() < -limits.short {
            let value = ask.rules.size_amount(total.low().saturating_neg()).0;
            self.meet_chain(ask, judge, Code::ShortMax, Key::ShortMax, value)?;
        }
        let after = |cell: &crate::exposure::Cell| cell.with(ask.is_buy, ask.added).worst();
        for (cell, limit, scopes) in [
            (&traded.total, limits.position, &POSITION[..]),
            (ask.strategy_cell, ask.strategy.limits.position, &SEATS[3..]),
            (ask.cell, ask.account.seat.limits.position, &SEATS[2..3]),
        ] {
            let worst = after(cell);
            let value = i128::from(worst).wrapping_mul(traded.worth.size);
            if value > limit && worst > cell.worst() {
                let (code, key) = (Code::PositionNotional, Key::PositionNotionalMax);
                self.meet_scopes(ask, judge, code, key, value, scopes)?;
            }
        }
        GO_ON
    }

    /// Gross and net of the four scopes.
    #[inline]
    fn sums<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let added = i128::from(ask.added).wrapping_mul(ask.traded.worth.size);
        let grosses = ask.grosses();
        for (at, seat) in ask.seats().into_iter().enumerate() {
            let more = if at == 3 { grosses.1 } else { grosses.0 };
            let gross = seat.gross.min(SUM_MAX).wrapping_add(more);
            if more > 0 && gross > seat.limits.gross {
                self.meet_scopes(ask, judge, Code::Gross, Key::GrossMax, gross, &SEATS[at..=at])?;
            }
        }
        for (at, seat) in ask.seats().into_iter().enumerate() {
            let net = if ask.is_buy { seat.high } else { -seat.low.max(-SUM_MAX) };
            let net = net.min(SUM_MAX).wrapping_add(added);
            if net > seat.limits.net {
                self.meet_scopes(ask, judge, Code::Net, Key::NetMax, net, &SEATS[at..=at])?;
            }
        }
        GO_ON
    }

    /// The account against its equity.
    #[inline]
    fn against_equity<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let concentration = ask.strictest(|limits| limits.concentration);
        let leverage = ask.strictest(|limits| limits.leverage);
        if concentration.min(leverage) == i64::MAX {
            return GO_ON;
        }
        let Some(equity) = ask.account.equity else {
            return ask.deny(judge, Code::EquityMissing, RiskScope::Account, None);
        };
        let worst = ask.cell.with(ask.is_buy, ask.added).worst();
        let value = i128::from(worst).wrapping_mul(ask.traded.worth.size);
        let exceeds = |part: i128, times: i128, limit: i64| {
            limit < i64::MAX && part.wrapping_mul(times) > equity * i128::from(limit)
        };
        if worst > ask.cell.worst() && exceeds(value, PPM, concentration) {
            let value = part_of(value, PPM, equity);
            self.meet(ask, judge, Code::Concentration, Key::ConcentrationBps, value)?;
        }
        let more = ask.grosses().0;
        let gross = ask.account.seat.gross.min(SUM_MAX).wrapping_add(more);
        if more > 0 && exceeds(gross, HUNDRED, leverage) {
            let value = part_of(gross, HUNDRED, equity);
            self.meet(ask, judge, Code::Leverage, Key::LeverageMax, value)?;
        }
        GO_ON
    }

    /// What pays for it.
    #[inline]
    fn funds<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let traded = ask.traded;
        let (asset, needed) = if ask.rules.class == Class::Spot {
            let (asset, each) = ask.pays_each();
            // Until a change is settled, the larger size at the higher cost is held.
            let (held_each, held) = ask.open.map_or((0, 0), |open| (open.pays_each(), open.leaves));
            let most = each.max(held_each).wrapping_mul(i128::from(ask.leaves.max(held)));
            (asset, most.wrapping_sub(ask.open.map_or(0, Open::reserved)))
        } else {
            let after = ask.cell.with(ask.is_buy, ask.added).worst();
            let more = i128::from(after - ask.cell.worst());
            if more <= 0 {
                // A position has to be closed however little is free.
                return GO_ON;
            }
            let each = traded.worth.margin.wrapping_mul(i128::from(ask.cell.margin_ppm));
            (traded.settle, more.wrapping_mul(each))
        };
        let Some(purse) = self.purses.get(self.purse(ask.intent.account, asset)) else {
            return ask.deny(judge, Code::BalanceMissing, RiskScope::Account, None);
        };
        if ask.cell.margin_ppm == 0 || purse.unmargined > 0 {
            ask.deny(judge, Code::MarginMissing, RiskScope::Account, None)?;
        }
        if ask.intent.flags & order_flags::SHORT_SALE != 0 && !ask.is_buy {
            if !purse.is_borrow_told || needed > purse.borrowable {
                return ask.unfunded(judge, Code::ShortUnavailable, purse.borrowable, needed);
            }
            return GO_ON;
        }
        if !purse.is_told {
            return ask.deny(judge, Code::BalanceMissing, RiskScope::Account, None);
        }
        if needed > purse.free() {
            return ask.unfunded(judge, Code::Unfunded, purse.free(), needed);
        }
        GO_ON
    }

    #[inline]
    pub(super) fn loss<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        for (at, seat) in ask.seats().into_iter().enumerate() {
            if seat.profit.is_missing() {
                ask.deny(judge, Code::ProfitMissing, SEATS[at], None)?;
            }
        }
        for (at, seat) in ask.seats().into_iter().enumerate() {
            if ask.now < seat.paused_until {
                self.loss_pause(ask, judge, at)?;
            }
        }
        GO_ON
    }

    #[cold]
    #[inline(never)]
    fn loss_pause<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, at: usize) -> Flow {
        let scope = SEATS[at];
        let left = ask.seats()[at].paused_until.saturating_sub(ask.now);
        let length = self.section(ask, scope).and_then(|section| section.hard(Key::LossPauseMs));
        let ms = |ns| Unit::Ms.amount(ns);
        let figures = Some((ms(length.unwrap_or(0)), ms(left.into())));
        let (key, market_seq) = (Some(Key::LossPauseMs), ask.seen());
        let denial = Denial::new(Code::LossStreak, scope).with(figures);
        judge.hear(Denial { key, market_seq, ..denial })
    }
}

/// A part in so many parts, rounded up; of nothing it is beyond every limit.
#[cold]
#[inline(never)]
fn part_of(part: i128, times: i128, whole: i128) -> i128 {
    if whole <= 0 { SUM_MAX } else { divided_up(part.saturating_mul(times), whole) }
}

impl Ask<'_> {
    #[cold]
    #[inline(never)]
    fn unfunded<J: Judge>(&self, judge: &mut J, code: Code, free: i128, needed: i128) -> Flow {
        let figures = (Amount(free.div_euclid(PPM)), Amount(divided_up(needed, PPM)));
        self.deny(judge, code, RiskScope::Account, Some(figures))
    }

    /// What it adds to the gross of the account's scopes, and of the strategy.
    #[inline]
    fn grosses(&self) -> (i128, i128) {
        let more = |cell: &crate::exposure::Cell| {
            let size = cell.with(self.is_buy, self.added).worst() - cell.worst();
            i128::from(size).wrapping_mul(self.traded.worth.size)
        };
        (more(self.cell), more(self.strategy_cell))
    }
}

impl Ask<'_> {
    /// Whether the whole amount changes hands.
    pub(crate) fn is_spot(&self) -> bool {
        self.rules.class == Class::Spot
    }

    /// The asset that pays for a spot order, and how much of it a size point takes, times a million.
    #[inline]
    pub(crate) fn pays_each(&self) -> (AssetId, i128) {
        if !self.is_buy {
            return (self.traded.base, self.rules.base_per_size() * PPM);
        }
        let price = self.own_price();
        let each = i128::from(price).wrapping_mul(self.traded.worth.product_quote);
        (self.traded.quote, each.wrapping_mul(i128::from(self.cell.margin_ppm)))
    }
}
