//! What a venue allows to be sent, and how much of that is used up.
//!
//! Every window is looked back on from now, whatever moments the venue counts from: what fits here
//! fits there. What answers say corrects the count upwards, because others may use it up as well.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rustonite_core::budget::{Errand, Limit};
use rustonite_core::ids::InstrumentId;

const SECOND: i64 = 1_000_000_000;
/// Parts of a window in which counts are kept together.
const PARTS: i64 = 50;
/// How long a ban lasts at least if the venue does not say.
const BAN: i64 = 120 * SECOND;

/// Something that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Spend<'a> {
    /// What for.
    pub errand: Errand,
    /// Of what, where it is of one.
    pub instrument: Option<InstrumentId>,
    /// The client id of its order.
    pub client_id: Option<&'a str>,
    /// How many of them.
    pub count: u32,
}

impl Spend<'_> {
    /// One that is about no instrument.
    pub const fn one(errand: Errand) -> Self {
        Self { errand, instrument: None, client_id: None, count: 1 }
    }
}

/// The limits of a venue and what is used of them.
#[derive(Debug, Default)]
pub struct Budget {
    purses: Vec<Purse>,
    /// When orders were placed, where the venue charges more for young ones.
    placed: HashMap<Box<str>, i64>,
    /// The venue wants to hear nothing until then.
    closed_until: i64,
}

impl Budget {
    /// Limits of a venue; nothing of them is used.
    pub fn new(limits: Vec<Limit>) -> Self {
        let purses = limits.into_iter().map(Purse::new).collect();
        Self { purses, ..Self::default() }
    }

    /// Until when the venue wants to hear nothing, if it said so.
    pub fn closed_until(&self, now: i64) -> Option<i64> {
        (self.closed_until > now).then_some(self.closed_until)
    }

    /// Whether something may be sent.
    ///
    /// # Errors
    /// When it may be.
    pub fn room(&mut self, spend: &Spend<'_>, now: i64) -> Result<(), i64> {
        let age = self.age(spend, now);
        let purses = self.purses.iter_mut();
        let full = purses.filter_map(|purse| purse.room(spend, age, now).err()).max();
        let until = full.max(self.closed_until(now));
        until.map_or(Ok(()), Err)
    }

    /// Counts what is sent.
    pub fn spend(&mut self, spend: &Spend<'_>, now: i64) {
        let age = self.age(spend, now);
        let mut minds_age = false;
        for purse in &mut self.purses {
            minds_age |= !purse.limit.young.is_empty();
            let cost = purse.cost(spend, age);
            if cost > 0 {
                purse.meter(spend.instrument).add(cost, now);
            }
        }
        if let (true, Errand::Place, Some(id)) = (minds_age, spend.errand, spend.client_id) {
            self.placed.insert(id.into(), now);
        }
    }

    /// An order has ended.
    pub(super) fn forget(&mut self, client_id: &str) {
        self.placed.remove(client_id);
    }

    fn age(&self, spend: &Spend<'_>, now: i64) -> i64 {
        let placed = spend.client_id.and_then(|id| self.placed.get(id));
        placed.map_or(i64::MAX, |placed| now - placed)
    }

    /// The venue refused something because it was too much, and said until when, or did not.
    pub(super) fn refused(&mut self, spend: &Spend<'_>, until: Option<i64>, now: i64) {
        if let Some(until) = until {
            return self.close(until);
        }
        let charged = self.purses.iter_mut().filter(|purse| purse.costs[spend.errand.index()] > 0);
        match charged.min_by_key(|purse| purse.length()) {
            Some(purse) => {
                let most = purse.limit.most;
                purse.meter(spend.instrument).is_at_least(most, now);
            }
            None => self.close(now + SECOND),
        }
    }

    /// The venue wants to hear nothing for a while.
    pub fn close(&mut self, until: i64) {
        self.closed_until = self.closed_until.max(until);
    }

    /// What the head of an answer says of the limits that it was counted under.
    pub(super) fn headers(
        &mut self,
        spend: &Spend<'_>,
        headers: &[(String, String)],
        sent: i64,
        now: i64,
    ) {
        let value = |name: &str| {
            let found = headers.iter().find(|(known, _)| !name.is_empty() && known == name);
            found.and_then(|(_, text)| text.parse::<u32>().ok())
        };
        for purse in &mut self.purses {
            if purse.costs[spend.errand.index()] == 0 {
                continue;
            }
            let limit = &purse.limit;
            let used = value(&limit.used_header);
            let left = value(&limit.left_header);
            let most = value(&limit.most_header).unwrap_or(limit.most);
            let used = used.or(left.map(|left| most.saturating_sub(left)));
            purse.is_told(spend.instrument, most, used, (sent, now));
        }
    }

    /// What an answer on a line says of one limit.
    pub(super) fn told(&mut self, name: &str, per_s: u64, most: u32, used: u32, now: i64) {
        let is_it = |purse: &&mut Purse| purse.limit.name == name && purse.limit.per_s == per_s;
        if let Some(purse) = self.purses.iter_mut().find(is_it) {
            purse.is_told(None, most, Some(used), (now, now));
        }
    }
}

/// What streams say of limits that drain.
impl Budget {
    /// So much of one instrument's count is used.
    pub(super) fn counted(&mut self, name: &str, instrument: InstrumentId, used: u32, now: i64) {
        for purse in self.draining(name) {
            purse.meter(Some(instrument)).is_at_least(used, now);
        }
    }

    /// So much may be used.
    pub(super) fn is_as_large(&mut self, name: &str, most: u32) {
        for purse in self.draining(name) {
            purse.limit.most = most.max(1);
        }
    }

    fn draining(&mut self, name: &str) -> impl Iterator<Item = &mut Purse> {
        let drains = move |purse: &&mut Purse| purse.limit.per_s == 0 && purse.limit.name == name;
        self.purses.iter_mut().filter(drains)
    }
}

/// When a venue that refused something wants to be asked again; `None` if it does not say.
pub(super) fn retry_at(status: u16, headers: &[(String, String)], now: i64) -> Option<i64> {
    let value = |name: &str| {
        let found = headers.iter().find(|(known, _)| known == name);
        found.and_then(|(_, text)| text.trim().parse::<i64>().ok())
    };
    let after = value("retry-after").map(|seconds| now + seconds.saturating_mul(SECOND));
    let reset = || value("x-ratelimit-reset").map(|at| at.saturating_mul(SECOND));
    let ban = (status == 418).then_some(now + BAN);
    after.or_else(reset).or(ban)
}

/// One limit, and what is used of it.
#[derive(Debug)]
struct Purse {
    costs: [u32; Errand::COUNT],
    limit: Limit,
    meters: BTreeMap<Option<InstrumentId>, Meter>,
}

impl Purse {
    fn new(limit: Limit) -> Self {
        let mut costs = [0; Errand::COUNT];
        for (errand, cost) in &limit.costs {
            costs[errand.index()] = *cost;
        }
        Self { costs, limit, meters: BTreeMap::new() }
    }

    /// How long it takes at most until there is room again.
    fn length(&self) -> i64 {
        nanoseconds(self.limit.per_s)
    }

    fn meter(&mut self, instrument: Option<InstrumentId>) -> &mut Meter {
        let key = instrument.filter(|_| self.limit.each_instrument);
        let limit = &self.limit;
        self.meters.entry(key).or_insert_with(|| Meter::new(limit))
    }

    fn cost(&self, spend: &Spend<'_>, age: i64) -> u32 {
        let single = match spend.errand {
            Errand::PlaceMany => Errand::Place,
            Errand::CancelMany => Errand::Cancel,
            other => other,
        };
        if single != spend.errand && self.limit.costs.contains_key(&spend.errand) {
            return self.costs[spend.errand.index()];
        }
        let young = self.limit.young.get(&single).map_or(&[][..], Vec::as_slice);
        let more = young.iter().find(|(seconds, _)| age < nanoseconds(*seconds));
        let each = self.costs[single.index()] + more.map_or(0, |(_, more)| *more);
        each.saturating_mul(spend.count)
    }

    /// What is kept for more urgent things: cancels come first, questions last.
    fn kept(&self, errand: Errand) -> u32 {
        let ends = self.costs[Errand::Cancel.index()] > 0 || !self.limit.young.is_empty();
        let acts = ends || self.costs[Errand::Place.index()] > 0;
        match errand {
            Errand::Place | Errand::PlaceMany | Errand::Replace if ends => self.limit.most / 10,
            Errand::Query
            | Errand::OpenOrders
            | Errand::Fills
            | Errand::Balances
            | Errand::Positions
            | Errand::Payments
            | Errand::Leverage
                if acts =>
            {
                self.limit.most / 4
            }
            _ => 0,
        }
    }

    fn room(&mut self, spend: &Spend<'_>, age: i64, now: i64) -> Result<(), i64> {
        let cost = self.cost(spend, age);
        if cost == 0 {
            return Ok(());
        }
        let most = self.limit.most.saturating_sub(self.kept(spend.errand));
        // A single thing that costs more than there is has to go some time: when nothing is used.
        let cost = if spend.count > 1 { cost } else { cost.min(most.max(1)) };
        self.meter(spend.instrument).room(cost, most.max(1), now)
    }

    /// The venue says how much there is and how much of it was used when it answered.
    fn is_told(
        &mut self,
        instrument: Option<InstrumentId>,
        most: u32,
        used: Option<u32>,
        (sent, now): (i64, i64),
    ) {
        self.limit.most = most.max(1);
        let length = self.length();
        // Which of two windows an answer speaks of is not known.
        let is_sure = length > 0 && sent.div_euclid(length) == now.div_euclid(length);
        if let Some(used) = used.filter(|_| is_sure) {
            self.meter(instrument).is_at_least(used, now);
        }
    }
}

fn nanoseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND)
}

/// What is used up.
#[derive(Debug)]
enum Meter {
    /// Counts of the parts of a window, the oldest first.
    Window { length: i64, parts: VecDeque<(i64, u32)>, sum: u32 },
    /// A level that sinks.
    Drain { most: f64, per_s: f64, level: f64, at: i64 },
}

impl Meter {
    fn new(limit: &Limit) -> Self {
        if limit.per_s == 0 {
            let (most, per_s) = (f64::from(limit.most), limit.drains_per_s.max(1e-3));
            return Self::Drain { most, per_s, level: 0.0, at: 0 };
        }
        let length = nanoseconds(limit.per_s);
        Self::Window { length, parts: VecDeque::new(), sum: 0 }
    }

    /// Leaves out what is over.
    fn turn(&mut self, now: i64) {
        match self {
            Self::Window { length, parts, sum } => {
                while let Some((begin, count)) = parts.front().copied()
                    && ends(begin, *length) <= now
                {
                    *sum -= count;
                    parts.pop_front();
                }
            }
            Self::Drain { per_s, level, at, .. } => {
                let passed = seconds((now - *at).max(0));
                *level = (*level - passed * *per_s).max(0.0);
                *at = (*at).max(now);
            }
        }
    }

    fn room(&mut self, cost: u32, most: u32, now: i64) -> Result<(), i64> {
        self.turn(now);
        match self {
            Self::Window { length, parts, sum } => {
                let over = sum.saturating_add(cost).saturating_sub(most);
                if over == 0 {
                    return Ok(());
                }
                let mut freed = 0;
                let enough = parts.iter().find(|(_, count)| {
                    freed += count;
                    freed >= over
                });
                let last = enough.or(parts.back());
                Err(last.map_or(now.saturating_add(*length), |(begin, _)| ends(*begin, *length)))
            }
            Self::Drain { per_s, level, .. } => {
                let over = *level + f64::from(cost) - f64::from(most);
                if over <= 0.0 {
                    return Ok(());
                }
                Err(now.saturating_add(later(over / *per_s)))
            }
        }
    }

    fn add(&mut self, cost: u32, now: i64) {
        self.turn(now);
        match self {
            Self::Window { length, parts, sum } => {
                let begin = part(now, *length);
                *sum = sum.saturating_add(cost);
                match parts.back_mut() {
                    Some((last, count)) if *last >= begin => *count = count.saturating_add(cost),
                    _ => parts.push_back((begin, cost)),
                }
            }
            Self::Drain { level, .. } => *level += f64::from(cost),
        }
    }

    /// So much is used in the window that began last at a whole multiple of its length.
    fn is_at_least(&mut self, used: u32, now: i64) {
        self.turn(now);
        let known = match self {
            Self::Window { length, parts, .. } => {
                let begin = now - now.rem_euclid(*length);
                parts.iter().filter(|(at, _)| *at >= begin).map(|(_, count)| *count).sum()
            }
            Self::Drain { most, level, .. } => {
                *level = level.max(f64::from(used).min(*most));
                return;
            }
        };
        if used > known {
            self.add(used - known, now);
        }
    }
}

/// When a part of a window begins.
fn part(now: i64, length: i64) -> i64 {
    now - now.rem_euclid((length / PARTS).max(1))
}

/// When what was counted in a part is over.
fn ends(begin: i64, length: i64) -> i64 {
    begin.saturating_add(length).saturating_add(length / PARTS)
}

#[allow(clippy::cast_precision_loss, reason = "fractions of a second do not matter here")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / SECOND as f64
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as above")]
fn later(seconds: f64) -> i64 {
    (seconds * SECOND as f64).ceil() as i64
}

#[cfg(test)]
mod tests;
