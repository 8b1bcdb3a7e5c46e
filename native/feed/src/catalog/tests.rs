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

/// The rules by which books are kept are code; the catalog repeats them for people.
#[test]
fn the_catalog_says_of_books_what_the_rules_say() {
    for name in Venue::names() {
        let venue = Venue::find(name).unwrap();
        for channel in &venue.channels {
            if !matches!(channel.dataset.as_str(), "book_deltas" | "book_orders") {
                continue;
            }
            let place = format!("{name}: {}", channel.name);
            let rules = rustonite_book::rules(name, &channel.name);
            let rules = rules.unwrap_or_else(|| panic!("{place}: no rules"));
            assert_eq!(channel.integrity, rules.scheme.name(), "{place}");
            assert_eq!(channel.anchor, rules.anchor.name(), "{place}");
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
