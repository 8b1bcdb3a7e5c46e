//! What a strategy, an account, a venue or everything keeps count of.

use rustonite_core::datasets::TradingState;

use crate::merged::{SeatLimits, Window, Windows};
use crate::recall::Counts;

/// Times of the last requests.
#[derive(Clone, Debug)]
struct Times {
    ring: Box<[i64]>,
    next: usize,
}

impl Times {
    fn new(kept: usize) -> Self {
        Self { ring: vec![i64::MIN; kept.max(1).next_power_of_two()].into(), next: 0 }
    }

    /// The time of the request so many ago; 1 is the last.
    #[inline]
    fn ago(&self, count: usize) -> i64 {
        // A ring's length is a power of two, so this is within it.
        let at = self.next.wrapping_sub(count) & (self.ring.len() - 1);
        self.ring.get(at).copied().unwrap_or(i64::MAX)
    }

    fn push(&mut self, now: i64) {
        let at = self.next & (self.ring.len() - 1);
        if let Some(slot) = self.ring.get_mut(at) {
            *slot = now;
        }
        self.next = self.next.wrapping_add(1);
    }

    fn resized(&self, kept: usize) -> Self {
        let mut larger = Self::new(kept);
        (1..=self.ring.len()).rev().for_each(|ago| larger.push(self.ago(ago)));
        larger
    }
}

/// Profit of a scope, as it was told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Profit {
    pub(crate) is_told: bool,
    /// Of the day, realised and unrealised.
    pub(crate) day: i128,
    /// Since the start of time.
    pub(crate) total: i128,
    /// The largest that `total` ever was; `None` until it is told.
    pub(crate) peak: Option<i128>,
    /// A limit wants it.
    pub(crate) is_wanted: bool,
}

impl Profit {
    /// A limit wants it and it is not known.
    pub(crate) fn is_missing(&self) -> bool {
        self.is_wanted && !self.is_told
    }
}

/// Bits that coarse money leaves out: its unit is 2^30 of 10^-18.
pub(crate) const COARSE_BITS: u32 = 30;

/// Money without what it has below the coarse unit, rounded down.
pub(crate) fn coarse(amount: i128) -> i64 {
    let most = if amount < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(amount >> COARSE_BITS).unwrap_or(most)
}

/// As above, rounded up.
pub(crate) fn coarse_up(amount: i128) -> i64 {
    coarse(amount).saturating_add(1)
}

/// What a scope leaves for another order, in coarse money.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    /// From when on no counter is in the way; never if `i64::MAX`.
    pub(crate) ready_from: i64,
    pub(crate) buy: i64,
    pub(crate) sell: i64,
    pub(crate) position: i64,
    pub(crate) gross: i64,
}

/// The counters of a scope beside its limits.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) room: Room,
    /// Sum of what each position could be worth at worst.
    pub(crate) gross: i128,
    /// Long less short if every open buy filled.
    pub(crate) high: i128,
    /// Long less short if every open sell filled.
    pub(crate) low: i128,
    pub(crate) limits: SeatLimits,
    pub(crate) open_orders: i64,
    pub(crate) sent_today: i64,
    pub(crate) cancels_today: i64,
    pub(crate) fills_today: i64,
    pub(crate) paused_until: i64,
    /// The venue takes nothing new before.
    pub(crate) full_until: i64,
    pub(crate) state: TradingState,
    times: Times,
    pub(crate) profit: Profit,
    pub(crate) executions: i64,
    pub(crate) rejects: i64,
    pub(crate) losses: i64,
    /// The journal's row up to which earlier runs counted.
    counted_until: i64,
}

impl Seat {
    pub(crate) fn new() -> Self {
        Self {
            room: Room::default(),
            gross: 0,
            high: 0,
            low: 0,
            limits: SeatLimits::default(),
            open_orders: 0,
            sent_today: 0,
            cancels_today: 0,
            fills_today: 0,
            paused_until: i64::MIN,
            full_until: i64::MIN,
            state: TradingState::Active,
            times: Times::new(1),
            profit: Profit::default(),
            executions: 0,
            rejects: 0,
            losses: 0,
            counted_until: 0,
        }
    }

    /// Takes new limits, and keeps so many request times at least.
    pub(crate) fn set_limits(&mut self, limits: SeatLimits, times_kept: usize) {
        if times_kept > self.times.ring.len() {
            self.times = self.times.resized(times_kept);
        }
        self.limits = limits;
        self.measure();
    }

    /// Whether a window is full.
    #[inline]
    pub(crate) fn is_full(&self, window: Window, now: i64) -> bool {
        window.count == 0 || self.times.ago(window.count) > now.saturating_sub(window.span_ns)
    }

    /// Requests within a span.
    pub(crate) fn within(&self, span_ns: i64, now: i64) -> usize {
        let since = now.saturating_sub(span_ns);
        (1..=self.times.ring.len()).take_while(|ago| self.times.ago(*ago) > since).count()
    }

    #[inline]
    pub(crate) fn windows(&self, is_cancel: bool) -> &Windows {
        if is_cancel { &self.limits.cancels } else { &self.limits.orders }
    }

    /// Notes when a request left, for windows.
    pub(crate) fn note_request(&mut self, now: i64) {
        self.times.push(now);
    }

    pub(crate) fn count_request(&mut self, now: i64, is_cancel: bool) {
        self.note_request(now);
        self.sent_today += 1;
        self.cancels_today += i64::from(is_cancel);
    }

    pub(crate) fn count_execution(&mut self) {
        self.fills_today += 1;
        self.executions += 1;
    }

    /// Whether an earlier run has counted a row of its journal.
    pub(crate) fn has_counted(&self, seq: i64) -> bool {
        seq <= self.counted_until
    }

    /// What is counted, but for the row and the day.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sent: self.sent_today,
            cancels: self.cancels_today,
            fills: self.fills_today,
            executions: self.executions,
            rejects: self.rejects,
            losses: self.losses,
            paused_until: (self.paused_until > i64::MIN).then_some(self.paused_until),
            ..Counts::default()
        }
    }

    pub(crate) fn restore_counts(&mut self, counts: &Counts, is_of_day: bool) {
        self.counted_until = counts.until;
        if is_of_day {
            (self.sent_today, self.cancels_today) = (counts.sent, counts.cancels);
            self.fills_today = counts.fills;
        }
        (self.executions, self.rejects) = (counts.executions, counts.rejects);
        self.losses = counts.losses;
        self.paused_until = counts.paused_until.unwrap_or(i64::MIN);
        self.measure();
    }

    /// Counts of executions, refusals and losses begin anew.
    pub(crate) fn start_counts(&mut self) {
        (self.executions, self.rejects, self.losses) = (0, 0, 0);
        self.paused_until = i64::MIN;
    }

    pub(crate) fn start_day(&mut self) {
        (self.sent_today, self.cancels_today, self.fills_today) = (0, 0, 0);
        self.profit.day = 0;
    }
}

impl Seat {
    pub(crate) fn add(&mut self, share: &crate::exposure::Share) {
        self.gross = self.gross.saturating_add(share.gross);
        self.high = self.high.saturating_add(share.high);
        self.low = self.low.saturating_add(share.low);
        self.measure_money();
    }

    /// Brings `room` to the present sums.
    fn measure_money(&mut self) {
        let gross = self.limits.gross.saturating_sub(self.gross);
        self.room.buy = coarse(gross.min(self.limits.net.saturating_sub(self.high)));
        self.room.sell = coarse(gross.min(self.limits.net.saturating_add(self.low)));
        self.room.position = coarse(self.limits.position);
        self.room.gross = coarse_up(self.gross);
    }

    /// Brings `room` to new limits.
    pub(crate) fn measure(&mut self) {
        self.measure_money();
        self.measure_counts();
    }

    /// Brings `room` to the present counters. To be called after each change of them.
    pub(crate) fn measure_counts(&mut self) {
        let limits = &self.limits;
        let is_blocked = self.state != TradingState::Active
            || self.open_orders >= limits.open_orders
            || self.sent_today >= limits.per_day
            || self.has_cancelled_too_often()
            || self.profit.is_missing();
        self.room.ready_from = if is_blocked {
            i64::MAX
        } else {
            let windows = [limits.orders.one, limits.orders.ten];
            let from = self.paused_until.max(self.full_until);
            windows.iter().fold(from, |from, window| from.max(self.free_from(*window)))
        };
    }

    /// Whether there were more cancels for each fill of the day than allowed.
    pub(crate) fn has_cancelled_too_often(&self) -> bool {
        let most = self.fills_today.max(1).saturating_mul(self.limits.cancel_ratio);
        self.cancels_today.saturating_mul(100) > most
    }

    /// From when on a window has place for one more.
    fn free_from(&self, window: Window) -> i64 {
        if window.count == 0 {
            return i64::MAX;
        }
        self.times.ago(window.count).saturating_add(window.span_ns)
    }
}
