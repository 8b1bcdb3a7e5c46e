//! What others do in one market.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::index::Index;
use super::purse::Purse;
use super::{FlowConfig, Market, SECOND};
use crate::chance::{exponential, float, power_law, whole};
use crate::{
    AccountId, Command, Exchange, Expiry, InstrumentId, Kind, NewOrder, OrderId, Quantity,
    SelfTrade, Side,
};

mod makers;

/// Of what happens in calm: makers renew quotes,
const MAKERS: f64 = 0.60;
/// takers come without having been lured by others.
const TAKERS: f64 = 0.002;
/// A taker lures so many more of the same side,
const LURES_SAME: f64 = 0.78;
/// and of the other one.
const LURES_OTHER: f64 = 0.06;
/// They come within about so many of a market's usual events.
const LURED_WITHIN: f64 = 80.0;
/// A market begins as if so many takers of each side had just come, so that it trades at once.
const OPENING: f64 = 6.0;
/// When the touch is not where it should be, things happen so many times as fast,
const HURRY: f64 = 20.0;
/// but only so many in a row.
const HURRIED_MAX: u32 = 16;
/// Orders that an account of the crowd has open, on average.
const CROWD_ORDERS: usize = 32;
/// What rests is so many times as large as what small takers take: orders of the crowd,
const CROWD_SIZE: i64 = 2;
/// and quotes of makers.
const MAKER_SIZE: i64 = 16;
/// How fast numbers of large sizes fall off, and how far the largest goes beyond the usual.
const SIZE_TAIL: f64 = 1.4;
const SIZE_LARGEST: f64 = 300.0;
/// The same of takers: more of them are small, and the others larger.
const TAKER_TAIL: f64 = 0.8;
const TAKER_LARGEST: f64 = 200.0;
/// The same of distances from the touch, in depths.
const DISTANCE_TAIL: f64 = 1.1;
const DISTANCE_LARGEST: f64 = 0.03;
/// A taker of usual size moves the reference price by this part of the depth.
const IMPACT: f64 = 0.03;
/// Levels that a taker looks at before it decides how much it takes.
const LEVELS_SEEN: usize = 10;
/// Time between two mark prices.
const MARK_EVERY: i64 = 1_000_000_000;
/// The part of a new distance between market and index that goes into the mean.
const PREMIUM_PART: f64 = 0.02;
/// Longs pay at least this when nothing differs, and nobody pays more than the limit.
const FUNDING_USUAL_PPM: i64 = 100;
const FUNDING_LIMIT_PPM: i64 = 7500;

/// Best bid and ask, as far as there are any.
type Touch = (Option<i64>, Option<i64>);

/// What counts of an order that an account has open.
#[derive(Clone, Copy, Debug)]
struct Mine {
    id: OrderId,
    side: Side,
    /// Zero if it has no limit.
    price: i64,
}

/// Everybody who trades a market, but for users of the exchange.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Trader {
    market: Market,
    purse: Purse,
    #[serde(with = "crate::chance::kept")]
    rng: Rng,
    /// Events per second in calm.
    rate: f64,
    now: i64,
    /// When something happens next, perhaps.
    next: i64,
    /// What `next` was drawn with: not below what the rate will have been.
    bound: f64,
    /// Commands in a row that brought the touch to where it should be.
    hurried: u32,
    /// Additional takers per second that buy and that sell, as of `now`.
    lured: [f64; 2],
    mark_at: i64,
    funding_at: i64,
    /// Mean distance between market and index, as part of the price.
    premium: f64,
    #[serde(skip)]
    own: Vec<Mine>,
}

impl Trader {
    pub(super) fn new(market: &Market, config: &FlowConfig, rng: Rng) -> Self {
        let is_perpetual = market.listing.kind != Kind::Spot;
        let every =
            |time: i64| if is_perpetual { config.start.saturating_add(time) } else { i64::MAX };
        Self {
            purse: Purse::new(&market.listing, market.price, market.size),
            market: market.clone(),
            rng,
            rate: config.events_per_second,
            now: config.start,
            next: config.start,
            bound: 0.0,
            hurried: 0,
            lured: [OPENING * LURES_SAME * config.events_per_second / LURED_WITHIN; 2],
            mark_at: every(0),
            funding_at: every(market.funding_every),
            premium: 0.0,
            own: Vec::new(),
        }
    }

    /// The deposits that it begins with.
    pub(super) fn funding(&self) -> impl Iterator<Item = Command> {
        self.market
            .makers
            .iter()
            .chain(&self.market.crowd)
            .flat_map(|account| self.purse.deposits(*account))
    }

    pub(super) fn index(&self) -> usize {
        self.market.index
    }

    /// When it has to be asked next.
    pub(super) fn due(&self) -> i64 {
        self.next.min(self.mark_at).min(self.funding_at)
    }

    /// What happens at the moment that is due; sometimes nothing does.
    pub(super) fn act(&mut self, index: &mut Index, exchange: &Exchange) -> Option<Command> {
        let now = self.due();
        self.fade(now);
        index.advance(now);
        let touch = touch(exchange, self.market.instrument);
        if now == self.mark_at {
            self.mark_at = now.saturating_add(MARK_EVERY);
            return Some(self.mark(index, touch));
        }
        if now == self.funding_at {
            self.funding_at = now.saturating_add(self.market.funding_every);
            return Some(self.fund());
        }
        let reference = index.price(self.market.price);
        if self.hurried < HURRIED_MAX && !self.is_in_place(reference, touch) {
            self.hurried += 1;
            let command = self.put_in_place(reference, touch, exchange);
            let gap = exponential(&mut self.rng, SECOND / (self.rate * HURRY));
            self.next = self.now.saturating_add(whole(gap).max(1));
            return command;
        }
        self.hurried = 0;
        let rate = self.rate_now(index);
        // A candidate drawn with too high a rate happens with the chance that makes up for it.
        let happens = self.rng.f64() * self.bound < rate;
        let command = if happens { self.choose(rate, index, touch, exchange) } else { None };
        self.draw_next(index);
        command
    }

    fn rate_now(&self, index: &Index) -> f64 {
        self.rate * index.pace() + self.lured.iter().sum::<f64>()
    }

    fn draw_next(&mut self, index: &Index) {
        self.bound = self.rate_now(index);
        let gap = exponential(&mut self.rng, SECOND / self.bound);
        self.next = self.now.saturating_add(whole(gap).max(1));
    }

    /// Fewer and fewer of the lured ones are still to come.
    fn fade(&mut self, now: i64) {
        let seconds = float(now.saturating_sub(self.now)) / SECOND;
        let left = (-seconds * self.rate / LURED_WITHIN).exp();
        self.lured.iter_mut().for_each(|lured| *lured *= left);
        self.now = now;
    }

    fn choose(
        &mut self,
        rate: f64,
        index: &mut Index,
        touch: Touch,
        exchange: &Exchange,
    ) -> Option<Command> {
        let reference = index.price(self.market.price);
        let usual = self.rate * index.pace();
        let mut draw = self.rng.f64() * rate;
        for side in [Side::Buy, Side::Sell] {
            let leaning = 1.0 + sign(side) * index.trend();
            let takers = usual * TAKERS / 2.0 * leaning + self.lured[side as usize];
            if draw < takers {
                return self.take(side, index, exchange);
            }
            draw -= takers;
        }
        if draw < usual * MAKERS {
            let side = self.either_side();
            return self
                .quote(side, reference, touch, exchange)
                .or_else(|| self.crowd(reference, touch, exchange));
        }
        self.crowd(reference, touch, exchange)
    }

    /// Somebody takes, and lures others.
    fn take(&mut self, side: Side, index: &mut Index, exchange: &Exchange) -> Option<Command> {
        let account = self.anybody();
        let mut seen = exchange.levels(self.market.instrument, side.opposite()).take(LEVELS_SEEN);
        let (best, first) = seen.next()?;
        let there = seen.fold(first, |sum, (_, lots)| sum.saturating_add(lots));
        let lots = self.size(TAKER_TAIL, TAKER_LARGEST).min(there / 2);
        let lots = self.fitting(lots, best)?;
        self.lure(side);
        let weight = (float(lots) / float(self.market.size)).sqrt().min(5.0);
        let depth = float(self.market.depth) / float(self.market.price);
        index.push(sign(side) * IMPACT * depth * weight);
        let price = (self.rng.u32(0..10) < 3).then_some(best);
        self.place(exchange, self.order(account, side, price, lots, Expiry::Immediate))
    }

    fn lure(&mut self, side: Side) {
        let speed = self.rate / LURED_WITHIN;
        self.lured[side as usize] += LURES_SAME * speed;
        self.lured[side.opposite() as usize] += LURES_OTHER * speed;
    }

    /// One of the crowd places or cancels, so that it has its usual number of orders on average.
    fn crowd(&mut self, reference: f64, touch: Touch, exchange: &Exchange) -> Option<Command> {
        let account = self.anybody();
        let open = exchange.open_count(account, self.market.instrument);
        let is_full = self.market.listing.filters.orders_max.is_some_and(|most| open >= most);
        if is_full || self.rng.usize(0..open + CROWD_ORDERS) < open {
            self.load_own(exchange, account, None);
            let order = self.unloved(touch)?;
            return Some(Command::Cancel { account, order: order.id });
        }
        let side = self.either_side();
        let price = self.somewhere(reference, side, touch);
        let price = self.within_filters(price, exchange);
        let lots = self.size(SIZE_TAIL, SIZE_LARGEST).saturating_mul(CROWD_SIZE);
        let lots = self.fitting(lots, price)?;
        self.place(exchange, self.order(account, side, Some(price), lots, Expiry::Never))
    }

    /// Of two orders, mostly the one that is nearer to the touch: there minds change often.
    fn unloved(&mut self, touch: Touch) -> Option<Mine> {
        let distance = |order: Mine| {
            let best = if order.side == Side::Buy { touch.0 } else { touch.1 };
            (best.unwrap_or(0) - order.price).abs()
        };
        let (a, b) = (*self.rng.choice(&self.own)?, *self.rng.choice(&self.own)?);
        let nearer = if distance(a) <= distance(b) { (a, b) } else { (b, a) };
        Some(if self.rng.u32(0..10) < 6 { nearer.0 } else { nearer.1 })
    }

    /// A price of somebody who does not know better: within the spread, or at any distance behind.
    fn somewhere(&mut self, reference: f64, side: Side, touch: Touch) -> i64 {
        let best = if side == Side::Buy { touch.0 } else { touch.1 };
        let best = best.unwrap_or(whole(reference));
        let gap = touch.1.zip(touch.0).map_or(0, |(ask, bid)| ask - bid - 1);
        if gap > self.market.spread && self.rng.u32(0..10) < 3 {
            let better = self.rng.i64(1..=gap);
            return behind(best + better * direction(side), side, touch);
        }
        let depth = float(self.market.depth);
        let farthest = (reference * DISTANCE_LARGEST / depth).max(2.0);
        let distance = power_law(&mut self.rng, DISTANCE_TAIL, farthest) - 1.0;
        let ticks = whole(distance * depth);
        behind(best - ticks * direction(side), side, touch)
    }

    fn within_filters(&self, price: i64, exchange: &Exchange) -> i64 {
        let filters = &self.market.listing.filters;
        let price = match (filters.band_ppm, exchange.last_price(self.market.instrument)) {
            (Some((below, above)), Some(last)) => price.clamp(
                scaled(last, below) + 1,
                (scaled(last, above) - 1).max(scaled(last, below) + 1),
            ),
            _ => price,
        };
        filters.price.map_or(price, |(least, largest)| price.clamp(least, largest))
    }

    /// Lots that the filters take; `None` if there are none at that price.
    fn fitting(&self, lots: i64, price: i64) -> Option<i64> {
        let filters = &self.market.listing.filters;
        let (mut least, mut most) = filters.quantity.unwrap_or((1, i64::MAX));
        most = most.min(filters.market_quantity_max.unwrap_or(i64::MAX));
        if let Some(worth) = filters.notional_min {
            // A tenth more, because a market order may trade at a lower price.
            let one = self.purse.worth(price, 10).0.max(1);
            let needed = worth.0.saturating_mul(11) / one + 1;
            least = least.max(i64::try_from(needed).unwrap_or(i64::MAX));
        }
        (least <= most).then(|| lots.clamp(least, most))
    }

    /// Small mostly, large sometimes.
    fn size(&mut self, tail: f64, largest: f64) -> i64 {
        let times = power_law(&mut self.rng, tail, largest);
        whole(float(self.market.size) * times).max(1)
    }

    fn place(&self, exchange: &Exchange, new: NewOrder) -> Option<Command> {
        let Quantity::Lots(lots) = new.quantity else { return None };
        let price = new.price.or_else(|| exchange.last_price(self.market.instrument));
        let price = price.unwrap_or(self.market.price);
        let short = self.purse.short_of(exchange, new.account, new.side, price, lots);
        short.or(Some(Command::Place(new)))
    }

    fn order(
        &self,
        account: AccountId,
        side: Side,
        price: Option<i64>,
        lots: i64,
        expiry: Expiry,
    ) -> NewOrder {
        let order = NewOrder::limit(account, self.market.instrument, side, 0, lots);
        NewOrder { price, expiry, self_trade: SelfTrade::ExpireMaker, ..order }
    }

    /// Looks up what an account has open here.
    fn load_own(&mut self, exchange: &Exchange, account: AccountId, side: Option<Side>) {
        let instrument = self.market.instrument;
        self.own.clear();
        let ours = exchange.orders_of(account).filter(|order| {
            order.asked.instrument == instrument && side.is_none_or(|side| order.asked.side == side)
        });
        self.own.extend(ours.map(|order| Mine {
            id: order.id,
            side: order.asked.side,
            price: order.asked.price.unwrap_or(0),
        }));
    }

    fn anybody(&mut self) -> AccountId {
        self.market.crowd[self.rng.usize(0..self.market.crowd.len())]
    }

    fn either_side(&mut self) -> Side {
        if self.rng.bool() { Side::Buy } else { Side::Sell }
    }

    /// The mark price follows the index, with what the market was away from it on average.
    fn mark(&mut self, index: &Index, touch: Touch) -> Command {
        let reference = index.price(self.market.price);
        if let (Some(bid), Some(ask)) = touch {
            let premium = float(bid.saturating_add(ask)) / 2.0 / reference - 1.0;
            self.premium += PREMIUM_PART * (premium - self.premium);
        }
        let price = whole(reference * (1.0 + self.premium)).max(1);
        Command::Mark { instrument: self.market.instrument, price }
    }

    fn fund(&self) -> Command {
        let rate = whole(self.premium * 1e6) + FUNDING_USUAL_PPM;
        let rate_ppm = rate.clamp(-FUNDING_LIMIT_PPM, FUNDING_LIMIT_PPM);
        Command::Funding { instrument: self.market.instrument, rate_ppm }
    }
}

fn touch(exchange: &Exchange, instrument: InstrumentId) -> Touch {
    let best = |side| exchange.levels(instrument, side).next().map(|(price, _)| price);
    (best(Side::Buy), best(Side::Sell))
}

fn direction(side: Side) -> i64 {
    if side == Side::Buy { 1 } else { -1 }
}

fn sign(side: Side) -> f64 {
    float(direction(side))
}

/// A price by which lower is better for its side's rank.
fn rank(side: Side, price: i64) -> i64 {
    -direction(side) * price
}

/// So many millionths of a price.
fn scaled(price: i64, ppm: i64) -> i64 {
    let scaled = i128::from(price) * i128::from(ppm) / 1_000_000;
    i64::try_from(scaled).unwrap_or(i64::MAX - 1)
}

/// A price that does not trade.
fn behind(price: i64, side: Side, touch: Touch) -> i64 {
    match (side, touch) {
        (Side::Buy, (_, Some(ask))) => price.min(ask - 1),
        (Side::Sell, (Some(bid), _)) => price.max(bid + 1),
        _ => price,
    }
    .max(1)
}
