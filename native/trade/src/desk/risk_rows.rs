//! Decisions of the risk layer as rows of the journal.

use rustonite_core::datasets::{RiskActor, RiskRequest, RiskScope, RiskVerdict, draft};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::{Journal, OrderId, Wish};
use rustonite_risk::{Denial, Target, Trip};

use super::Desk;

/// What risk was asked, as its rows name it.
#[derive(Clone, Copy)]
pub(super) struct Question {
    request: RiskRequest,
    order: OrderId,
    account: AccountId,
    strategy: Option<StrategyId>,
    instrument: InstrumentId,
}

impl Question {
    pub(super) fn of(request: RiskRequest, order: OrderId, wish: &Wish) -> Self {
        let Wish { account, strategy, instrument, .. } = *wish;
        Self { request, order, account, strategy, instrument }
    }
}

impl<J: Journal> Desk<J> {
    pub(super) fn write_denial(&mut self, asked: Question, denial: &Denial, now: i64) {
        *self.counts.denied.entry(denial.code).or_default() += 1;
        self.write_verdict(asked, RiskVerdict::Deny, denial, now);
    }

    pub(super) fn write_warning(&mut self, asked: Question, warning: &Denial, now: i64) {
        self.write_verdict(asked, RiskVerdict::Warn, warning, now);
    }

    fn write_verdict(&mut self, asked: Question, verdict: RiskVerdict, denial: &Denial, now: i64) {
        let directory = std::sync::Arc::clone(self.ledger.directory());
        let listed = directory.listed(asked.instrument);
        let state = self.risk.state(Target::All);
        let row = draft::RiskEvents {
            ts_event: now,
            ts_recv: now,
            account: Some(directory.account_name(asked.account)),
            strategy: asked.strategy.map(|strategy| directory.strategy_name(strategy)),
            venue: listed.map(|listed| &*listed.venue),
            symbol: listed.map(|listed| &*listed.symbol),
            order_id: Some(asked.order.0),
            request: Some(asked.request),
            verdict,
            code: denial.code.name(),
            scope: denial.scope,
            trading_state: state,
            limit_value: denial.limit().map(|limit| limit.0),
            value: denial.value().map(|value| value.0),
            market_seq: denial.market_seq,
            limits_version: Some(self.risk.limits().version),
            actor: Some(RiskActor::Rule),
            ..draft::RiskEvents::default()
        };
        // A journal that takes no row halts trading by itself.
        drop(self.ledger.risk_event(&row));
    }

    pub(super) fn write_trip(&mut self, trip: &Trip, actor: RiskActor, now: i64) {
        self.write_switch(trip, RiskVerdict::Trip, actor, now);
    }

    pub(super) fn write_reset(&mut self, trip: &Trip, now: i64) {
        self.write_switch(trip, RiskVerdict::Reset, RiskActor::Operator, now);
    }

    pub(super) fn write_state(&mut self, trip: &Trip, now: i64) {
        self.write_switch(trip, RiskVerdict::StateChange, RiskActor::Operator, now);
    }

    pub(super) fn write_limits(&mut self, now: i64) {
        let row = draft::RiskEvents {
            ts_event: now,
            ts_recv: now,
            verdict: RiskVerdict::LimitsChange,
            code: "limits",
            scope: RiskScope::All,
            trading_state: self.risk.state(Target::All),
            limits_version: Some(self.risk.limits().version),
            actor: Some(RiskActor::Operator),
            ..draft::RiskEvents::default()
        };
        drop(self.ledger.risk_event(&row));
    }

    fn write_switch(&mut self, trip: &Trip, verdict: RiskVerdict, actor: RiskActor, now: i64) {
        let directory = std::sync::Arc::clone(self.ledger.directory());
        let instrument = match trip.target {
            Target::Instrument(instrument) => directory.listed(instrument),
            _ => None,
        };
        let venue = match trip.target {
            Target::Venue(venue) => Some(directory.venue_name(venue)),
            _ => instrument.map(|listed| &*listed.venue),
        };
        // For a restart: the state of the whole scope may be stricter.
        let own_state = (verdict != RiskVerdict::Reset).then_some(trip.state.name());
        let row = draft::RiskEvents {
            ts_event: now,
            ts_recv: now,
            account: match trip.target {
                Target::Account(account) => Some(directory.account_name(account)),
                _ => None,
            },
            strategy: match trip.target {
                Target::Strategy(strategy) => Some(directory.strategy_name(strategy)),
                _ => None,
            },
            venue,
            symbol: instrument.map(|listed| &*listed.symbol),
            order_id: match trip.target {
                Target::Order(order) => Some(order),
                _ => None,
            },
            verdict,
            code: trip.code.name(),
            scope: trip.scope(),
            trading_state: self.risk.state(trip.target),
            limit_value: trip.limit.map(|limit| limit.0),
            value: trip.value.map(|value| value.0),
            limits_version: Some(self.risk.limits().version),
            actor: Some(actor),
            detail: own_state,
            ..draft::RiskEvents::default()
        };
        drop(self.ledger.risk_event(&row));
    }
}
