//! Which topics go on which connection.

use rustonite_wire::Topic;

use crate::catalog::{Channel, Socket, Venue};
use crate::config::FeedConfig;
use crate::error::{FeedError, Result};

/// The topics of one connection.
#[derive(Clone, Debug)]
pub(crate) struct LinePlan {
    pub(crate) socket: Socket,
    pub(crate) topics: Vec<Planned>,
    pub(crate) compression: bool,
}

/// A topic, and what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) topic: Topic,
    pub(crate) channel: Channel,
    /// The instrument as its rows will name it.
    pub(crate) instrument: Option<String>,
}

/// Spreads what a feed asks for over as few connections as the venue allows.
pub(crate) fn lines(feed: &FeedConfig, venue: &Venue) -> Result<Vec<LinePlan>> {
    let channels = feed.channels(venue)?;
    let mut lines = Vec::new();
    for socket in &venue.sockets {
        let mut topics = Vec::new();
        for channel in channels.iter().filter(|channel| channel.socket == socket.name) {
            let channel = (*channel).clone();
            let topic = |symbol: Option<&String>| Planned {
                topic: Topic { channel: channel.name.clone(), symbol: symbol.cloned() },
                channel: channel.clone(),
                instrument: symbol.map(|symbol| venue.delivered(symbol)),
            };
            if channel.per_symbol {
                topics.extend(unique(&feed.symbols).map(|symbol| topic(Some(symbol))));
            } else {
                topics.push(topic(None));
            }
        }
        // Topics of one instrument stay together, so that a lost connection hurts few of them. A
        // channel may fill two datasets, and is asked for once.
        topics.sort_by(|one, two| one.topic.symbol.cmp(&two.topic.symbol));
        let mut known = std::collections::HashSet::new();
        topics.retain(|planned| known.insert(planned.topic.clone()));
        let mut socket = socket.clone();
        if let Some(url) = feed.urls.get(&socket.name) {
            socket.url = url.to_string();
        }
        lines.extend(topics.chunks(socket.topics_max.max(1)).map(|topics| LinePlan {
            socket: socket.clone(),
            topics: topics.to_vec(),
            compression: feed.compression,
        }));
    }
    let known = |channel: &&&Channel| venue.socket(&channel.socket).is_some();
    let mut subscribed = channels.iter().filter(|channel| !channel.socket.is_empty());
    if let Some(lost) = subscribed.find(|channel| !known(channel)) {
        let place = format!("catalog/venues/{}.toml", venue.venue);
        return Err(FeedError::config(place, format!("no socket {:?}", lost.socket)));
    }
    Ok(lines)
}

fn unique(symbols: &[String]) -> impl Iterator<Item = &String> {
    let mut seen = std::collections::HashSet::new();
    symbols.iter().filter(move |symbol| seen.insert(symbol.as_str()))
}
