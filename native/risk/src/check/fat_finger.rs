//! Orders that nobody can have meant.

use rustonite_core::datasets::RiskScope;

use super::{ANY, Ask, Flow, GO_ON, Judge, kinds};
use crate::code::Code;
use crate::exposure::PPM;
use crate::key::Key;
use crate::merged::switches;
use crate::risk::Risk;
use crate::rules::divided_up;

impl Risk {
    #[inline]
    pub(super) fn fat_finger<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let size = ask.intent.size;
        if size > ask.traded.limits.size {
            let value = ask.rules.size_amount(size).0;
            self.meet_chain(ask, judge, Code::OrderSize, Key::OrderSizeMax, value)?;
        }
        let notional = ask.notional();
        if notional > ask.strictest(|limits| limits.notional) {
            self.meet(ask, judge, Code::OrderNotional, Key::OrderNotionalMax, notional)?;
        }
        self.collars(ask, judge)?;
        let adv_share = ask.strictest(|limits| limits.adv);
        if adv_share < i64::MAX {
            self.adv(ask, judge, adv_share)?;
        }
        if kinds::is_market(ask.intent.kind) {
            self.market_order(ask, judge, notional)?;
        }
        let spread = ask.strictest(|limits| limits.spread);
        if spread < i64::MAX && ask.takes() && ask.intent.flags & kinds::RESTS_ONLY == 0 {
            self.spread(ask, judge, spread)?;
        }
        GO_ON
    }

    #[inline]
    fn collars<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J) -> Flow {
        let (intent, market) = (ask.intent, &ask.traded.market);
        let Some(price) = intent.price.or(intent.price_protect) else { return GO_ON };
        if market.reference2 == 0 {
            // There is nothing to be far from: that it is missing has been said.
            return GO_ON;
        }
        let price2 = i128::from(price) * 2;
        // An order that waits is judged by the price that it waits for, unless that has come.
        let market2 = i128::from(market.reference2);
        let trigger = intent.trigger.filter(|_| kinds::waits(intent.kind));
        let waits_for = trigger
            .map(|price| i128::from(price) * 2)
            .filter(|trigger2| !kinds::is_triggered(intent.kind, ask.is_buy, *trigger2, market2));
        let reference2 = waits_for.unwrap_or(market2);
        let worse = if ask.is_buy { price2 - reference2 } else { reference2 - price2 };
        let beyond = |worse: i128, limit: i64, of: i128| worse * PPM > of * i128::from(limit);
        if beyond(worse, ask.strictest(|limits| limits.collar), reference2) {
            let value = bps(worse, reference2);
            self.meet(ask, judge, Code::PriceCollar, Key::PriceCollarBps, value)?;
        }
        if beyond(-worse, ask.strictest(|limits| limits.far), reference2) {
            self.meet(ask, judge, Code::PriceFar, Key::PriceFarBps, bps(-worse, reference2))?;
        }
        if waits_for.is_none() {
            let best2 = i128::from(if ask.is_buy { market.low2 } else { market.high2 });
            let worse = if ask.is_buy { price2 - best2 } else { best2 - price2 };
            if beyond(worse, ask.strictest(|limits| limits.period_collar), best2) {
                let value = bps(worse, best2);
                self.meet(ask, judge, Code::PeriodCollar, Key::PeriodCollarBps, value)?;
            }
        }
        GO_ON
    }

    #[inline]
    fn adv<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, limit: i64) -> Flow {
        let adv = i128::from(ask.traded.market.adv);
        if adv == 0 {
            return ask.deny(judge, Code::AdvMissing, RiskScope::Instrument, None);
        }
        let size = i128::from(ask.intent.size);
        if size * PPM > adv * i128::from(limit) {
            return self.meet(ask, judge, Code::AdvShare, Key::AdvShareBps, bps(size, adv));
        }
        GO_ON
    }

    fn market_order<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, notional: i128) -> Flow {
        if notional > ask.strictest(|limits| limits.market_notional) {
            self.meet(ask, judge, Code::MarketNotional, Key::MarketNotionalMax, notional)?;
        }
        if ask.intent.price_protect.is_none() && ask.switches() & switches::PROTECT != 0 {
            return self.meet(ask, judge, Code::ProtectMissing, Key::MarketProtect, i128::MAX);
        }
        GO_ON
    }

    #[inline]
    fn spread<J: Judge>(&self, ask: &Ask<'_>, judge: &mut J, limit: i64) -> Flow {
        let market = &ask.traded.market;
        if market.reference2 == 0 {
            return GO_ON;
        }
        let (bid, offer) = (i128::from(market.bid), i128::from(market.ask));
        let (spread2, middle2) = ((offer - bid) * 2, offer + bid);
        let is_one_sided = market.bid == 0 || market.ask == 0;
        if is_one_sided || spread2 * PPM > middle2 * i128::from(limit) {
            // A book without one side has the widest spread of all, which is no number.
            let value = if is_one_sided { i128::MAX } else { bps(spread2, middle2) };
            return self.meet_scopes(
                ask,
                judge,
                Code::SpreadToCross,
                Key::SpreadMaxBps,
                value,
                &ANY,
            );
        }
        GO_ON
    }
}

/// A part in millionths, rounded up.
#[cold]
#[inline(never)]
fn bps(part: i128, whole: i128) -> i128 {
    divided_up(part.saturating_mul(PPM), whole.max(1))
}

impl Ask<'_> {
    /// What the order is worth at its own price; a sale is worth no less than the market.
    #[inline]
    pub(super) fn notional(&self) -> i128 {
        let own = self.own_price();
        let price = if self.is_buy { own } else { own.max(self.market_price()) };
        // Validity has seen that neither is so large that this overflows.
        self.product_at(price, self.intent.size).wrapping_mul(self.traded.worth.product)
    }
}
