use rustonite_wire::{Feed, VENUES, open};

use super::feed_of;

#[test]
fn a_call_tells_what_it_was_for() {
    let mut found = 0;
    for venue in VENUES {
        let codec = open(venue).unwrap();
        let symbol = || "BTCUSDT".to_owned();
        let feeds = [
            Feed::Instruments,
            Feed::Book(symbol()),
            Feed::Orders(symbol()),
            Feed::Trades(symbol()),
            Feed::Tickers(Some(symbol())),
        ];
        for feed in feeds {
            let Some(request) = codec.requests(&feed).into_iter().next() else { continue };
            assert!(feed_of(&*codec, &request.sent()).is_some(), "{venue}: {feed:?} {request:?}");
            found += 1;
        }
    }
    assert!(found > 40, "{found}");
}
