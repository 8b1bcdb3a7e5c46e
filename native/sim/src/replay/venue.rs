//! The venue's side of a replay: the recorded book and the own orders in it.

use super::book::{Book, rank};
use super::late::LateTrades;
use super::orders::Others;
use super::{OwnId, OwnOrder, Penetration, Recorded, ReplayConfig, Report, Told, What};
use crate::queue::{Passing, Place};
use crate::{Amount, CancelReason, Expiry, Fees, QueueModel, Reject, Side};

/// An own order that rests.
#[derive(Clone, Copy, Debug)]
struct Own {
    id: OwnId,
    order: OwnOrder,
    price: i64,
    open: i64,
    place: Place,
    /// Others with a lower rank came before it.
    rank: u64,
}

/// What others traded, as far as it concerns the queue.
#[derive(Clone, Copy, Debug)]
struct Traded {
    maker: Side,
    price: i64,
    quantity: i64,
    /// Of who rested, if that is known.
    rank: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Venue {
    model: QueueModel,
    penetration: Penetration,
    costs: Costs,
    book: Book,
    others: Others,
    /// Resting own orders of both sides, best price first, then by time.
    own: [Vec<Own>; 2],
    late: LateTrades,
    in_snapshot: bool,
    /// The earliest end of an own order's time.
    expires: i64,
    /// What an order takes, by price; kept for the next one.
    sweep: Vec<(i64, i64)>,
}

impl Venue {
    pub(super) fn new(config: &ReplayConfig) -> Self {
        Self {
            model: config.queue,
            penetration: config.penetration,
            costs: Costs { fees: config.fees, unit: config.unit },
            book: Book::default(),
            others: Others::default(),
            own: [Vec::new(), Vec::new()],
            late: LateTrades::new(config.late_ns),
            in_snapshot: false,
            expires: i64::MAX,
            sweep: Vec::new(),
        }
    }

    pub(super) fn open_orders(&self) -> impl Iterator<Item = (OwnId, i64, i64)> {
        self.own.iter().flatten().map(|own| (own.id, own.open, own.place.ahead()))
    }

    /// Something that was recorded happens.
    #[inline]
    pub(super) fn event(&mut self, event: &Recorded, reports: &mut Vec<Report>) {
        self.expire(event.at, reports);
        match event.what {
            What::Level { side, price, quantity } => {
                self.level(event.at, side, price, quantity, reports);
            }
            What::Trade { taker, price, quantity } => {
                let maker = taker.opposite();
                let explained = self.late.explain(event.at, maker, price, quantity);
                self.book.trade(maker, price, quantity - explained);
                self.trade(event.at, Traded { maker, price, quantity, rank: None }, reports);
            }
            What::SnapshotBegins => {
                self.in_snapshot = true;
                self.book.clear();
                self.others.begin_snapshot();
            }
            What::SnapshotEnds => self.end_snapshot(event.at, reports),
            What::Added { order, side, price, quantity } => {
                self.add(event.at, order, (side, price, quantity), reports);
            }
            What::Reduced { order, quantity } => self.reduce(order, quantity),
            What::Executed { order, quantity } => self.execute(event.at, order, quantity, reports),
        }
    }

    pub(super) fn place(&mut self, at: i64, id: OwnId, order: OwnOrder, reports: &mut Vec<Report>) {
        self.expire(at, reports);
        if let Err(reject) = check(at, &order) {
            reports.push(Report { order: id, at, told: Told::Refused(reject) });
            return;
        }
        self.enter(at, id, order, order.quantity, reports);
    }

    pub(super) fn cancel(&mut self, at: i64, id: OwnId, reports: &mut Vec<Report>) {
        self.expire(at, reports);
        let told = match self.withdraw(id) {
            Some(own) => Told::Ended { reason: CancelReason::Asked, open: own.open },
            None => unknown(id),
        };
        reports.push(Report { order: id, at, told });
    }

    pub(super) fn amend(
        &mut self,
        at: i64,
        id: OwnId,
        price: i64,
        quantity: i64,
        reports: &mut Vec<Report>,
    ) {
        self.expire(at, reports);
        let found = self.own.iter().flatten().find(|own| own.id == id).copied();
        let mut refuse = |told| reports.push(Report { order: id, at, told });
        let Some(own) = found else { return refuse(unknown(id)) };
        let order = OwnOrder { price: Some(price), quantity, ..own.order };
        if let Err(reject) = check(at, &order) {
            return refuse(Told::Refused(reject));
        }
        let open = quantity - (own.order.quantity - own.open);
        if open <= 0 {
            return self.cancel(at, id, reports);
        }
        let stays = price == own.price && quantity <= own.order.quantity;
        if !stays && order.post_only && self.plan_sweep(&order, open) > 0 {
            return refuse(Told::Refused(Reject::WouldTrade));
        }
        if !stays {
            self.withdraw(id);
            return self.enter(at, id, order, open, reports);
        }
        if let Some(own) = self.own.iter_mut().flatten().find(|own| own.id == id) {
            (own.order, own.open) = (order, open);
        }
        let told = Told::Rests { open, ahead: own.place.ahead() };
        reports.push(Report { order: id, at, told });
    }

    /// An order comes to the book: takes what it may, and rests if it may.
    fn enter(
        &mut self,
        at: i64,
        id: OwnId,
        order: OwnOrder,
        quantity: i64,
        reports: &mut Vec<Report>,
    ) {
        let mut tell = |told| reports.push(Report { order: id, at, told });
        let offered = self.plan_sweep(&order, quantity);
        if order.post_only && offered > 0 {
            return tell(Told::Refused(Reject::WouldTrade));
        }
        if order.expiry == Expiry::AllOrNothing && offered < quantity {
            return tell(Told::Ended { reason: CancelReason::AllOrNothing, open: quantity });
        }
        let mut open = quantity;
        for (price, lots) in self.sweep.drain(..) {
            self.book.take(order.side.opposite(), price, lots);
            open -= lots;
            tell(self.costs.fill(price, lots, open, false));
        }
        let Some(price) = order.price.filter(|_| can_rest(order.expiry) && open > 0) else {
            if open > 0 {
                let is_market = order.price.is_none();
                let reason =
                    if is_market { CancelReason::NoLiquidity } else { CancelReason::Immediate };
                tell(Told::Ended { reason, open });
            }
            return;
        };
        let place = Place::behind(self.book.get(order.side, price).others())
            .after(self.late.lost(at, order.side, price), self.late.until(at));
        tell(Told::Rests { open, ahead: place.ahead() });
        let rank = self.others.next_rank();
        self.rest(Own { id, order, price, open, place, rank });
    }

    /// Notes what an order would take; how much that is.
    fn plan_sweep(&mut self, order: &OwnOrder, quantity: i64) -> i64 {
        let side = order.side.opposite();
        let reach = order.price.map_or(i64::MAX, |price| rank(side, price));
        let mut left = quantity;
        self.sweep.clear();
        for (price, lots) in self.book.available(side) {
            if left == 0 || rank(side, price) > reach {
                break;
            }
            let lots = lots.min(left);
            self.sweep.push((price, lots));
            left -= lots;
        }
        quantity - left
    }

    fn rest(&mut self, own: Own) {
        if let Expiry::At(at) = own.order.expiry {
            self.expires = self.expires.min(at);
        }
        let side = own.order.side;
        let orders = &mut self.own[side as usize];
        let before = |other: &Own| rank(side, other.price) <= rank(side, own.price);
        let index = orders.partition_point(before);
        orders.insert(index, own);
    }

    fn withdraw(&mut self, id: OwnId) -> Option<Own> {
        self.own.iter_mut().find_map(|orders| {
            let index = orders.iter().position(|own| own.id == id)?;
            Some(orders.remove(index))
        })
    }

    #[inline]
    pub(super) fn expire(&mut self, now: i64, reports: &mut Vec<Report>) {
        if now >= self.expires {
            self.expire_some(now, reports);
        }
    }

    #[cold]
    fn expire_some(&mut self, now: i64, reports: &mut Vec<Report>) {
        self.expires = i64::MAX;
        for orders in &mut self.own {
            orders.retain(|own| {
                let Expiry::At(end) = own.order.expiry else { return true };
                if end > now {
                    self.expires = self.expires.min(end);
                    return true;
                }
                let told = Told::Ended { reason: CancelReason::Expired, open: own.open };
                reports.push(Report { order: own.id, at: end, told });
                false
            });
        }
    }

    #[inline]
    fn level(&mut self, at: i64, side: Side, price: i64, quantity: i64, reports: &mut Vec<Report>) {
        let before = self.book.set(side, price, quantity).others();
        let times = (at, self.late.until(at));
        self.late.lose(at, side, price, before - quantity);
        for own in &mut self.own[side as usize] {
            if own.price == price {
                own.place.resize(self.model, before, quantity, times);
            }
        }
        if quantity > before && !self.in_snapshot {
            self.meet(at, side, price, quantity - before, reports);
        }
    }

    /// Others offer more lots, of which own orders of the other side take what they reach.
    #[inline]
    fn meet(&mut self, at: i64, side: Side, price: i64, fresh: i64, reports: &mut Vec<Report>) {
        let orders = &mut self.own[side.opposite() as usize];
        let reaches = |own: &Own| rank(side, own.price) >= rank(side, price);
        if !orders.first().is_some_and(reaches) {
            return;
        }
        let mut left = fresh;
        for own in orders.iter_mut().take_while(|own| reaches(own)) {
            let lots = own.open.min(left);
            left -= lots;
            self.costs.fill_resting(at, own, lots, reports);
        }
        orders.retain(|own| own.open > 0);
        self.book.take(side, price, fresh - left);
    }

    /// Others traded: those who stood ahead have left, and then it is our turn.
    #[inline]
    fn trade(&mut self, at: i64, traded: Traded, reports: &mut Vec<Report>) {
        let Traded { maker, price, quantity, rank: other } = traded;
        let reached = rank(maker, price);
        let orders = &mut self.own[maker as usize];
        if orders.first().is_none_or(|own| rank(maker, own.price) > reached) {
            return;
        }
        let mut passing = Passing::new(at, quantity);
        for own in orders.iter_mut().take_while(|own| rank(maker, own.price) <= reached) {
            let lots = if own.price != price {
                let traded = passing.first(own.open);
                match self.penetration {
                    Penetration::Whole => own.open,
                    Penetration::Traded => traded,
                }
            } else if other.is_some_and(|other| other < own.rank) {
                own.place.advance(quantity);
                0
            } else if other.is_some() {
                passing.first(own.open)
            } else {
                passing.at(&mut own.place, own.open)
            };
            self.costs.fill_resting(at, own, lots, reports);
        }
        orders.retain(|own| own.open > 0);
    }

    fn add(
        &mut self,
        at: i64,
        order: u64,
        (side, price, quantity): (Side, i64, i64),
        reports: &mut Vec<Report>,
    ) {
        if !self.in_snapshot {
            // A number that is there already means that its end was missed.
            self.reduce(order, 0);
        }
        self.others.add(order, side, price, quantity);
        let before = self.book.get(side, price).quantity;
        self.book.set(side, price, before + quantity);
        if !self.in_snapshot {
            self.meet(at, side, price, quantity, reports);
        }
    }

    fn reduce(&mut self, order: u64, quantity: i64) {
        let Some(other) = self.others.get(order) else { return };
        // One that grows has to leave and come again.
        let lots = (other.quantity - quantity).clamp(0, other.quantity);
        self.shrink(order, lots);
        for own in &mut self.own[other.side as usize] {
            if own.price == other.price && other.rank < own.rank {
                own.place.advance(lots);
            }
        }
    }

    fn execute(&mut self, at: i64, order: u64, quantity: i64, reports: &mut Vec<Report>) {
        let Some(other) = self.others.get(order) else { return };
        let quantity = quantity.min(other.quantity);
        self.shrink(order, quantity);
        let (maker, price, rank) = (other.side, other.price, Some(other.rank));
        self.trade(at, Traded { maker, price, quantity, rank }, reports);
    }

    /// An order of others and its level lose so many lots.
    fn shrink(&mut self, order: u64, lots: i64) {
        let Some(other) = self.others.get(order) else { return };
        self.others.resize(order, other.quantity - lots);
        let before = self.book.get(other.side, other.price).quantity;
        self.book.set(other.side, other.price, before - lots);
    }

    fn end_snapshot(&mut self, at: i64, reports: &mut Vec<Report>) {
        self.in_snapshot = false;
        self.others.end_snapshot();
        for own in self.own.iter_mut().flatten() {
            let there = self.book.get(own.order.side, own.price).quantity;
            own.place.resize(QueueModel::RiskAverse, there, there, (at, i64::MIN));
            if self.model == QueueModel::Fifo {
                let ahead = self.others.ahead(own.order.side, own.price, own.rank);
                own.place = Place::behind(ahead.min(own.place.ahead()));
            }
        }
        for side in [Side::Buy, Side::Sell] {
            self.meet_all(at, side, reports);
        }
    }

    /// A snapshot may show others at prices that own orders of the other side reach.
    fn meet_all(&mut self, at: i64, side: Side, reports: &mut Vec<Report>) {
        let mut best = self.book.available(side).next();
        while let Some((price, lots)) = best
            && let Some(own) = self.own[side.opposite() as usize].first()
            && rank(side, own.price) >= rank(side, price)
        {
            self.meet(at, side, price, lots, reports);
            best = self.book.available(side).next();
        }
    }
}

/// What trading costs.
#[derive(Clone, Copy, Debug)]
struct Costs {
    fees: Fees,
    unit: Amount,
}

impl Costs {
    fn fill(&self, price: i64, quantity: i64, open: i64, is_maker: bool) -> Told {
        let ppm = if is_maker { self.fees.maker_ppm } else { self.fees.taker_ppm };
        // Recorded prices and sizes are far from what does not fit; at worst a fee is cut.
        let worth = self.unit.0.saturating_mul(price.into()).saturating_mul(quantity.into());
        let fee = Amount(worth.saturating_mul(ppm.into()) / 1_000_000);
        Told::Filled { price, quantity, open, is_maker, fee }
    }

    fn fill_resting(&self, at: i64, own: &mut Own, lots: i64, reports: &mut Vec<Report>) {
        if lots > 0 {
            own.open -= lots;
            let told = self.fill(own.price, lots, own.open, true);
            reports.push(Report { order: own.id, at, told });
        }
    }
}

fn check(now: i64, order: &OwnOrder) -> Result<(), Reject> {
    if order.quantity <= 0 {
        return Err(Reject::Quantity { quantity: order.quantity, least: 1, largest: i64::MAX });
    }
    match order.price {
        Some(price) if price <= 0 => Err(Reject::Price { price, least: 1, largest: i64::MAX }),
        None if order.post_only || can_rest(order.expiry) => {
            Err(Reject::Contradiction("a market order never rests"))
        }
        _ if order.post_only && !can_rest(order.expiry) => {
            Err(Reject::Contradiction("a post-only order rests"))
        }
        _ if matches!(order.expiry, Expiry::At(end) if end <= now) => {
            Err(Reject::Contradiction("its time is over"))
        }
        _ => Ok(()),
    }
}

fn can_rest(expiry: Expiry) -> bool {
    matches!(expiry, Expiry::Never | Expiry::At(_))
}

fn unknown(id: OwnId) -> Told {
    Told::Refused(Reject::UnknownOrder(crate::OrderId(id.0)))
}
