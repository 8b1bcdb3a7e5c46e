//! Orders that belong together: two of which one ends the other, and those that another brings.

use rustonite_sim::{NewOrder, Quantity, Side};

use super::fields::Fields;
use super::orders::{Class, Facts, Kind};
use super::place::{Draft, Parts};
use super::refusal::Refusal;

impl Parts<'_> {
    fn within(&self, name: &str, needed: bool) -> Result<Option<Fields>, Refusal> {
        let within = self.fields.within(name)?;
        if within.is_none() && needed {
            let class = self.class.name();
            return Err(Refusal::malformed(format!("{class} orders require {name}")));
        }
        Ok(within)
    }

    fn take_profit(&self, needed: bool) -> Result<Option<i64>, Refusal> {
        let Some(within) = self.within("take_profit", needed)? else { return Ok(None) };
        let price = self.ticks_of(&within, "limit_price")?;
        price.map(Some).ok_or_else(|| Refusal::malformed("take_profit.limit_price is required"))
    }

    /// Stop price and limit.
    fn stop_loss(&self, needed: bool) -> Result<Option<(i64, Option<i64>)>, Refusal> {
        let Some(within) = self.within("stop_loss", needed)? else { return Ok(None) };
        let stop = self.ticks_of(&within, "stop_price")?;
        let stop = stop.ok_or_else(|| Refusal::malformed("stop_loss.stop_price is required"))?;
        Ok(Some((stop, self.ticks_of(&within, "limit_price")?)))
    }

    fn stop_leg(
        &self,
        (stop, limit): (i64, Option<i64>),
        quantity: Quantity,
    ) -> Result<(NewOrder, Facts), Refusal> {
        let kind = if limit.is_some() { Kind::StopLimit } else { Kind::Stop };
        let order = self.order(kind, limit, Some(stop), None, quantity)?;
        Ok((order, self.facts(kind, None)))
    }

    /// A limit to take a profit, and a stop; at most one of them is filled.
    pub(crate) fn make_pair(&self, draft: &mut Draft) -> Result<(), Refusal> {
        if self.kind != Kind::Limit {
            return Err(Refusal::malformed("oco orders must be limit orders"));
        }
        let profit = self.take_profit(true)?.or(draft.order.price);
        let loss = self.stop_loss(true)?.unwrap_or_default();
        self.check_exits(None, Some(loss.0), profit, self.side)?;
        draft.order.price = profit;
        draft.legs.push(self.stop_leg(loss, draft.order.quantity)?);
        Ok(())
    }

    /// Orders that close what the first one opens.
    pub(crate) fn add_exits(&self, draft: &mut Draft) -> Result<(), Refusal> {
        if !matches!(self.kind, Kind::Market | Kind::Limit) {
            let class = self.class.name();
            return Err(Refusal::malformed(format!("{class} orders must be market or limit")));
        }
        if !matches!(self.time_in_force, "day" | "gtc") {
            return Err(Refusal::invalid("complex orders must be DAY or GTC orders"));
        }
        let needed = self.class == Class::Bracket;
        let (profit, loss) = (self.take_profit(needed)?, self.stop_loss(needed)?);
        if self.class == Class::Oto && profit.is_some() == loss.is_some() {
            let text = "oto orders require either take_profit or stop_loss";
            return Err(Refusal::malformed(text));
        }
        let exit = Self { side: self.side.opposite(), ..*self };
        let base = draft.order.price.or_else(|| self.best(self.side.opposite()));
        exit.check_exits(profit, loss.map(|(stop, _)| stop), base, exit.side)?;
        let quantity = draft.order.quantity;
        if let Some(price) = profit {
            let order = exit.order(Kind::Limit, Some(price), None, None, quantity)?;
            draft.legs.push((order, exit.facts(Kind::Limit, None)));
        }
        if let Some(loss) = loss {
            draft.legs.push(exit.stop_leg(loss, quantity)?);
        }
        Ok(())
    }

    fn best(&self, side: Side) -> Option<i64> {
        self.floor.exchange.levels(self.id, side).next().map(|(price, _)| price)
    }

    /// A profit is on one side of the price at which the first order trades, a loss on the other.
    fn check_exits(
        &self,
        profit: Option<i64>,
        loss: Option<i64>,
        base: Option<i64>,
        exit: Side,
    ) -> Result<(), Refusal> {
        let Some(base) = base else { return Ok(()) };
        let sells = exit == Side::Sell;
        let above = |price: i64| price > base;
        let below = |price: i64| price < base;
        let base = self.listed().price(base);
        let refuse = |name: &str, above: bool| {
            let bound = if above { ">= base_price + 0.01" } else { "<= base_price - 0.01" };
            let text = format!("{name} must be {bound}");
            Err(Refusal::invalid(text).with_number("base_price", base))
        };
        if profit.is_some_and(|price| !if sells { above(price) } else { below(price) }) {
            return refuse("take_profit.limit_price", sells);
        }
        if loss.is_some_and(|price| !if sells { below(price) } else { above(price) }) {
            return refuse("stop_loss.stop_price", !sells);
        }
        Ok(())
    }
}
