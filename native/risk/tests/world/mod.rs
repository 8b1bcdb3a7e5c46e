//! A small world to ask risk about: two venues, three accounts, five instruments, and everything
//! known and up.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a failing test should panic"
)]

use rustonite_core::Amount;
use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, OrderKind, OrderSide, RiskRequest, RiskScope,
    Tif, order_flags,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_risk::{
    Access, Account, Capabilities, Code, Denial, Directory, Execution, Held, Intent, Limits, Quote,
    Risk, Trip, Venue,
};

pub(crate) const MAIN: AccountId = AccountId(0);
pub(crate) const HEDGE: AccountId = AccountId(1);
pub(crate) const FAR: AccountId = AccountId(2);
pub(crate) const MM: StrategyId = StrategyId(0);
pub(crate) const ARB: StrategyId = StrategyId(1);
pub(crate) const SIM: VenueId = VenueId(0);
pub(crate) const USD: AssetId = AssetId(0);
pub(crate) const BTC: AssetId = AssetId(1);
pub(crate) const SPOT: InstrumentId = InstrumentId(0);
pub(crate) const PERP: InstrumentId = InstrumentId(1);
pub(crate) const INVERSE: InstrumentId = InstrumentId(2);
pub(crate) const FAR_SPOT: InstrumentId = InstrumentId(3);
pub(crate) const OPTION: InstrumentId = InstrumentId(4);
pub(crate) const MS: i64 = 1_000_000;
pub(crate) const SECOND: i64 = 1_000 * MS;
/// Some time of day, so that neither midnight is near.
pub(crate) const START: i64 = 1_767_312_000 * SECOND;

pub(crate) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

pub(crate) fn instrument(venue: &str, symbol: &str, tick: &str, lot: &str) -> Instrument {
    Instrument {
        venue: venue.into(),
        symbol: symbol.into(),
        kind: InstrumentKind::Spot,
        contract: None,
        base: "BTC".into(),
        quote: "USD".into(),
        settle: "USD".into(),
        tick: amount(tick),
        lot: amount(lot),
        multiplier: amount("1"),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    }
}

pub(crate) fn contract(symbol: &str, contract: ContractKind) -> Instrument {
    let kind = InstrumentKind::Perpetual;
    Instrument { kind, contract: Some(contract), ..instrument("sim", symbol, "0.5", "0.001") }
}

pub(crate) fn directory() -> Directory {
    let venue = |name: &str, can| Venue { name: name.into(), can };
    let account = |name: &str, venue, hedging| Account { name: name.into(), venue, hedging };
    let inverse = Instrument {
        lot: amount("1"),
        multiplier: amount("100"),
        settle: "BTC".into(),
        ..contract("INVERSE", ContractKind::Inverse)
    };
    Directory {
        currency: "USD".into(),
        assets: ["USD", "BTC"].map(Into::into).to_vec(),
        venues: vec![venue("sim", everything()), venue("other", everything())],
        accounts: vec![
            account("main", SIM, false),
            account("hedge", SIM, true),
            account("far", VenueId(1), false),
        ],
        strategies: ["mm", "arb"].map(Into::into).to_vec(),
        instruments: vec![
            instrument("sim", "BTCUSD", "0.01", "0.001"),
            contract("PERP", ContractKind::Linear),
            inverse,
            instrument("other", "BTCUSD", "0.01", "0.001"),
            Instrument { kind: InstrumentKind::Option, ..instrument("sim", "OPTION", "0.01", "1") },
        ],
        orders_max: 64,
        client_ids_max: 4096,
    }
}

pub(crate) fn everything() -> Capabilities {
    let kinds = [
        OrderKind::Market,
        OrderKind::Limit,
        OrderKind::StopMarket,
        OrderKind::StopLimit,
        OrderKind::LimitIfTouched,
        OrderKind::PeggedMid,
    ];
    let tifs = [Tif::Gtc, Tif::Ioc, Tif::Gtd, Tif::AtOpen];
    let flags = order_flags::POST_ONLY | order_flags::REDUCE_ONLY | order_flags::SHORT_SALE;
    Capabilities::of(&kinds, &tifs, flags)
}

/// Limits of a text, with all that it does not say left open.
pub(crate) fn limits(text: &str) -> Limits {
    let text = format!("version = 1\ncurrency = \"USD\"\n{text}");
    let mut limits = Limits::parse("limits.toml", &text).unwrap();
    limits.all = limits.all.or_open(RiskScope::All);
    limits
}

pub(crate) struct World {
    pub(crate) risk: Risk,
    pub(crate) now: i64,
    pub(crate) trips: Vec<Trip>,
    next: i64,
}

impl World {
    /// With limits, and everything known: prices are near 100, and nobody lacks money.
    pub(crate) fn new(text: &str) -> Self {
        Self::of(directory(), text)
    }

    pub(crate) fn of(directory: Directory, text: &str) -> Self {
        let mut world = Self::bare(directory, text);
        world.tell_all();
        world
    }

    /// With limits alone.
    pub(crate) fn bare(directory: Directory, text: &str) -> Self {
        let risk = Risk::new(directory, limits(text)).unwrap();
        Self { risk, now: START, trips: Vec::new(), next: 1 }
    }

    fn tell_all(&mut self) {
        let risk = &mut self.risk;
        for venue in [SIM, VenueId(1)] {
            risk.feed_connected(venue, true, START);
        }
        risk.rate(BTC, Some(amount("100")));
        for account in [MAIN, HEDGE, FAR] {
            risk.access(account, Access::All, START);
            risk.equity(account, Some(amount("1000000")));
            for asset in [USD, BTC] {
                risk.balance(account, asset, amount("1000000"));
            }
            for instrument in [PERP, INVERSE] {
                risk.margin(account, instrument, 100_000);
            }
        }
        for instrument in [SPOT, FAR_SPOT] {
            self.quote(instrument, "99.99", "100.01");
        }
        for instrument in [PERP, INVERSE] {
            self.quote(instrument, "99.5", "100.5");
        }
    }

    pub(crate) fn quote(&mut self, instrument: InstrumentId, bid: &str, ask: &str) {
        let points = |text: &str| self.price(instrument, text);
        let quote = Quote { bid: points(bid), ask: points(ask), ts: self.now, seq: 7 };
        self.risk.quote(instrument, &quote, &mut self.trips);
    }

    pub(crate) fn price(&self, instrument: InstrumentId, text: &str) -> i64 {
        self.risk.rules(instrument).map_or(1, |rules| rules.price(amount(text)).unwrap())
    }

    pub(crate) fn size(&self, instrument: InstrumentId, text: &str) -> i64 {
        self.risk.rules(instrument).map_or(1, |rules| rules.size(amount(text)).unwrap())
    }

    /// A limit order of the market maker on the main account.
    pub(crate) fn limit(
        &mut self,
        side: OrderSide,
        instrument: InstrumentId,
        price: &str,
        size: &str,
    ) -> Intent {
        let order = self.next;
        self.next += 1;
        Intent {
            request: RiskRequest::Submit,
            order,
            parent: None,
            account: if instrument == FAR_SPOT { FAR } else { MAIN },
            strategy: Some(MM),
            instrument,
            side,
            position_side: None,
            kind: OrderKind::Limit,
            tif: Some(Tif::Gtc),
            price: Some(self.price(instrument, price)),
            price_protect: None,
            trigger: None,
            size: self.size(instrument, size),
            size_filled: 0,
            size_display: None,
            size_min: None,
            by_money: false,
            flags: 0,
            stp: None,
            ts_expire: None,
            client_id: order.cast_unsigned(),
            ts_cause: self.now,
        }
    }

    pub(crate) fn buy(&mut self, instrument: InstrumentId, price: &str, size: &str) -> Intent {
        self.limit(OrderSide::Buy, instrument, price, size)
    }

    pub(crate) fn sell(&mut self, instrument: InstrumentId, price: &str, size: &str) -> Intent {
        self.limit(OrderSide::Sell, instrument, price, size)
    }

    /// A market order without protection.
    pub(crate) fn market(
        &mut self,
        side: OrderSide,
        instrument: InstrumentId,
        size: &str,
    ) -> Intent {
        let (kind, price, tif) = (OrderKind::Market, None, None);
        Intent { kind, price, tif, ..self.limit(side, instrument, "100", size) }
    }

    /// A buy that is fine unless something that has nothing to do with it is wrong.
    pub(crate) fn plain(&mut self) -> Intent {
        self.buy(SPOT, "100", "1")
    }

    /// It passes; the dry run has to say the same.
    #[track_caller]
    pub(crate) fn passes(&self, intent: &Intent) {
        self.agrees(intent).unwrap_or_else(|denial| panic!("denied: {denial}"));
    }

    /// What the check says, which is what the dry run says: all warnings, or the first denial.
    #[track_caller]
    pub(crate) fn agrees(&self, intent: &Intent) -> Result<Vec<Code>, Denial> {
        let mut all = Vec::new();
        self.risk.would_fail(intent, self.now, &mut all);
        let check = self.risk.check(intent, self.now);
        let first = all.iter().find(|failure| !failure.soft);
        assert_eq!(check.as_ref().err(), first, "{all:?}");
        let warned: Vec<_> = check?.warnings().collect();
        let mut soft: Vec<_> = all.iter().map(|failure| failure.code).collect();
        soft.dedup();
        assert_eq!(warned, soft);
        Ok(warned)
    }

    /// Why it is denied; the dry run has to say the same.
    #[track_caller]
    pub(crate) fn denial(&self, intent: &Intent) -> Denial {
        self.agrees(intent).expect_err("a denial")
    }

    #[track_caller]
    pub(crate) fn denies(&self, intent: &Intent, code: Code) -> Denial {
        let denial = self.denial(intent);
        assert_eq!(denial.code, code, "{denial}");
        denial
    }

    /// Denied by a limit of a scope, with these figures.
    #[track_caller]
    pub(crate) fn meets(
        &self,
        intent: &Intent,
        code: Code,
        scope: RiskScope,
        limit: &str,
        value: &str,
    ) {
        let denial = self.denies(intent, code);
        assert_eq!(denial.scope, scope);
        assert_eq!(denial.limit(), Some(amount(limit)), "limit of {denial}");
        assert_eq!(denial.value(), Some(amount(value)), "value of {denial}");
    }

    /// Checks and sends.
    #[track_caller]
    pub(crate) fn send(&mut self, intent: &Intent) {
        let pass = self.risk.check(intent, self.now).unwrap_or_else(|denial| panic!("{denial}"));
        self.risk.sent(intent, &pass, self.now).unwrap();
    }

    /// An order that is there without having been sent.
    pub(crate) fn adopted(&mut self) -> Intent {
        let order = self.plain();
        self.risk.adopt(&order);
        order
    }

    /// A change of an order.
    pub(crate) fn replacing(&self, intent: &Intent, price: &str, size: &str) -> Intent {
        let instrument = intent.instrument;
        Intent {
            request: RiskRequest::Replace,
            price: Some(self.price(instrument, price)),
            size: self.size(instrument, size),
            client_id: 0,
            ts_cause: self.now,
            ..*intent
        }
    }

    pub(crate) fn cancelling(&self, intent: &Intent) -> Intent {
        Intent { request: RiskRequest::Cancel, ts_cause: self.now, ..*intent }
    }

    pub(crate) fn cancel(&mut self, intent: &Intent) {
        let cancel = self.cancelling(intent);
        self.send(&cancel);
        self.risk.order_changed(intent.order, 0);
    }

    pub(crate) fn execution(&self, intent: &Intent, size: &str) -> Execution {
        Execution {
            order: Some(intent.order),
            account: intent.account,
            strategy: intent.strategy,
            instrument: intent.instrument,
            side: intent.side,
            position_side: intent.position_side,
            size: self.size(intent.instrument, size),
        }
    }

    pub(crate) fn fill(&mut self, intent: &Intent, size: &str) {
        let execution = self.execution(intent, size);
        self.risk.filled(&execution, self.now, &mut self.trips);
    }

    /// Puts a position there without an order.
    pub(crate) fn hold(&mut self, instrument: InstrumentId, size: &str) {
        let size = self.size(instrument, size);
        let account = if instrument == FAR_SPOT { FAR } else { MAIN };
        self.hold_of(account, instrument, size);
    }

    /// As above, in points.
    pub(crate) fn hold_of(&mut self, account: AccountId, instrument: InstrumentId, size: i64) {
        self.risk.hold(&Held {
            account,
            strategy: Some(MM),
            instrument,
            side: None,
            by_account: size,
            by_strategy: size,
        });
    }

    /// Lets time pass, with prices that stay fresh.
    pub(crate) fn wait(&mut self, ns: i64) {
        self.now += ns;
        for instrument in [SPOT, FAR_SPOT] {
            self.quote(instrument, "99.99", "100.01");
        }
        for instrument in [PERP, INVERSE] {
            self.quote(instrument, "99.5", "100.5");
        }
    }
}

/// Tests that provoke codes, each at its border, and the list of those codes.
#[macro_export]
macro_rules! provoke {
    ($($test:ident($($code:ident)+) $body:block)*) => {
        $(#[test] fn $test() $body)*

        /// Codes that the tests of this file provoke.
        pub(crate) const PROVOKED: &[rustonite_risk::Code] =
            &[$($(rustonite_risk::Code::$code,)+)*];
    };
}
