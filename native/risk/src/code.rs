//! Why an order was denied or a switch thrown: the stable table of codes.
//!
//! The order of the table is the order in which checks run. Names never change; codes are only
//! added.

/// What the numbers of a denial count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// The check is not a number.
    None,
    /// Reporting currency.
    Money,
    /// The asset that pays.
    Asset,
    /// Quote currency a unit, or price times size of the instrument.
    Price,
    /// The venue's unit of size.
    Size,
    /// Hundredths of a percent.
    Bps,
    /// Things.
    Count,
    /// Times as much.
    Ratio,
    /// Milliseconds.
    Ms,
}

impl Unit {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Money => "reporting currency",
            Self::Asset => "the asset's own",
            Self::Price => "quote currency",
            Self::Size => "size",
            Self::Bps => "bps",
            Self::Count => "count",
            Self::Ratio => "ratio",
            Self::Ms => "ms",
        }
    }
}

/// Which part of the checks a code belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Everything that the order names is known.
    Known,
    /// Switches, trading states, connections.
    Control,
    /// What the instrument and the venue allow.
    Validity,
    /// Whether the market data can be trusted.
    Market,
    /// Orders that nobody can have meant.
    FatFinger,
    /// What could be held after it.
    Exposure,
    /// How many and how often.
    Flow,
    /// What was lost.
    Loss,
}

impl Group {
    /// In order of the checks.
    pub const ALL: [Self; 8] = [
        Self::Known,
        Self::Control,
        Self::Validity,
        Self::Market,
        Self::FatFinger,
        Self::Exposure,
        Self::Flow,
        Self::Loss,
    ];

    /// Heading and sentence for people.
    pub const fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::Known => ("Known", "What is not known is refused, not guessed."),
            Self::Control => ("Control", "Switches, trading states, connections."),
            Self::Validity => ("Validity", "What the instrument and the venue allow."),
            Self::Market => ("Market state", "Whether the market data can be trusted."),
            Self::FatFinger => ("Fat finger", "Orders that nobody can have meant."),
            Self::Exposure => ("Exposure", "What could be held if every open order filled."),
            Self::Flow => ("Flow", "How many and how often."),
            Self::Loss => ("Loss", "What was lost; a trip latches until a person resets it."),
        }
    }
}

macro_rules! codes {
    ($($group:ident { $($name:ident $word:literal $unit:ident $scope:literal $about:literal)* })*) => {
        /// Why an order was denied or a switch thrown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Code {
            $($(#[doc = $about] $name,)*)*
        }

        impl Code {
            /// Every code, in the order of the checks.
            pub const ALL: &[Self] = &[$($(Self::$name,)*)*];

            /// The stable word.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$name => $word,)*)* }
            }

            /// What happened and, where it is not plain, what to do.
            pub const fn about(self) -> &'static str {
                match self { $($(Self::$name => $about,)*)* }
            }

            /// What `limit` and `value` count.
            pub const fn unit(self) -> Unit {
                match self { $($(Self::$name => Unit::$unit,)*)* }
            }

            /// The scopes that it comes at.
            pub const fn scopes(self) -> &'static str {
                match self { $($(Self::$name => $scope,)*)* }
            }

            /// Its part of the checks.
            pub const fn group(self) -> Group {
                match self { $($(Self::$name => Group::$group,)*)* }
            }
        }
    };
}

codes! {
    Known {
        AccountUnknown "account_unknown" None "order" "The directory has no such account."
        StrategyUnknown "strategy_unknown" None "order" "The directory has no such strategy."
        InstrumentUnknown "instrument_unknown" None "order" "The directory has no such instrument."
        AccountElsewhere "account_elsewhere" None "order" "The account is of another venue than the instrument."
        InstrumentUnsupported "instrument_unsupported" None "order" "Its sort cannot be valued: only spot, linear and inverse contracts are."
        LimitsMissing "limits_missing" None "order" "No scope of the order says anything about a limit. Set it, or say \"none\"."
        OrderUnknown "order_unknown" None "order" "A change or cancel of an order that is not open, or was open with another side, account or instrument."
        OrderNumberUsed "order_number_used" None "order" "A new order has the number of an open one."
        ClientIdUsed "client_id_used" None "order" "One of the last client ids was the same."
        TooManyOrders "too_many_orders" Count "all" "As many orders are open as a trader can have, 10,000. Cancel some."
        NotChecked "not_checked" None "order" "The pass is for another order than the one that was sent."
    }
    Control {
        ClockBackwards "clock_backwards" Ms "order" "The time of the check is before that of the last change. `value` says by how much."
        KillSwitch "kill_switch" None "order, strategy, instrument, account, venue, all" "A person or a program threw the switch. It stays until it is reset."
        Halted "halted" None "strategy, instrument, account, venue, all" "The trading state lets nothing through."
        CancelOnly "cancel_only" None "strategy, instrument, account, venue, all" "The trading state lets only cancels through."
        ReduceOnlyState "reduce_only_state" Size "strategy, instrument, account, venue, all" "The trading state lets only orders through that shrink the position even if all other open orders fill. `limit` is how much could be."
        Restricted "restricted" None "instrument" "The instrument is on the restricted list."
        VenueDisconnected "venue_disconnected" None "account" "The account's order connection is not up, or was never said to be."
        NotReconciled "not_reconciled" None "account" "The account's books are not known to be those of its venue. Cancels are let through."
        DeadManMissing "dead_man_missing" None "account" "The venue is to cancel the account's orders if it hears nothing of us, and did not say that it will. Cancels are let through."
        FeedDisconnected "feed_disconnected" None "venue" "The market data of the venue is not up, or was never said to be."
    }
    Validity {
        NotTrading "not_trading" None "instrument" "The instrument is closed, not open yet, settling, delisted or in no known state."
        InstrumentHalted "instrument_halted" None "instrument" "The venue halted the instrument."
        Auction "auction" None "instrument" "The instrument is in an auction, and the order is not for one."
        StatusPostOnly "status_post_only" None "instrument" "The venue takes only post-only orders."
        StatusLimitOnly "status_limit_only" None "instrument" "The venue takes no market orders."
        StatusCancelOnly "status_cancel_only" None "instrument" "The venue takes only cancels."
        StatusReduceOnly "status_reduce_only" None "instrument" "The venue takes only reduce-only orders."
        KindUnsupported "kind_unsupported" None "venue" "The venue does not have this kind of order."
        TifUnsupported "tif_unsupported" None "venue" "The venue does not have this time in force, or the order has none and needs one."
        FlagUnsupported "flag_unsupported" None "venue" "The venue does not have one of the flags."
        PositionSideUnsupported "position_side_unsupported" None "venue" "The position side is wrong for the account: hedging needs `long` or `short`, netting none or `net`."
        PriceNeeded "price_needed" None "order" "The kind needs a limit price or a trigger that the order does not have."
        TooManyDecimals "too_many_decimals" None "order" "An amount has more decimals than the instrument, or does not fit."
        PriceInvalid "price_invalid" Price "order" "A price is zero or negative."
        PriceOffTick "price_off_tick" Price "instrument" "A price is no multiple of the tick, which is `limit`."
        PriceMin "price_min" Price "instrument" "The price is below the least of the venue."
        PriceMax "price_max" Price "instrument" "The price is above the largest of the venue."
        SizeInvalid "size_invalid" Size "order" "The size is zero or negative, or no more than what is filled."
        SizeOffLot "size_off_lot" Size "instrument" "A size is no multiple of the lot, which is `limit`."
        SizeMin "size_min" Size "instrument" "The size is below the least of the venue."
        SizeMax "size_max" Size "instrument" "The size is above the largest of the venue."
        MarketSizeMax "market_size_max" Size "instrument" "The size is above the largest of a market order at the venue."
        DisplaySize "display_size" Size "order" "The shown part is negative or larger than the order, or the least fill is."
        Overflow "overflow" None "order" "Price times size is beyond what can be counted."
        NotionalMin "notional_min" Price "instrument" "Price times size is below the least of the venue."
        NotionalMax "notional_max" Price "instrument" "Price times size is above the largest of the venue."
        ExpiryMissing "expiry_missing" None "order" "A `gtd` order needs its last moment."
        ExpiryPast "expiry_past" Ms "order" "The last moment is not in the future. `value` says how long ago it was."
        ReduceOnlyUntrue "reduce_only_untrue" Size "account" "A reduce-only or closing order would not shrink the position: `limit` is what there is to shrink."
    }
    Market {
        PriceMissing "price_missing" None "instrument" "There is no price to judge the order by."
        SequenceGap "sequence_gap" None "instrument" "The feed lost something and has not caught up."
        StaleData "stale_data" Ms "instrument, strategy, account, venue, all" "The last price is older than `stale_ms`. As a trip: older than `stale_trip_ms` while orders were open."
        Crossed "crossed" Price "instrument" "The best bid is above the best ask. `limit` is the ask, `value` the bid."
        Locked "locked" Price "instrument" "Best bid and ask are equal."
        Volatility "volatility" Ms "instrument" "Prices moved by more than `volatility_bps` within `period_ms`. `value` is how long the pause still lasts."
        MarkMissing "mark_missing" None "instrument" "Neither mark nor index price is known, and `divergence_bps` is set."
        Divergence "divergence" Bps "instrument, strategy, account, venue, all" "Our price and the mark price, or the index where there is no mark, differ by too much."
        Latency "latency" Ms "instrument, strategy, account, venue, all" "The decision came too long after what caused it."
    }
    FatFinger {
        OrderSize "order_size" Size "instrument, venue, all" "The order is larger than `order_size_max`."
        OrderNotional "order_notional" Money "instrument, strategy, account, venue, all" "The order is worth more than `order_notional_max`."
        PriceCollar "price_collar" Bps "instrument, strategy, account, venue, all" "The price is worse than the reference by more than `price_collar_bps`."
        PriceFar "price_far" Bps "instrument, strategy, account, venue, all" "The price is better than the reference by more than `price_far_bps`."
        PeriodCollar "period_collar" Bps "instrument, strategy, account, venue, all" "The price is worse by more than `period_collar_bps` than the best of the last `period_ms`."
        AdvMissing "adv_missing" None "instrument" "The average daily volume is not known, and `adv_share_bps` is set."
        AdvShare "adv_share" Bps "instrument, strategy, account, venue, all" "The order is too large a part of the average daily volume."
        MarketNotional "market_notional" Money "instrument, strategy, account, venue, all" "A market order is worth more than `market_notional_max`."
        ProtectMissing "protect_missing" None "instrument, strategy, account, venue, all" "A market order has no protection price, and `market_protect` is set."
        SpreadToCross "spread_to_cross" Bps "instrument, strategy, account, venue, all" "The order would take, and the spread is wider than `spread_max_bps`."
    }
    Exposure {
        RateMissing "rate_missing" None "instrument" "What the quote or settle asset is worth in the reporting currency is not known."
        LongMax "long_max" Size "instrument, venue, all" "The position would be longer than `long_max` if every open buy filled."
        ShortMax "short_max" Size "instrument, venue, all" "The position would be shorter than `short_max` if every open sell filled."
        PositionNotional "position_notional" Money "instrument, strategy, account, venue, all" "The position of that scope in the instrument could be worth more than `position_notional_max`."
        Gross "gross" Money "strategy, account, venue, all" "All positions together, long and short, could be worth more than `gross_max`."
        Net "net" Money "strategy, account, venue, all" "Long less short could be worth more than `net_max`, either way."
        EquityMissing "equity_missing" None "account" "The equity of the account is not known, and a limit needs it."
        Concentration "concentration" Bps "instrument, strategy, account, venue, all" "The position of the account in the instrument is too large a part of its equity."
        Leverage "leverage" Ratio "instrument, strategy, account, venue, all" "The gross value of the account would be too many times its equity."
        MarginMissing "margin_missing" None "account" "The margin that the instrument, or a position of the account, holds is not known."
        BalanceMissing "balance_missing" None "account" "The balance of the asset that pays is not known."
        Unfunded "unfunded" Asset "account" "The order needs more than is free. `limit` is what is free, `value` what is needed."
        ShortUnavailable "short_unavailable" Asset "account" "A short sale needs more than can be borrowed, or that is not known."
    }
    Flow {
        VenueBudget "venue_budget" Ms "account" "What the venue takes from the account within a time is used up, or it wants to hear nothing for a while. `value` is how long that still lasts."
        MessagesPerS "messages_per_s" Count "strategy, account, venue, all" "As many requests as allowed were sent within the last second."
        MessagesPer10S "messages_per_10s" Count "strategy, account, venue, all" "As many requests as allowed were sent within the last ten seconds."
        MessagesPerDay "messages_per_day" Count "strategy, account, venue, all" "As many requests as allowed were sent in this UTC day."
        OpenOrders "open_orders" Count "instrument, strategy, account, venue, all" "As many orders as allowed are open."
        CancelRatio "cancel_ratio" Ratio "strategy, account, venue, all" "Too many cancels for a fill in this UTC day; fills are counted from one."
        Duplicate "duplicate" Ms "order" "The same order was sent less than `duplicate_ms` ago. `value` is how long ago."
        Children "children" Count "order" "The parent has as many children as allowed."
        SelfTrade "self_trade" Price "order" "It would trade with an order of ours. `limit` is the price of that one."
        RepeatedExecutions "repeated_executions" Count "strategy, account, venue, all" "A trip: executed as often as allowed without a person saying that it may go on."
        RepeatedRejects "repeated_rejects" Count "strategy, account, venue, all" "A trip: the venue refused too many requests in a row."
        DisconnectedLong "disconnected_long" Ms "account, venue" "A trip: the venue, or one of several accounts there, was away for longer than `disconnect_trip_ms`."
    }
    Loss {
        ProfitMissing "profit_missing" None "strategy, account, venue, all" "A limit on losses is set, and the profit of the scope is not known: nobody told it, or a price or rate is missing."
        DailyLoss "daily_loss" Money "strategy, account, venue, all" "A trip: realised and unrealised loss of the day is above `daily_loss_max`."
        Drawdown "drawdown" Money "strategy, account, venue, all" "A trip: profit fell from its peak by more than `drawdown_max`."
        LossStreak "loss_streak" Ms "strategy, account, venue, all" "As many losing trades in a row as allowed. `value` is how long the pause still lasts."
    }
}

/// Every code, in the order of the checks.
pub fn codes() -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied()
}

impl Code {
    /// The code that a stable word names.
    pub fn parse(word: &str) -> Option<Self> {
        codes().find(|code| code.name() == word)
    }

    /// Its bit in a set of codes.
    pub(crate) const fn bit(self) -> u128 {
        1 << self as u32
    }
}

const _: () = assert!(Code::ALL.len() <= 128, "a set of codes has 128 bits");
