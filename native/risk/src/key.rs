//! The keys of limits: what each means, where it may stand, and which of two is stricter.

use crate::code::Unit;

/// Scopes that a limit may be set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Every scope; the strictest of those that an order is in holds.
    Any,
    /// `all`, `venue` and `instrument`; the strictest holds.
    Instrument,
    /// `all`, `venue`, `account` and `strategy`; each counts for itself.
    Seats,
    /// As `Seats`, and `instrument`.
    SeatsAndInstrument,
    /// `all` and `venue`; the strictest holds.
    Venue,
}

/// How values of a key are read and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sense {
    /// The smaller is stricter.
    Most,
    /// The larger is stricter.
    Least,
    /// `true` is stricter.
    Switch,
}

macro_rules! keys {
    ($($name:ident $word:literal $unit:ident $sense:ident $place:ident $about:literal)*) => {
        /// A limit that can be set.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Key {
            $(#[doc = $about] $name,)*
        }

        impl Key {
            /// Every key.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// As it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it limits.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }

            /// What its value counts.
            pub const fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }

            /// How values compare.
            pub const fn sense(self) -> Sense {
                match self { $(Self::$name => Sense::$sense,)* }
            }

            /// Where it may stand.
            pub const fn place(self) -> Place {
                match self { $(Self::$name => Place::$place,)* }
            }
        }
    };
}

keys! {
    OrderSizeMax "order_size_max" Size Most Instrument "Largest size of an order."
    OrderNotionalMax "order_notional_max" Money Most Any "Largest worth of an order."
    PriceCollarBps "price_collar_bps" Bps Most Any "How much worse than the reference a price may be."
    PriceFarBps "price_far_bps" Bps Most Any "How much better than the reference a price may be."
    PeriodCollarBps "period_collar_bps" Bps Most Any "How much worse than the best reference of the last `period_ms` a price may be."
    PeriodMs "period_ms" Ms Least Instrument "Length of the period of `period_collar_bps` and `volatility_bps`."
    AdvShareBps "adv_share_bps" Bps Most Any "Largest part of the average daily volume."
    MarketNotionalMax "market_notional_max" Money Most Any "Largest worth of a market order."
    MarketProtect "market_protect" None Switch Any "Market orders need a protection price."
    SpreadMaxBps "spread_max_bps" Bps Most Any "Widest spread that an order may cross."
    LongMax "long_max" Size Most Instrument "Longest position in the instrument over all accounts, open buys included."
    ShortMax "short_max" Size Most Instrument "Shortest position in the instrument over all accounts, open sells included."
    PositionNotionalMax "position_notional_max" Money Most Any "Largest worth of a position with its open orders: of the strategy, of the account, or of all accounts for the other scopes."
    GrossMax "gross_max" Money Most Seats "Largest worth of all positions with their open orders, long and short added."
    NetMax "net_max" Money Most Seats "Largest worth of long less short, either way, open orders included."
    ConcentrationBps "concentration_bps" Bps Most Any "Largest worth of an account's position as a part of its equity."
    LeverageMax "leverage_max" Ratio Most Any "Largest gross worth of an account as a multiple of its equity."
    DenyUnfunded "deny_unfunded" None Switch Any "Orders need free balance, free margin or, to sell short, something to borrow."
    StaleMs "stale_ms" Ms Most Any "Largest age of the last price."
    StaleTripMs "stale_trip_ms" Ms Most Instrument "Age of the last price that throws the switch of an instrument with open orders."
    DenyCrossed "deny_crossed" None Switch Any "Nothing is sent while the book is crossed."
    DenyLocked "deny_locked" None Switch Any "Nothing is sent while the book is locked."
    VolatilityBps "volatility_bps" Bps Most Instrument "Largest move within `period_ms` before a pause."
    VolatilityPauseMs "volatility_pause_ms" Ms Least Instrument "Length of the pause."
    DivergenceBps "divergence_bps" Bps Most Any "Largest difference of our price and the mark or index price."
    LatencyMs "latency_ms" Ms Most Any "Longest time from what caused an order to its check."
    MessagesPerS "messages_per_s" Count Most Seats "Most requests within a second."
    MessagesPer10S "messages_per_10s" Count Most Seats "Most requests within ten seconds."
    MessagesPerDay "messages_per_day" Count Most Seats "Most requests in a UTC day."
    CancelReserve "cancel_reserve" Count Least Seats "Of the requests within one and ten seconds, so many are kept for cancels."
    OpenOrdersMax "open_orders_max" Count Most SeatsAndInstrument "Most open orders."
    CancelRatioMax "cancel_ratio_max" Ratio Most Seats "Most cancels for each fill of a UTC day, counted from one fill."
    DuplicateMs "duplicate_ms" Ms Least Any "For so long after an order, one like it is a mistake."
    ChildrenMax "children_max" Count Most Any "Most children of a parent order."
    DenySelfTrade "deny_self_trade" None Switch Any "Orders must not trade with orders of ours, of whatever strategy or account."
    ExecutionsMax "executions_max" Count Most Seats "Executions after which a person has to say that it may go on."
    RejectsMax "rejects_max" Count Most Seats "Most refusals in a row."
    DisconnectTripMs "disconnect_trip_ms" Ms Most Venue "For so long the venue may be away before its switch is thrown."
    DailyLossMax "daily_loss_max" Money Most Seats "Largest loss of a UTC day, realised and unrealised."
    DrawdownMax "drawdown_max" Money Most Seats "Largest fall of profit from its peak."
    LossStreakMax "loss_streak_max" Count Most Seats "Losing trades in a row before a pause."
    LossPauseMs "loss_pause_ms" Ms Least Seats "Length of the pause after too many losing trades."
}

const _: () = assert!(Key::COUNT <= 64, "a set of keys has 64 bits");

impl Key {
    /// Every key's bit.
    pub(crate) const EVERY: u64 = u64::MAX >> (64 - Self::COUNT);

    /// Whether it says no to orders, so that it can say beforehand that it soon will. The others throw
    /// switches and make pauses.
    pub(crate) const fn can_warn(self) -> bool {
        !matches!(
            self,
            Self::StaleTripMs
                | Self::VolatilityBps
                | Self::ExecutionsMax
                | Self::RejectsMax
                | Self::DisconnectTripMs
                | Self::DailyLossMax
                | Self::DrawdownMax
                | Self::LossStreakMax
        )
    }

    /// As a place in a list.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Its bit in a set of keys.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u32
    }

    /// The key that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == word)
    }
}
