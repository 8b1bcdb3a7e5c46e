//! A venue: its hall and its language. All that changes it comes in here, one thing after another,
//! each at one moment and written down before it is done where a state is kept.

use std::time::Duration;

use hyper::HeaderMap;
use rustonite_sim::latency::{LatencyConfig, Message};
use rustonite_sim::{Command, OrderId, Reject};

use crate::crowd::{Crowd, Others};
use crate::dialect::{Dialect, Hall, Reply, Request};
use crate::error::{ExchangeError, Result};
use crate::faults::{Fault, Planned, Sort, Streams};
use crate::floor::machine_now;
use crate::keys::Key;
use crate::recording::{Moment, Played};
use crate::socket::Out;
use crate::state::{Entry, Log};

/// Beats between two notes of what the state is: a minute.
const NOTE_EVERY: u64 = 600;
/// How long others wait if nothing can be written.
const NOT_WRITTEN_NS: i64 = 1_000_000_000;

/// See the module.
pub(crate) struct Venue {
    pub(crate) hall: Hall,
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) log: Option<Log>,
    /// The state that was kept is not changed any more.
    is_closed: bool,
    pub(crate) others: Vec<Others>,
    /// Of these, so many trade since this start.
    resumed: usize,
    pub(crate) played: Played,
}

impl Venue {
    pub(crate) fn new(hall: Hall, dialect: Box<dyn Dialect>) -> Self {
        Self {
            hall,
            dialect,
            log: None,
            is_closed: false,
            others: Vec::new(),
            resumed: 0,
            played: Played::default(),
        }
    }

    /// Lets something come in: written down first, then done, at one moment.
    fn take<T>(
        &mut self,
        entry: impl FnOnce() -> Entry,
        act: impl FnOnce(&mut Self) -> T,
    ) -> Result<T> {
        if self.is_closed {
            let source = std::io::Error::other("the exchange is stopped");
            return Err(ExchangeError::System { doing: "keeping the state".to_owned(), source });
        }
        let clock = &mut self.hall.floor.clock;
        clock.stop_at(machine_now());
        let at = clock.last();
        let written = self.log.as_mut().map_or(Ok(()), |log| log.write(at, &entry()));
        let done = written.map(|()| act(self));
        self.hall.floor.clock.go_on();
        done
    }

    // What comes in

    /// How long a call is on its way, and its answer.
    pub(crate) fn ways(&mut self, request: &Request) -> [Duration; 2] {
        let there = message(self.dialect.sort(request));
        [there, Message::Response].map(|message| self.hall.sockets.way(message))
    }

    /// How long it takes until what a client said on a connection is here.
    pub(crate) fn way_of_said(&mut self, socket: u64, text: &[u8]) -> Duration {
        if self.hall.sockets.latency().is_none() {
            return Duration::ZERO;
        }
        self.hall.sockets.way(message(self.dialect.sort_of_said(socket, text)))
    }

    /// Sets how long messages take. That decides when something comes in, which is what a state
    /// keeps; it is not part of the state itself.
    pub(crate) fn set_latency(&mut self, config: Option<LatencyConfig>) {
        self.hall.sockets.set_latency(config);
    }

    pub(crate) fn call(&mut self, request: &Request) -> Reply {
        let done = self.take(|| Entry::Call(request.clone()), |venue| venue.answer(request));
        done.unwrap_or_else(|error| Reply::new(503, error.to_string()))
    }

    pub(crate) fn connect(
        &mut self,
        socket: u64,
        path: &str,
        headers: &HeaderMap,
    ) -> core::result::Result<(), Reply> {
        let refuses = |fault: &Fault| matches!(fault, Fault::RefuseConnection { .. });
        if let Some(Fault::RefuseConnection { status }) = self.hall.faults.of(None, refuses) {
            return Err(Reply::new(status, String::new()));
        }
        if !self.dialect.calls_come_by(path) {
            return self.dialect.connect(&mut self.hall, socket, path, headers);
        }
        let entry = || Entry::Connected { socket, path: path.to_owned() };
        self.take(entry, |venue| venue.dialect.connect(&mut venue.hall, socket, path, headers))
            .unwrap_or_else(|error| Err(Reply::new(503, error.to_string())))
    }

    pub(crate) fn receive(&mut self, socket: u64, text: &[u8]) {
        if !self.dialect.calls_come_on(socket) {
            self.dialect.receive(&mut self.hall, socket, text);
            return self.publish();
        }
        let entry = || Entry::Said { socket, text: text.to_vec() };
        if self.take(entry, |venue| venue.hear(socket, text)).is_err() {
            // The client cannot be told by an answer.
            self.hall.sockets.send(socket, Out::Cut);
        }
    }

    pub(crate) fn disconnect(&mut self, socket: u64) {
        self.hall.sockets.remove(socket);
        if self.dialect.calls_come_on(socket) {
            // If it is not written, the next start ends it.
            let _ = self.take(|| Entry::Gone { socket }, |_| ());
        }
        self.dialect.disconnect(&mut self.hall, socket);
    }

    /// Does what a trader or the operator asks for.
    pub(crate) fn apply(&mut self, command: &Command) -> Result<Option<OrderId>> {
        Ok(self.take(|| Entry::Command(command.clone()), |venue| venue.act(command))??)
    }

    /// Opens an account, unless there is one of that name.
    pub(crate) fn open_account(&mut self, name: &str) -> Result<()> {
        if self.hall.floor.accounts.by_name(name).is_some() {
            return Ok(());
        }
        let entry = || Entry::Account(name.to_owned());
        self.take(entry, |venue| venue.hall.floor.open(name)).map(|_| ())
    }

    /// Lets an account sign with a key.
    pub(crate) fn add_key(&mut self, account: &str, api_key: &str, key: &Key) -> Result<()> {
        let id = self.account(account)?;
        let entry = || Entry::Key { account: id, api_key: api_key.to_owned(), key: key.clone() };
        self.take(entry, |venue| venue.hall.floor.accounts.add_key(id, api_key, key.clone()))
    }

    pub(crate) fn beat(&mut self, beats: u64) {
        // Without a beat nothing is lost but time: the next one does what was due.
        let _ = self.take(|| Entry::Beat(beats), |venue| venue.pass_time(beats));
        if beats % NOTE_EVERY == NOTE_EVERY - 1 {
            self.note();
            if self.log.as_ref().is_some_and(Log::is_long) {
                // If it cannot be written, nothing has changed, and the next note tries again.
                let _ = self.shorten();
            }
        }
    }

    /// Writes what the state is, for the next start to compare.
    pub(crate) fn note(&mut self) {
        if self.log.is_some() {
            let hash = self.hall.floor.exchange.state_hash();
            let _ = self.take(|| Entry::Is(hash), |_| ());
        }
    }

    /// Keeps a picture of the state in the place of what has led to it.
    pub(crate) fn shorten(&mut self) -> Result<()> {
        let (at, hash) = (self.hall.floor.clock.last(), self.hall.floor.exchange.state_hash());
        let picture = self.picture().map_err(|error| ExchangeError::System {
            doing: "keeping a picture of the state".to_owned(),
            source: std::io::Error::other(error),
        })?;
        self.log.as_mut().map_or(Ok(()), |log| log.shorten(&picture, at, &Entry::Is(hash)))
    }

    /// Plans a fault, or lets it happen.
    pub(crate) fn fault(&mut self, planned: Planned) -> Result<()> {
        planned.fault.frame()?;
        if matches!(planned.fault, Fault::LateEvent { of: Some(of), .. } if !self.dialect.tells(of))
        {
            let problem = "user streams of this venue tell of orders and fills only";
            return Err(ExchangeError::invalid("of", problem));
        }
        let written = planned.clone();
        self.take(|| Entry::Fault(written), |venue| venue.plan(planned))
    }

    /// Lets others trade, or those of before go on. Their number.
    pub(crate) fn add_others(&mut self, crowd: &Crowd) -> Result<usize> {
        let number = self.resumed;
        if let Some(known) = self.others.get_mut(number) {
            if known.crowd != *crowd {
                let problem =
                    "the state that is kept has others, with another seed, speed or price";
                return Err(ExchangeError::invalid("crowd", problem));
            }
            known.go_on_at(machine_now());
        } else {
            self.take(|| Entry::Others(crowd.clone()), |venue| venue.begin(crowd))??;
        }
        self.resumed += 1;
        Ok(number)
    }

    /// Lets others do what is due, so many things at most. How long until the next is, in
    /// nanoseconds.
    pub(crate) fn let_others_act(&mut self, number: usize, most: usize) -> i64 {
        self.hall.sockets.hold();
        let wait = (0..most).map(|_| self.let_another_act(number)).find(|wait| *wait > 0);
        self.hall.sockets.release();
        wait.unwrap_or(0)
    }

    fn let_another_act(&mut self, number: usize) -> i64 {
        let now = self.hall.floor.now();
        let Some(due) = self.others.get(number).map(Others::due) else { return NOT_WRITTEN_NS };
        if due > now {
            return due - now;
        }
        let done = self.take(|| Entry::OthersAct(number), |venue| venue.act_of(number));
        if done.is_ok() { 0 } else { NOT_WRITTEN_NS }
    }

    /// What was recorded at a moment happens.
    pub(crate) fn play(&mut self, moment: &Moment) -> Result<()> {
        self.take(|| Entry::Recorded(moment.clone()), |venue| venue.replay(moment))
    }

    // What is done then

    /// Ends orders whose last moment is over, so that nothing that comes in meets them.
    fn expire(&mut self) {
        let now = self.hall.floor.now();
        if self.hall.floor.exchange.is_any_over(now) {
            let _ = self.hall.apply(&Command::Tick, Vec::new());
            self.publish();
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        self.expire();
        let reply = self.dialect.call(&mut self.hall, request);
        self.publish();
        reply
    }

    fn hear(&mut self, socket: u64, text: &[u8]) {
        self.expire();
        self.dialect.receive(&mut self.hall, socket, text);
        self.publish();
    }

    pub(crate) fn act(
        &mut self,
        command: &Command,
    ) -> core::result::Result<Option<OrderId>, Reject> {
        self.expire();
        let done = self.hall.apply(command, Vec::new())?;
        if let Command::Funding { instrument, rate_ppm } = *command {
            self.dialect.funded(&self.hall, instrument, rate_ppm);
        }
        self.publish();
        Ok(done.order)
    }

    fn pass_time(&mut self, beats: u64) {
        // Only orders that have a last moment care for the time.
        let _ = self.hall.apply(&Command::Tick, Vec::new());
        self.publish();
        self.dialect.beat(&mut self.hall, beats);
        self.hall.end_doomed();
        self.publish();
    }

    fn begin(&mut self, crowd: &Crowd) -> Result<()> {
        self.others.push(Others::new(&mut self.hall.floor, crowd)?);
        Ok(())
    }

    fn act_of(&mut self, number: usize) {
        let Some(one) = self.others.get_mut(number) else { return };
        let command = one.next_command();
        // What is refused is skipped.
        let _ = self.act(&command);
        if let Some(one) = self.others.get_mut(number) {
            one.think(&self.hall.floor.exchange);
        }
    }

    /// Tells clients what they were not told so far.
    fn publish(&mut self) {
        for done in std::mem::take(&mut self.hall.floor.untold) {
            self.dialect.publish(&mut self.hall, &done);
        }
    }

    fn plan(&mut self, planned: Planned) {
        match &planned.fault {
            Fault::ClockAhead { ms } => {
                self.hall.floor.clock.ahead = ms.saturating_mul(1_000_000);
            }
            Fault::Maintenance { on } => self.hall.faults.maintenance = *on,
            Fault::DropUserStream => self.tell(Streams::User, &Out::Cut),
            Fault::Cut => self.tell(Streams::Market, &Out::Cut),
            Fault::Silence { streams } => self.tell(*streams, &Out::Silence),
            Fault::Stall { streams } => {
                for socket in self.sockets(*streams) {
                    self.hall.sockets.stall(socket);
                }
            }
            Fault::Close { code, reason, streams } => {
                self.tell(*streams, &Out::Close(*code, reason.clone()));
            }
            Fault::Farewell => {
                if let Some(text) = self.dialect.farewell() {
                    self.tell(Streams::Market, &Out::text(text));
                }
                self.tell(Streams::Market, &Out::Close(1001, String::new()));
            }
            Fault::Frame { streams, .. } => {
                // One that cannot be was refused before.
                if let Ok(Some(out)) = planned.fault.frame() {
                    self.tell(*streams, &out);
                }
            }
            Fault::RestartCounter => self.hall.floor.restart_counters(planned.symbol.as_deref()),
            Fault::Stale => {
                self.hall.remember();
                self.dialect.remember();
                self.hall.faults.plan(planned);
            }
            _ => self.hall.faults.plan(planned),
        }
    }

    fn sockets(&self, streams: Streams) -> Vec<u64> {
        match streams {
            Streams::Market => self.dialect.market_sockets(),
            Streams::User => self.dialect.user_sockets(),
        }
    }

    fn tell(&mut self, streams: Streams, out: &Out) {
        for socket in self.sockets(streams) {
            self.hall.sockets.send(socket, out.clone());
        }
    }

    // From a state that is kept

    /// Does again what was written, and writes what comes from now on.
    pub(crate) fn keep(&mut self, mut log: Log) -> Result<()> {
        if let Some(picture) = log.picture()? {
            let shown = self.become_as(&picture);
            shown.map_err(|error| log.wrong(format!("its picture cannot be read: {error}")))?;
        }
        while let Some((at, entry)) = log.read()? {
            self.hall.floor.clock.stop_at(at);
            if !self.again(entry) {
                return Err(log.other_program());
            }
        }
        self.hall.floor.clock.go_on();
        self.hall.sockets.clear();
        let is_long = log.is_long();
        self.log = Some(log);
        self.take(|| Entry::Opened, Self::hang_up)?;
        if is_long {
            // As above.
            let _ = self.shorten();
        }
        Ok(())
    }

    /// Lets go of the state that is kept.
    pub(crate) fn close(&mut self) {
        self.is_closed |= self.log.take().is_some();
    }

    /// False if the state is not what it was.
    fn again(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Opened => self.hang_up(),
            Entry::Call(request) => drop(self.answer(&request)),
            Entry::Connected { socket, path } => {
                let headers = HeaderMap::new();
                let _ = self.dialect.connect(&mut self.hall, socket, &path, &headers);
            }
            Entry::Said { socket, text } => self.hear(socket, &text),
            Entry::Gone { socket } => self.dialect.disconnect(&mut self.hall, socket),
            Entry::Command(command) => drop(self.act(&command)),
            Entry::Account(name) => {
                self.hall.floor.open(&name);
            }
            Entry::Key { account, api_key, key } => {
                self.hall.floor.accounts.add_key(account, &api_key, key);
            }
            Entry::Beat(beats) => self.pass_time(beats),
            Entry::Fault(planned) => self.plan(planned),
            // What could not be then cannot be now.
            Entry::Others(crowd) => drop(self.begin(&crowd)),
            Entry::OthersAct(number) => self.act_of(number),
            Entry::Recorded(moment) => self.replay(&moment),
            Entry::Is(hash) => return hash == self.hall.floor.exchange.state_hash(),
        }
        true
    }

    /// Nobody is connected any more.
    fn hang_up(&mut self) {
        self.dialect.hang_up();
        self.hall.faults.forget_streams();
    }
}

fn message(sort: Sort) -> Message {
    match sort {
        Sort::Place => Message::Place,
        Sort::Amend => Message::Amend,
        Sort::Cancel => Message::Cancel,
        Sort::Read => Message::Feed,
    }
}
