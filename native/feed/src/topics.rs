//! What is asked of a venue, what becomes of it, and which connections carry it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustonite_core::datasets::FeedEvent;
use rustonite_wire::{Request, Topic};
use tokio::time::Instant;

use crate::events::Fact;
use crate::instrument::{DATASETS, Instrument, dataset_place};
use crate::plan::Planned;
use crate::recording::{Recording, Socketed, cut};
use crate::rest::Answer;
use crate::stats::Stats;
use rustonite_core::hint::hint;

impl Recording {
    /// Whether one connection carries all channels of an instrument that another one does.
    #[cold]
    pub(crate) fn carries_all(&self, place: usize, one: i64, other: i64) -> bool {
        let instrument = &self.instruments[place];
        let markets = |connection: i64| {
            let carried = self.markets.iter().filter(move |(_, carrier)| *carrier == connection);
            carried.map(|(channel, _)| channel.as_str())
        };
        let carries = |channel: &str| {
            instrument.is_carried_by(channel, one) || markets(one).any(|known| known == channel)
        };
        let mut channels = instrument.channels_of(other).chain(markets(other)).peekable();
        channels.peek().is_some() && channels.all(carries)
    }

    /// When data of a topic came last on a connection.
    pub(crate) fn last_data(&self, state: &Socketed, planned: &Planned) -> Option<Instant> {
        let dataset = dataset_place(&planned.channel.dataset)?;
        if planned.instrument.is_none() {
            return state.last.iter().filter_map(|last| last[dataset]).max();
        }
        state.last.get(self.place_of(planned)?)?[dataset]
    }

    /// Whether a topic has ever had data.
    pub(crate) fn had_data(&self, planned: &Planned) -> bool {
        let Some(dataset) = dataset_place(&planned.channel.dataset) else { return false };
        if planned.instrument.is_none() {
            return self.instruments.iter().any(|one| one.had_data[dataset]);
        }
        self.place_of(planned).is_some_and(|place| self.instruments[place].had_data[dataset])
    }

    /// The place of a topic's instrument, as its rows name it.
    fn place_of(&self, planned: &Planned) -> Option<usize> {
        self.by_symbol.get(planned.instrument.as_deref()?).copied()
    }

    /// Topics are asked for, some of them anew.
    pub(crate) fn subscribing(&mut self, state: &mut Socketed, topics: &[Planned], new: usize) {
        self.stats.topics.fetch_add(i64::try_from(new).unwrap_or(0), Ordering::Relaxed);
        for planned in topics {
            if let Some(symbol) = &planned.instrument {
                let place = self.instrument(symbol);
                self.instruments[place].carry(self.venue, &planned.channel, state.number);
                state.expect_data(place, &planned.channel.dataset);
            }
            let market = (planned.topic.channel.clone(), state.number);
            if planned.instrument.is_none() && !self.markets.contains(&market) {
                self.markets.push(market);
            }
            self.topic_fact(FeedEvent::Subscribe, state, &planned.topic, None);
        }
        self.commit();
        if self.listed {
            self.name_unknown();
        }
    }

    /// The venue told all of its instruments.
    pub(crate) fn listed(&mut self) {
        self.listed = true;
        self.name_unknown();
    }

    /// Names instruments that we asked for and the venue does not have: some venues acknowledge
    /// whatever one asks for.
    fn name_unknown(&mut self) {
        let known = |one: &&Instrument| one.definition != 0;
        if !self.instruments.iter().any(|one| known(&one)) {
            return;
        }
        for place in 0..self.instruments.len() {
            let instrument = &self.instruments[place];
            let is_unknown = instrument.is_carried() && !instrument.heard && !known(&instrument);
            if !is_unknown || instrument.unknown {
                continue;
            }
            let symbol = instrument.symbol.clone();
            let names = self.instruments.iter().filter(known).map(|one| &*one.symbol);
            let near = hint(&symbol, names);
            let near = near.strip_prefix("did").map(|near| format!("; did{near}"));
            let text = format!("{} has no such instrument{}", self.venue, near.unwrap_or_default());
            self.instruments[place].unknown = true;
            self.stats.problem(&symbol, Some(text.clone()));
            self.fact(&Fact {
                symbol: Some(&symbol),
                detail: Some(cut(&text)),
                ..Fact::of(FeedEvent::Refused)
            });
        }
    }

    /// Whether nothing is to be expected of a topic, as its instrument does not exist.
    pub(crate) fn is_unknown(&self, planned: &Planned) -> bool {
        self.place_of(planned).is_some_and(|place| self.instruments[place].unknown)
    }

    /// The first data of an instrument, or of one that was taken for unknown.
    #[cold]
    pub(crate) fn first_heard(&mut self, place: usize) {
        let instrument = &mut self.instruments[place];
        instrument.heard = true;
        if std::mem::take(&mut instrument.unknown) {
            self.stats.problem(&instrument.symbol, None);
        }
    }

    pub(crate) fn unsubscribing(&mut self, state: &Socketed, topics: &[Planned]) {
        self.stats.topics.fetch_sub(count(topics), Ordering::Relaxed);
        for planned in topics {
            self.topic_fact(FeedEvent::Unsubscribe, state, &planned.topic, None);
            self.lose_topic(state, planned, "unsubscribed", true);
        }
        self.commit();
    }

    pub(crate) fn acknowledged(&mut self, state: &Socketed, topics: &[Topic]) {
        for topic in topics {
            self.stats.problem(&name(topic), None);
            self.topic_fact(FeedEvent::Subscribed, state, topic, None);
        }
        self.commit();
    }

    pub(crate) fn refused(&mut self, state: &Socketed, topic: Option<&Topic>, text: &str) {
        let about = topic.map_or_else(|| self.venue.to_owned(), name);
        self.stats.problem(&about, Some(format!("refused: {text}")));
        let fact = Fact {
            symbol: topic.and_then(|topic| topic.symbol.as_deref()),
            channel: topic.map(|topic| topic.channel.as_str()),
            connection: Some(state.number),
            detail: Some(cut(text)),
            ..Fact::of(FeedEvent::Refused)
        };
        self.fact(&fact);
    }

    /// The answer to a call says that something in it does not exist.
    pub(crate) fn call_named_unknown(&mut self, topic: &Topic, text: &str) {
        let about = topic.symbol.as_deref().unwrap_or(self.venue);
        self.stats.problem(about, Some(format!("refused: {text}")));
        self.pending_fact(&Fact {
            symbol: topic.symbol.as_deref(),
            channel: Some(topic.channel.as_str()).filter(|channel| !channel.is_empty()),
            detail: Some(cut(text)),
            ..Fact::of(FeedEvent::Refused)
        });
    }

    /// A venue answered a call with an error.
    pub(crate) fn call_refused(&mut self, connection: i64, request: &Request, answer: &Answer) {
        let shut_out = matches!(answer.status, 418 | 403);
        let kind = match answer.pause {
            Some(_) if shut_out => FeedEvent::Banned,
            Some(_) => FeedEvent::RateLimited,
            None => FeedEvent::VenueError,
        };
        let text = String::from_utf8_lossy(&answer.body);
        self.fact(&Fact {
            connection: Some(connection),
            channel: request.path.split('?').next(),
            value: Some(answer.status.into()),
            detail: Some(cut(&text)),
            ..Fact::of(kind)
        });
    }

    pub(crate) fn silent(&mut self, state: &Socketed, topic: &Topic, time: Duration) {
        let fact = Fact {
            symbol: topic.symbol.as_deref(),
            channel: Some(&topic.channel),
            connection: Some(state.number),
            value: i64::try_from(time.as_nanos()).ok(),
            ..Fact::of(FeedEvent::Silence)
        };
        self.fact(&fact);
    }

    fn topic_fact(&mut self, kind: FeedEvent, state: &Socketed, topic: &Topic, text: Option<&str>) {
        self.pending_fact(&Fact {
            symbol: topic.symbol.as_deref(),
            channel: Some(&topic.channel),
            connection: Some(state.number),
            detail: text,
            ..Fact::of(kind)
        });
    }

    /// A line ended or cannot be opened, or works again.
    pub(crate) fn note_line(&self, socket: &str, why: Option<String>, reconnects: bool) {
        Stats::add(&self.stats.reconnects, u64::from(reconnects));
        self.stats.problem(&format!("connection {socket}"), why);
    }

    /// A connection is over, and what it alone carried is no longer whole.
    pub(crate) fn connection_ended(&mut self, state: &Socketed, topics: &[Planned], why: &str) {
        self.stats.connections.fetch_sub(1, Ordering::Relaxed);
        self.stats.topics.fetch_sub(count(topics), Ordering::Relaxed);
        let fact = Fact {
            connection: Some(state.number),
            detail: Some(cut(why)),
            ..Fact::of(FeedEvent::Disconnect)
        };
        self.fact(&fact);
        let stops = self.stops;
        for planned in topics {
            self.lose_topic(state, planned, "disconnected", stops);
        }
        self.commit();
    }

    /// The messages of a topic will not come over a connection any more.
    fn lose_topic(&mut self, state: &Socketed, planned: &Planned, why: &str, is_planned: bool) {
        self.stats.problem(&name(&planned.topic), None);
        let Some(symbol) = &planned.instrument else {
            return self.lose_market(state.number, planned, why, is_planned);
        };
        let place = self.instrument(symbol);
        let channel = &planned.channel;
        let instrument = &mut self.instruments[place];
        let ends = instrument.drop_carrier(channel, state.number);
        let is_over = !instrument.is_carried() && !self.stops;
        if is_over && std::mem::take(&mut instrument.unknown) {
            self.stats.problem(symbol, None);
        }
        if ends {
            self.end_data(place, &channel.name, &channel.dataset, why, is_planned);
        }
    }

    /// The same of a topic that is of all instruments.
    fn lose_market(&mut self, connection: i64, planned: &Planned, why: &str, is_planned: bool) {
        let channel = &planned.topic.channel;
        self.markets.retain(|(name, carrier)| (name, *carrier) != (channel, connection));
        let others = self.markets.iter().any(|(name, _)| name == channel);
        let Some(dataset) = dataset_place(&planned.channel.dataset) else { return };
        for place in 0..self.instruments.len() {
            self.instruments[place].disown(connection);
            let instrument = &self.instruments[place];
            let had_data = instrument.had_data[dataset] && !instrument.has_channel_for(dataset);
            if had_data && !others {
                self.end_data(place, channel, DATASETS[dataset], why, is_planned);
            }
        }
    }
}

fn count(topics: &[Planned]) -> i64 {
    i64::try_from(topics.len()).unwrap_or(i64::MAX)
}

/// A topic for people.
fn name(topic: &Topic) -> String {
    match &topic.symbol {
        Some(symbol) => format!("{symbol} {}", topic.channel),
        None => topic.channel.clone(),
    }
}
