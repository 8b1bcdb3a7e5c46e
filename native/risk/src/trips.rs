//! Switches: thrown by rules and by people, put back by people only.

use rustonite_core::Amount;
use rustonite_core::datasets::{RiskScope, TradingState};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};

use crate::code::{Code, Unit};
use crate::directory::{MANUAL, Target};
use crate::key::Key;
use crate::latch::{Latch, Latches, Trip};
use crate::limits::Section;
use crate::merged::Sections;
use crate::recall::Past;
use crate::risk::{AccountState, Risk, Traded};

impl Risk {
    /// Throws the kill switch of a target: only cancels are let through until [`Risk::reset`].
    pub fn kill(&mut self, target: Target, now: i64) -> Trip {
        self.set_switch(target, Code::KillSwitch, TradingState::CancelOnly, now)
    }

    /// Throws a switch of a target, or changes what one that is thrown lets through.
    pub fn set_switch(
        &mut self,
        target: Target,
        code: Code,
        state: TradingState,
        now: i64,
    ) -> Trip {
        self.turn(now);
        let mut trip = Trip { target, code, state, limit: None, value: None, ts: now };
        let is_same = |other: &&mut Trip| other.target == target && other.code == code;
        if let Some(thrown) = self.latches.iter_mut().find(is_same) {
            thrown.state = state;
            trip = *thrown;
        } else {
            self.latches.push(trip);
        }
        self.apply_states();
        trip
    }

    /// Sets the trading state of a target; `active` lifts what was set so, but no switch.
    pub fn set_state(&mut self, target: Target, state: TradingState, now: i64) -> Trip {
        self.turn(now);
        let code = match state {
            TradingState::Halted => Code::Halted,
            TradingState::CancelOnly => Code::CancelOnly,
            TradingState::ReduceOnly | TradingState::Active => Code::ReduceOnlyState,
        };
        let is_set = |code| matches!(code, Code::Halted | Code::CancelOnly | Code::ReduceOnlyState);
        self.latches.retain(|trip| trip.target != target || !is_set(trip.code));
        let trip = Trip { target, code, state, limit: None, value: None, ts: now };
        if state != TradingState::Active {
            self.latches.push(trip);
        }
        self.apply_states();
        trip
    }

    /// Puts every switch of a target back and clears what threw it: counts of executions, refusals
    /// and losses start anew, and the drawdown from here. Says which there were.
    pub fn reset(&mut self, target: Target, now: i64) -> Vec<Trip> {
        self.turn(now);
        let (reset, kept) = self.latches.iter().partition(|trip| trip.target == target);
        self.latches = kept;
        if let Some(seat) = self.seat_mut(target) {
            seat.start_counts();
            seat.profit.peak = seat.profit.is_told.then_some(seat.profit.total);
        }
        self.apply_states();
        reset
    }

    /// What is allowed to a target by its own switches and states.
    pub fn state(&self, target: Target) -> TradingState {
        let own = self.latches.iter().filter(|trip| trip.target == target);
        own.fold(TradingState::Active, |strictest, trip| strictest.max(trip.state))
    }

    /// Every switch that is off.
    pub fn thrown(&self) -> &[Trip] {
        &self.latches
    }

    /// Profit of a scope, realised and unrealised, in the reporting currency: of the UTC day, and in
    /// all. Too large a loss throws its switch: positions may only shrink then.
    pub fn profit(
        &mut self,
        target: Target,
        day: Amount,
        total: Amount,
        now: i64,
        trips: &mut Vec<Trip>,
    ) {
        self.turn(now);
        let Some(seat) = self.seat_mut(target) else { return };
        let profit = &mut seat.profit;
        profit.peak = profit.peak.max(Some(total.0));
        profit.is_told = true;
        (profit.day, profit.total) = (day.0, total.0);
        seat.measure();
        self.judge_profit(target, now, trips);
    }

    /// Profit cannot be told any more, for want of a price: limits on it deny until it is.
    pub fn profit_unknown(&mut self) {
        self.each_of_all(|seat| seat.profit.is_told = false);
        self.measure_all();
    }

    /// The highest profits so far of the scopes that were told of theirs, for the next run.
    pub fn peaks(&self) -> Vec<(Target, Amount)> {
        let peak = |target| Some((target, Amount(self.seat(target)?.profit.peak?)));
        self.scopes().filter_map(peak).collect()
    }

    /// A scope's highest profit of an earlier run, which drawdown is measured from.
    pub fn restore_peak(&mut self, target: Target, peak: Amount) {
        if let Some(seat) = self.seat_mut(target) {
            seat.profit.peak = seat.profit.peak.max(Some(peak.0));
        }
    }

    /// Scopes that count for themselves.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = Target> + use<> {
        let count = |seats: usize| 0..u16::try_from(seats).unwrap_or(u16::MAX);
        let venues = count(self.venues.len()).map(|at| Target::Venue(VenueId(at)));
        let accounts = count(self.accounts.len()).map(|at| Target::Account(AccountId(at)));
        let strategies = count(self.strategies.len()).map(|at| Target::Strategy(StrategyId(at)));
        std::iter::once(Target::All).chain(venues).chain(accounts).chain(strategies)
    }

    fn judge_profit(&mut self, target: Target, now: i64, trips: &mut Vec<Trip>) {
        let profit = self.seat(target).map(|seat| seat.profit).filter(|profit| profit.is_told);
        let Some(profit) = profit else { return };
        let loss = profit.day.saturating_neg();
        let fall = profit.peak.map_or(0, |peak| peak.saturating_sub(profit.total));
        for (code, key, value) in
            [(Code::DailyLoss, Key::DailyLossMax, loss), (Code::Drawdown, Key::DrawdownMax, fall)]
        {
            if let Some(most) = self.hard(target, key).filter(|most| value > *most) {
                let figures = Some((Amount(most), Amount(value)));
                self.trip(target, code, TradingState::ReduceOnly, figures, now, trips);
            }
        }
    }

    /// A position was closed with a profit or loss. Too many losses in a row pause the scopes that
    /// limit them.
    pub fn closed(
        &mut self,
        account: AccountId,
        strategy: Option<StrategyId>,
        profit: Amount,
        now: i64,
    ) {
        self.turn(now);
        let place = u16::try_from(self.strategy_place(strategy)).unwrap_or(u16::MAX);
        let present = Past { ts: now, seq: i64::MAX };
        self.count_closed(account, StrategyId(place), profit, present);
    }

    pub(crate) fn count_closed(
        &mut self,
        account: AccountId,
        strategy: StrategyId,
        profit: Amount,
        Past { ts, seq }: Past,
    ) {
        for target in self.targets(account, strategy) {
            let most = self.hard(target, Key::LossStreakMax);
            let pause = self.hard(target, Key::LossPauseMs).unwrap_or(0);
            let seat = self.seat_mut(target).filter(|seat| !seat.has_counted(seq));
            let Some(seat) = seat else { continue };
            seat.losses = if profit.0 < 0 { seat.losses + 1 } else { 0 };
            if most.is_some_and(|most| i128::from(seat.losses) >= most.max(1)) {
                let pause = i64::try_from(pause).unwrap_or(i64::MAX);
                seat.paused_until = ts.saturating_add(pause);
                seat.losses = 0;
                seat.measure();
            }
        }
    }

    /// Looks at what happens by waiting alone, or by new limits: prices that became too old while
    /// orders were open, venues that are away for too long, losses that are now too large.
    pub fn timer(&mut self, now: i64, trips: &mut Vec<Trip>) {
        self.turn(now);
        for at in 0..self.instruments.len() {
            self.trip_if_stale(at, now, trips);
        }
        for at in 0..self.venues.len() {
            self.trip_if_away(at, now, trips);
        }
        for at in 0..self.accounts.len() {
            self.trip_if_alone_away(at, now, trips);
        }
        for target in self.scopes() {
            self.judge_profit(target, now, trips);
        }
    }

    fn trip_if_stale(&mut self, at: usize, now: i64, trips: &mut Vec<Trip>) {
        let traded = &self.instruments[at];
        // Most have no orders, and their markets are not looked at.
        if traded.own.count == 0 {
            return;
        }
        let age = now.saturating_sub(traded.market.ts);
        let Some(instrument) = u32::try_from(at).ok().map(InstrumentId) else { return };
        if age > traded.stale_trip_ns {
            let ms = |ns: i64| Unit::Ms.amount(ns.into());
            let figures = Some((ms(traded.stale_trip_ns), ms(age)));
            let target = Target::Instrument(instrument);
            self.trip(target, Code::StaleData, TradingState::CancelOnly, figures, now, trips);
        }
    }

    fn trip_if_away(&mut self, at: usize, now: i64, trips: &mut Vec<Trip>) {
        let Some(venue) = u16::try_from(at).ok().map(VenueId) else { return };
        let state = &self.venues[at];
        let Some(since) = state.away_since else { return };
        // A recorder may be started later than we, if nothing is open meanwhile.
        if !state.was_whole && state.seat.open_orders == 0 {
            return;
        }
        self.trip_if_away_for(venue, Target::Venue(venue), since, now, trips);
    }

    /// An account that is away while its venue is there.
    fn trip_if_alone_away(&mut self, at: usize, now: i64, trips: &mut Vec<Trip>) {
        let Some(account) = u16::try_from(at).ok().map(AccountId) else { return };
        let AccountState { venue, away_since, .. } = self.accounts[at];
        let is_venue_there = self.venues[venue.index()].away_since.is_none();
        let Some(since) = away_since.filter(|_| is_venue_there) else { return };
        self.trip_if_away_for(venue, Target::Account(account), since, now, trips);
    }

    fn trip_if_away_for(
        &mut self,
        venue: VenueId,
        target: Target,
        since: i64,
        now: i64,
        trips: &mut Vec<Trip>,
    ) {
        let away = i128::from(now.saturating_sub(since));
        let sections = [Some(&self.sections.all), self.sections.venues.get(venue.index())];
        let limits = sections.into_iter().flatten();
        let most = limits.filter_map(|section| section.hard(Key::DisconnectTripMs)).min();
        if let Some(most) = most.filter(|most| away > *most) {
            let figures = Some((Unit::Ms.amount(most), Unit::Ms.amount(away)));
            let state = TradingState::CancelOnly;
            self.trip(target, Code::DisconnectedLong, state, figures, now, trips);
        }
    }

    /// Throws a switch by rule, unless it is off for that reason already.
    pub(crate) fn trip(
        &mut self,
        target: Target,
        code: Code,
        state: TradingState,
        figures: Option<(Amount, Amount)>,
        now: i64,
        trips: &mut Vec<Trip>,
    ) {
        let is_same = |trip: &Trip| trip.target == target && trip.code == code;
        if self.latches.iter().any(is_same) {
            return;
        }
        let (limit, value) = figures.unzip();
        let trip = Trip { target, code, state, limit, value, ts: now };
        self.latch(trip);
        trips.push(trip);
    }

    fn latch(&mut self, trip: Trip) {
        let is_same = |other: &Trip| other.target == trip.target && other.code == trip.code;
        if !self.latches.iter().any(is_same) {
            self.latches.push(trip);
        }
        self.apply_states();
    }

    /// Brings the states of all targets to where checks look for them.
    fn apply_states(&mut self) {
        let active = TradingState::Active;
        self.all.state = active;
        self.venues.iter_mut().for_each(|venue| venue.seat.state = active);
        self.accounts.iter_mut().for_each(|account| account.seat.state = active);
        self.strategies.iter_mut().for_each(|strategy| strategy.state = active);
        self.instruments.iter_mut().for_each(|traded| traded.state = active);
        self.orders_killed = 0;
        for at in 0..self.latches.len() {
            let trip = self.latches[at];
            let state = match trip.target {
                Target::Instrument(instrument) => {
                    self.instruments.get_mut(instrument.index()).map(|traded| &mut traded.state)
                }
                Target::Order(_) => {
                    self.orders_killed += 1;
                    None
                }
                other => self.seat_mut(other).map(|seat| &mut seat.state),
            };
            if let Some(state) = state {
                *state = trip.state.max(*state);
            }
        }
        self.measure_all();
        self.instruments.iter_mut().for_each(Traded::prepare);
    }

    /// The hard limit of a scope that counts for itself.
    pub(crate) fn hard(&self, target: Target, key: Key) -> Option<i128> {
        self.sections.of_target(target)?.hard(key)
    }

    /// A switch by name, for the journal.
    pub fn named(&self, trip: &Trip) -> Latch {
        Latch {
            scope: trip.scope(),
            name: self.name(trip.target),
            code: trip.code,
            state: trip.state,
            limit: trip.limit,
            value: trip.value,
            ts: trip.ts,
        }
    }

    /// All switches by name, those of [`Risk::absent`] too.
    pub fn latches(&self) -> Latches {
        let here = self.latches.iter().map(|trip| self.named(trip));
        Latches(here.chain(self.absent.iter().cloned()).collect())
    }

    /// Switches of names that are not here. They stop nothing, and are kept for when the name is.
    pub fn absent(&self) -> &[Latch] {
        &self.absent
    }

    /// Throws a switch of an earlier run, unless it is off for that reason already.
    pub fn restore(&mut self, latch: &Latch) {
        let Latch { code, state, limit, value, ts, .. } = *latch;
        if let Some(target) = self.target(latch.scope, &latch.name) {
            self.latch(Trip { target, code, state, limit, value, ts });
        } else if !self
            .absent
            .iter()
            .any(|one| one.is_of(latch.scope, &latch.name) && one.code == code)
        {
            self.absent.push(latch.clone());
        }
    }

    /// Puts the switches of a name back that is not here. Says which there were.
    pub fn reset_absent(&mut self, scope: RiskScope, name: &str) -> Vec<Latch> {
        self.absent.extract_if(.., |one| one.is_of(scope, name)).collect()
    }

    /// Name of a target within its scope.
    pub fn name(&self, target: Target) -> String {
        let directory = &self.directory;
        let name = match target {
            Target::All => None,
            Target::Venue(venue) => {
                directory.venues.get(venue.index()).map(|venue| venue.name.clone())
            }
            Target::Account(account) => {
                directory.accounts.get(account.index()).map(|account| account.name.clone())
            }
            Target::Strategy(strategy) => {
                Some(directory.strategies.get(strategy.index()).cloned().unwrap_or(MANUAL.into()))
            }
            Target::Instrument(instrument) => Some(directory.instrument_name(instrument.index())),
            Target::Order(order) => Some(order.to_string().into()),
        };
        name.unwrap_or_default().into_string()
    }

    /// Every name within a scope.
    pub fn names(&self, scope: RiskScope) -> Vec<String> {
        let instruments = (0..self.instruments.len()).filter_map(|at| u32::try_from(at).ok());
        let instruments = instruments.map(|at| Target::Instrument(InstrumentId(at)));
        let all = self.scopes().chain(instruments).filter(|target| target.scope() == scope);
        all.map(|target| self.name(target)).collect()
    }

    /// The target that a name within a scope means.
    pub fn target(&self, scope: RiskScope, name: &str) -> Option<Target> {
        let directory = &self.directory;
        let small = |at: Option<usize>| at.and_then(|at| u16::try_from(at).ok());
        match scope {
            RiskScope::All => name.is_empty().then_some(Target::All),
            RiskScope::Venue => {
                let at = directory.venues.iter().position(|venue| *venue.name == *name);
                small(at).map(VenueId).map(Target::Venue)
            }
            RiskScope::Account => {
                let at = directory.accounts.iter().position(|account| *account.name == *name);
                small(at).map(AccountId).map(Target::Account)
            }
            RiskScope::Strategy => {
                let mut names = directory.strategies.iter().map(AsRef::as_ref).chain([MANUAL]);
                small(names.position(|one| one == name)).map(StrategyId).map(Target::Strategy)
            }
            RiskScope::Instrument => {
                let mut names =
                    (0..directory.instruments.len()).map(|at| directory.instrument_name(at));
                let at = names.position(|one| *one == *name)?;
                u32::try_from(at).ok().map(InstrumentId).map(Target::Instrument)
            }
            RiskScope::Order => name.parse().ok().map(Target::Order),
        }
    }
}

impl Sections {
    fn of_target(&self, target: Target) -> Option<&Section> {
        match target {
            Target::All => Some(&self.all),
            Target::Venue(venue) => self.venues.get(venue.index()),
            Target::Account(account) => self.accounts.get(account.index()),
            Target::Strategy(strategy) => self.strategies.get(strategy.index()),
            Target::Instrument(instrument) => self.instrument(instrument),
            Target::Order(_) => None,
        }
    }
}
