use std::collections::BTreeSet;

use super::{FILES, Venue};
use crate::instrument::DATASETS;

#[test]
fn every_venue_that_can_be_decoded_is_known_and_the_other_way_round() {
    let known: BTreeSet<_> = FILES.iter().map(|(name, _)| *name).collect();
    let decoded: BTreeSet<_> = rustonite_wire::VENUES.iter().copied().collect();
    assert_eq!(known, decoded);
}

#[test]
fn every_file_is_read_and_names_what_exists() {
    for (name, text) in FILES {
        let venue = Venue::parse((*name).to_owned(), text).unwrap();
        assert_eq!(venue.venue, *name);
        for channel in &venue.channels {
            let place = format!("{name}: {} {}", channel.dataset, channel.name);
            let dataset = channel.dataset.as_str();
            let others = ["instruments", "feed_events"];
            assert!(DATASETS.contains(&dataset) || others.contains(&dataset), "{place}");
            assert!(!channel.name.is_empty() || channel.socket.is_empty(), "{place}");
            assert!(
                channel.socket.is_empty() || venue.socket(&channel.socket).is_some(),
                "{place}"
            );
            assert!(!channel.socket.is_empty() || channel.rest_every_s > 0, "{place}");
        }
    }
}

/// A dataset stands for the first of its channels, a name for the first that has it.
#[test]
fn every_channel_can_be_chosen() {
    for venue in Venue::names().map(|name| Venue::find(name).unwrap()) {
        for channel in &venue.channels {
            let named = Some(channel).filter(|channel| !channel.name.is_empty());
            let named = named.and_then(|channel| venue.channel(&channel.name));
            let usual = venue.channel_of(&channel.dataset);
            let is_chosen =
                [named, usual].into_iter().flatten().any(|one| std::ptr::eq(one, channel));
            assert!(is_chosen, "{}: {} {}", venue.venue, channel.dataset, channel.name);
        }
    }
}

#[test]
fn an_unknown_venue_has_a_hint() {
    let error = Venue::find("binanse").unwrap_err().to_string();
    assert!(error.contains("did you mean binance"), "{error}");
    let error = Venue::find("xyz").unwrap_err().to_string();
    assert!(error.contains("there are"), "{error}");
}

/// The steps of `docs/internals/adding-a-venue.md`, followed.
#[test]
fn the_catalog_of_the_page_on_adding_a_venue_can_be_read() {
    let page = include_str!("../../../../docs/internals/adding-a-venue.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let venue = Venue::parse("lemon".to_owned(), text).unwrap();
    let datasets: Vec<_> = venue.channels.iter().map(|one| one.dataset.as_str()).collect();
    assert_eq!((venue.venue.as_str(), datasets.len()), ("lemon", 3));
    assert_eq!(venue.channel_of("book_deltas").unwrap().anchor, "subscription");
}
