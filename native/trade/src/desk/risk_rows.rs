//! Decisions of the risk layer as rows of the journal.

use rustonite_core::datasets::{RiskActor, RiskRequest, RiskScope, RiskVerdict, draft};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::{Journal, OrderId, Wish};
use rustonite_risk::{Denial, Latch, Target, Trip};

use super::Desk;
use crate::strategy::Denied;

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
        *self.counts.denied.entry(denial.code.name()).or_default() += 1;
        self.write_verdict(asked, RiskVerdict::Deny, denial, now);
    }

    /// Writes down what is denied although risk has nothing against it, such as for want of words.
    pub(super) fn refuse(&mut self, asked: Question, denied: Denied, now: i64) -> Denied {
        *self.counts.denied.entry(denied.code).or_default() += 1;
        let detail = Some(denied.detail.as_str()).filter(|detail| !detail.is_empty());
        let row = draft::RiskEvents {
            verdict: RiskVerdict::Deny,
            code: denied.code,
            scope: RiskScope::Order,
            detail,
            ..draft::RiskEvents::default()
        };
        self.write_decision(asked, &row, now);
        denied
    }

    pub(super) fn write_warning(&mut self, asked: Question, warning: &Denial, now: i64) {
        self.write_verdict(asked, RiskVerdict::Warn, warning, now);
    }

    fn write_verdict(&mut self, asked: Question, verdict: RiskVerdict, denial: &Denial, now: i64) {
        let row = draft::RiskEvents {
            verdict,
            code: denial.code.name(),
            scope: denial.scope,
            limit_value: denial.limit().map(|limit| limit.0),
            value: denial.value().map(|value| value.0),
            market_seq: denial.market_seq,
            ..draft::RiskEvents::default()
        };
        self.write_decision(asked, &row, now);
    }

    /// Adds what was asked and when to a decision.
    fn write_decision(&mut self, asked: Question, decided: &draft::RiskEvents<'_>, now: i64) {
        let directory = std::sync::Arc::clone(self.ledger.directory());
        let listed = directory.listed(asked.instrument);
        let row = draft::RiskEvents {
            ts_event: now,
            ts_recv: now,
            account: Some(directory.account_name(asked.account)),
            strategy: asked.strategy.map(|strategy| directory.strategy_name(strategy)),
            venue: listed.map(|listed| &*listed.venue),
            symbol: listed.map(|listed| &*listed.symbol),
            order_id: Some(asked.order.0),
            request: Some(asked.request),
            trading_state: self.risk.state(Target::All),
            limits_version: Some(self.risk.limits().version),
            actor: Some(RiskActor::Rule),
            ..*decided
        };
        // A journal that takes no row halts trading by itself.
        drop(self.ledger.risk_event(&row));
    }

    pub(super) fn write_trip(&mut self, trip: &Trip, actor: RiskActor, now: i64) {
        self.write_switch(&self.risk.named(trip), RiskVerdict::Trip, actor, now);
    }

    pub(super) fn write_reset(&mut self, latch: &Latch, now: i64) {
        self.write_switch(latch, RiskVerdict::Reset, RiskActor::Operator, now);
    }

    pub(super) fn write_state(&mut self, trip: &Trip, now: i64) {
        let latch = self.risk.named(trip);
        self.write_switch(&latch, RiskVerdict::StateChange, RiskActor::Operator, now);
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

    fn write_switch(&mut self, latch: &Latch, verdict: RiskVerdict, actor: RiskActor, now: i64) {
        let of = |scope| (latch.scope == scope).then_some(latch.name.as_str());
        let instrument = of(RiskScope::Instrument).and_then(|name| name.split_once(':')).unzip();
        let target = self.risk.target(latch.scope, &latch.name);
        // For a restart: the state of the whole scope may be stricter.
        let own_state = (verdict != RiskVerdict::Reset).then_some(latch.state.name());
        let row = draft::RiskEvents {
            ts_event: now,
            ts_recv: now,
            account: of(RiskScope::Account),
            strategy: of(RiskScope::Strategy),
            venue: of(RiskScope::Venue).or(instrument.0),
            symbol: instrument.1,
            order_id: of(RiskScope::Order).and_then(|name| name.parse().ok()),
            verdict,
            code: latch.code.name(),
            scope: latch.scope,
            trading_state: target.map(|one| self.risk.state(one)).unwrap_or_default(),
            limit_value: latch.limit.map(|limit| limit.0),
            value: latch.value.map(|value| value.0),
            limits_version: Some(self.risk.limits().version),
            actor: Some(actor),
            detail: own_state,
            ..draft::RiskEvents::default()
        };
        drop(self.ledger.risk_event(&row));
    }
}
