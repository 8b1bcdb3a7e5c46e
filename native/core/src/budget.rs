//! What a venue lets an account send, as the catalog says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is sent to a venue, as far as venues count it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// A new order.
    Place,
    /// Several in one message.
    PlaceMany,
    /// A change of an order.
    Replace,
    /// A cancel.
    Cancel,
    /// Several in one message.
    CancelMany,
    /// A question about one order.
    Query,
    /// All orders that are open.
    OpenOrders,
    /// Executions.
    Fills,
    /// What is owned.
    Balances,
    /// What is held.
    Positions,
    /// What was paid besides executions.
    Payments,
    /// How contracts are margined.
    Leverage,
    /// That we are still there, for a dead man's timer.
    Guard,
    /// What a session needs: to log on, keys of streams.
    Session,
}

impl Errand {
    /// How many there are.
    pub const COUNT: usize = Self::Session as usize + 1;

    /// Its place among them.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A limit on what is sent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Its name: `weight`, or `orders` where new orders are what it counts.
    pub name: String,
    /// Most that may be used up …
    pub most: u32,
    /// … in so many seconds; 0 where it drains instead.
    #[serde(default)]
    pub per_s: u64,
    /// So much of what is used comes back in each second.
    #[serde(default)]
    pub drains_per_s: f64,
    /// Whether each instrument has a count of its own.
    #[serde(default)]
    pub each_instrument: bool,
    /// What each errand uses up; nothing if it is not named. Several orders in one message are
    /// counted one by one unless the message has a cost of its own.
    pub costs: BTreeMap<Errand, u32>,
    /// What an errand uses up besides while its order is young: below so many seconds, so much.
    #[serde(default)]
    pub young: BTreeMap<Errand, Vec<(u64, u32)>>,
    /// The header of an answer that says how much is used,
    #[serde(default)]
    pub used_header: String,
    /// the one that says how much is left,
    #[serde(default)]
    pub left_header: String,
    /// and the one that says how much there is in all.
    #[serde(default)]
    pub most_header: String,
}
