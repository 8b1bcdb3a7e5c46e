//! How much clients may ask for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rustonite_sim::AccountId;
use serde::{Deserialize, Serialize};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const TEN_SECONDS: i64 = 10 * SECOND;
const DAY: i64 = 86_400 * SECOND;
/// Refused calls within a minute after which an address is banned,
const WARNINGS: u32 = 20;
/// for so long.
const BAN: i64 = 2 * MINUTE;

/// What a venue allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Weight of calls per minute and address, or account.
    pub weight_1m: u32,
    /// New orders per ten seconds and account.
    pub orders_10s: u32,
    /// New orders per minute and account.
    pub orders_1m: u32,
    /// New orders per day and account.
    pub orders_1d: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { weight_1m: 6_000, orders_10s: 100, orders_1m: u32::MAX, orders_1d: 200_000 }
    }
}

impl Allowance {
    /// Everything, for those who test something else.
    pub const ALL: Self = Self {
        weight_1m: u32::MAX,
        orders_10s: u32::MAX,
        orders_1m: u32::MAX,
        orders_1d: u32::MAX,
    };

    /// What a venue allows on its usual plan.
    pub fn of(venue: &str) -> Self {
        match venue {
            "alpaca" => Self {
                weight_1m: 200,
                orders_10s: u32::MAX,
                orders_1m: u32::MAX,
                orders_1d: u32::MAX,
            },
            "binance-usdm" => {
                Self { weight_1m: 2_400, orders_10s: 300, orders_1m: 1_200, orders_1d: u32::MAX }
            }
            _ => Self::default(),
        }
    }
}

/// A count that begins anew with each window of time.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Count {
    window: i64,
    count: u32,
}

impl Count {
    fn add(&mut self, now: i64, length: i64, more: u32) -> u32 {
        let window = now.div_euclid(length);
        if window != self.window {
            *self = Self { window, count: 0 };
        }
        self.count = self.count.saturating_add(more);
        self.count
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Caller {
    weight: Count,
    warnings: Count,
    banned_until: i64,
}

/// Why a call comes too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuch {
    pub(crate) banned_until: Option<i64>,
    pub(crate) retry_after_s: u64,
}

/// What was used so far.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Limits {
    #[serde(skip)]
    pub(crate) allowed: Allowance,
    callers: BTreeMap<IpAddr, Caller>,
    orders: BTreeMap<AccountId, [Count; 3]>,
    accounts: BTreeMap<AccountId, Count>,
}

impl Limits {
    pub(crate) fn new(allowed: Allowance) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// A call of a weight. Returns the weight used in this minute.
    pub(crate) fn call(
        &mut self,
        from: IpAddr,
        now: i64,
        weight: u32,
    ) -> core::result::Result<u32, TooMuch> {
        let caller = self.callers.entry(from).or_default();
        let seconds = |until: i64| u64::try_from((until - now) / SECOND + 1).unwrap_or(1);
        if caller.banned_until > now {
            let until = caller.banned_until;
            return Err(TooMuch { banned_until: Some(until), retry_after_s: seconds(until) });
        }
        let used = caller.weight.add(now, MINUTE, weight);
        if used <= self.allowed.weight_1m {
            return Ok(used);
        }
        if caller.warnings.add(now, MINUTE, 1) > WARNINGS {
            caller.banned_until = now + BAN;
            let until = caller.banned_until;
            return Err(TooMuch { banned_until: Some(until), retry_after_s: seconds(until) });
        }
        let next_minute = (now.div_euclid(MINUTE) + 1) * MINUTE;
        Err(TooMuch { banned_until: None, retry_after_s: seconds(next_minute) })
    }

    /// A call of an account, where accounts are counted and not addresses. Returns the calls of
    /// this minute, this one included, and when the next minute begins.
    pub(crate) fn call_of(&mut self, account: AccountId, now: i64) -> (u32, i64) {
        let used = self.accounts.entry(account).or_default().add(now, MINUTE, 1);
        (used, (now.div_euclid(MINUTE) + 1) * MINUTE)
    }

    /// Weight that an address used in this minute.
    pub(crate) fn used(&mut self, from: IpAddr, now: i64) -> u32 {
        self.callers.entry(from).or_default().weight.add(now, MINUTE, 0)
    }

    /// New orders of an account in ten seconds, a minute and a day, with these.
    pub(crate) fn orders(&mut self, account: AccountId, now: i64, more: [u32; 3]) -> [u32; 3] {
        let counts = self.orders.entry(account).or_default();
        let lengths = [TEN_SECONDS, MINUTE, DAY];
        [0, 1, 2].map(|place| counts[place].add(now, lengths[place], more[place]))
    }

    /// An order of an account was filled for the first time: it counts no more.
    pub(crate) fn filled(&mut self, account: AccountId) {
        for Count { count, .. } in self.orders.get_mut(&account).into_iter().flatten() {
            *count = count.saturating_sub(1);
        }
    }

    /// The window in which so many more orders would be too many.
    pub(crate) fn orders_refused(
        &mut self,
        account: AccountId,
        now: i64,
        more: [u32; 3],
    ) -> Option<(u32, &'static str)> {
        let counts = self.orders(account, now, [0; 3]);
        let Allowance { orders_10s, orders_1m, orders_1d, .. } = self.allowed;
        let windows = [(orders_10s, "10 SECOND"), (orders_1m, "1 MINUTE"), (orders_1d, "1 DAY")];
        let full = |((count, more), (most, _)): &((u32, u32), (u32, _))| {
            count.saturating_add(*more) > *most
        };
        counts.into_iter().zip(more).zip(windows).find(full).map(|(_, window)| window)
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Limits, MINUTE, SECOND, WARNINGS};
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn too_much_weight_is_refused_until_the_next_minute_and_then_banned() {
        let allowed = Allowance { weight_1m: 10, ..Allowance::default() };
        let mut limits = Limits::new(allowed);
        assert_eq!(limits.call(HERE, 0, 10).unwrap(), 10);
        let late = 59 * SECOND;
        for _ in 0..WARNINGS {
            assert_eq!(limits.call(HERE, late, 1).unwrap_err().banned_until, None);
        }
        let banned = limits.call(HERE, late, 1).unwrap_err();
        assert_eq!(banned.banned_until, Some(late + 2 * MINUTE));
        assert!(limits.call(HERE, 2 * MINUTE, 1).is_err());
        assert_eq!(limits.call(HERE, 3 * MINUTE, 1).unwrap(), 1);
    }

    #[test]
    fn accounts_are_counted_apart() {
        let mut limits = Limits::new(Allowance::default());
        assert_eq!(limits.call_of(1, 0), (1, MINUTE));
        assert_eq!(limits.call_of(1, MINUTE - 1), (2, MINUTE));
        assert_eq!(limits.call_of(2, 5), (1, MINUTE));
        assert_eq!(limits.call_of(1, MINUTE), (1, 2 * MINUTE));
    }

    #[test]
    fn orders_are_counted_in_each_window() {
        let allowed = Allowance { orders_10s: 2, orders_1d: 3, ..Allowance::default() };
        let mut limits = Limits::new(allowed);
        assert_eq!(limits.orders(0, 0, [2; 3]), [2, 2, 2]);
        assert_eq!(limits.orders_refused(0, 0, [1; 3]), Some((2, "10 SECOND")));
        assert_eq!(limits.orders_refused(0, 0, [0, 1, 1]), None);
        assert_eq!(limits.orders_refused(1, 0, [1; 3]), None);
        assert_eq!(limits.orders(0, 10 * SECOND, [1; 3]), [1, 3, 3]);
        assert_eq!(limits.orders_refused(0, 10 * SECOND, [1; 3]), Some((3, "1 DAY")));
        limits.allowed.orders_1m = 1;
        assert_eq!(limits.orders_refused(0, 20 * SECOND, [1; 3]), Some((1, "1 MINUTE")));
    }
}
