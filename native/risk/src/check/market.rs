//! Whether the market data can be trusted, and which price an order is judged by.

use rustonite_core::datasets::RiskScope;

use super::{Ask, CHAIN, Flow, GO_ON, Judge, kinds};
use crate::code::{Code, Unit};
use crate::exposure::PPM;
use crate::key::Key;
use crate::merged::switches;
use crate::risk::Risk;
use crate::rules::{Class, divided_up};

impl Risk {
    #[inline]
    pub(super) fn market<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let market = &ask.traded.market;
        if market.reference2 == 0 {
            ask.deny(judge, Code::PriceMissing, RiskScope::Instrument, None)?;
        }
        if market.is_gapped {
            ask.deny(judge, Code::SequenceGap, RiskScope::Instrument, None)?;
        }
        let age = ask.now.saturating_sub(market.ts);
        // What has never come is missing, and not old.
        if market.ts > i64::MIN && age > ask.strictest(|limits| limits.stale_ns) {
            self.meet(ask, judge, Code::StaleData, Key::StaleMs, age.into())?;
        }
        if market.bid >= market.ask && market.bid > 0 && market.ask > 0 {
            ask.no_spread(judge)?;
        }
        if ask.now < market.paused_until {
            ask.paused(judge)?;
        }
        let divergence = ask.strictest(|limits| limits.divergence);
        if divergence < i64::MAX {
            self.divergence(ask, judge, divergence)?;
        }
        let latency = ask.now.saturating_sub(ask.intent.ts_cause);
        if latency > ask.strictest(|limits| limits.latency_ns) {
            self.meet(ask, judge, Code::Latency, Key::LatencyMs, latency.into())?;
        }
        GO_ON
    }

    #[inline]
    fn divergence<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, limit: i64) -> Flow {
        let market = &ask.traded.market;
        let fair2 = i128::from(market.fair()) * 2;
        if fair2 == 0 {
            return ask.deny(judge, Code::MarkMissing, RiskScope::Instrument, None);
        }
        let off = (i128::from(market.reference2) - fair2).abs();
        if market.reference2 > 0 && off * PPM > fair2 * i128::from(limit) {
            let value = divided_up(off * PPM, fair2);
            return self.meet(ask, judge, Code::Divergence, Key::DivergenceBps, value);
        }
        GO_ON
    }

    /// A limit of the instrument alone is met.
    pub(super) fn meet_chain<J: Judge>(
        &self,
        ask: &Ask<'_>,
        judge: &mut J,
        code: Code,
        key: Key,
        value: i128,
    ) -> Flow {
        self.meet_scopes(ask, judge, code, key, value, &CHAIN)
    }
}

impl Ask<'_> {
    #[cold]
    #[inline(never)]
    fn no_spread<J: Judge>(&self, judge: &mut J) -> Flow {
        let market = &self.traded.market;
        let (code, switch) = if market.bid > market.ask {
            (Code::Crossed, switches::CROSSED)
        } else {
            (Code::Locked, switches::LOCKED)
        };
        if self.switches() & switch == 0 {
            return GO_ON;
        }
        let price = |points| self.rules.price_amount(points);
        let figures = Some((price(market.ask), price(market.bid)));
        self.deny(judge, code, RiskScope::Instrument, figures)
    }

    #[cold]
    #[inline(never)]
    fn paused<J: Judge>(&self, judge: &mut J) -> Flow {
        let left = self.traded.market.paused_until.saturating_sub(self.now);
        let length = Unit::Ms.amount(self.traded.pause_ns.into());
        let figures = Some((length, Unit::Ms.amount(left.into())));
        self.deny(judge, Code::Volatility, RiskScope::Instrument, figures)
    }

    /// The price that the order itself names, or the market's for its side, or 0.
    #[inline]
    pub(super) fn own_price(&self) -> i64 {
        let named = self.named_price();
        if named > 0 { named } else { self.market_price() }
    }

    /// The worst price that the order names, or 0.
    #[inline]
    pub(super) fn named_price(&self) -> i64 {
        let intent = self.intent;
        intent.price.or(intent.price_protect).or(intent.trigger).unwrap_or(0)
    }

    /// The reference, rounded up; for buys no less than the ask.
    #[inline]
    pub(super) fn market_price(&self) -> i64 {
        let market = &self.traded.market;
        let reference = (market.reference2 >> 1) + (market.reference2 & 1);
        if self.is_buy { reference.max(market.ask) } else { reference }
    }

    /// Whether it may take at once.
    #[inline]
    pub(super) fn takes(&self) -> bool {
        let (intent, market) = (self.intent, &self.traded.market);
        if kinds::waits(intent.kind) {
            return false;
        }
        match intent.price {
            Some(price) if self.is_buy => price >= market.ask,
            Some(price) => price <= market.bid || market.bid == 0,
            None => true,
        }
    }

    /// What money is computed of.
    #[inline]
    pub(super) fn product_at(&self, price: i64, size: i64) -> i128 {
        let price = if self.rules.class == Class::Inverse { 1 } else { price };
        i128::from(price) * i128::from(size)
    }
}
