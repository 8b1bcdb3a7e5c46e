//! What `catalog/venues` says of books is what the rules say.

use std::path::Path;

use rustonite_book::rules;
use toml::{Table, Value};

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

/// Venue and channels of a file.
fn channels(path: &Path) -> (String, Vec<Table>) {
    let written = std::fs::read_to_string(path).expect("a readable file");
    let venue: Table = written.parse().expect("TOML");
    let name = text(&venue, "venue").expect("a venue's name").to_owned();
    let channels = venue.get("channel").and_then(Value::as_array);
    let channels = channels.into_iter().flatten().filter_map(Value::as_table);
    (name, channels.cloned().collect())
}

#[test]
fn channels_of_books_have_the_integrity_and_anchor_of_their_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/venues");
    let mut checked = 0;
    for file in std::fs::read_dir(folder).expect("the catalog") {
        let (venue, channels) = channels(&file.expect("a file").path());
        for channel in channels {
            let dataset = text(&channel, "dataset").unwrap_or_default();
            if !matches!(dataset, "book_deltas" | "book_orders") {
                continue;
            }
            let name = text(&channel, "name").expect("a channel's name");
            let found = rules(&venue, name).unwrap_or_else(|| panic!("{venue} {name}: no rules"));
            let catalog = (text(&channel, "integrity"), text(&channel, "anchor"));
            let ours = (Some(found.integrity()), Some(found.anchor.name()));
            assert_eq!(catalog, ours, "{venue} {name}");
            checked += 1;
        }
    }
    assert!(checked >= 3);
}
