//! A replay goes on where its state ends.

use rustonite_sim::{QueueModel, Side::Buy, Side::Sell, What};

use super::*;
use crate::recording::{Happening, Moment, Recording, queue_named};

const SECOND: i64 = 1_000_000_000;

fn config_of(venue: &str, source: &str) -> VenueConfig {
    by_queue(venue, source, QueueModel::RiskAverse)
}

fn by_queue(venue: &str, source: &str, queue: QueueModel) -> VenueConfig {
    let recording = Recording { source: source.to_owned(), start: 0, stop: 100, speed: 1.0, queue };
    VenueConfig { recording: Some(recording), ..config(venue) }
}

fn open_recorded(folder: &Path, venue: &str) -> Result<Venue, ExchangeError> {
    let config = config_of(venue, "lake");
    let (log, head) = Log::open(folder, &config)?;
    let mut venue = build(&config, &head)?;
    venue.keep(log)?;
    Ok(venue)
}

fn build_by(queue: QueueModel) -> Venue {
    let config = by_queue("binance", "lake", queue);
    build(&config, &Head::new(&config)).unwrap()
}

fn level(side: Side, price: i64, quantity: i64) -> Happening {
    Happening::Market(What::Level { side, price, quantity })
}

fn sold(price: i64, quantity: i64) -> Happening {
    Happening::Market(What::Trade { taker: Sell, price, quantity })
}

fn picture_of(levels: [Happening; 2]) -> Vec<Happening> {
    let [begins, ends] = [What::SnapshotBegins, What::SnapshotEnds].map(Happening::Market);
    [&[begins], &levels[..], &[ends]].concat()
}

fn play(venue: &mut Venue, at: i64, rows: &[Happening]) {
    let rows = rows.iter().map(|row| (0, *row)).collect();
    venue.play(&Moment { at, rows }).unwrap();
}

fn book(venue: &Venue) -> [Vec<(i64, i64)>; 2] {
    [Buy, Sell].map(|side| venue.hall.floor.exchange.levels(0, side).collect())
}

/// A book with an order of ann's in it.
fn begin_recorded(venue: &mut Venue) -> OrderId {
    venue.open_account("ann").unwrap();
    let asset = if venue.hall.floor.asset_named("USD").is_ok() { "USD" } else { "USDT" };
    venue.deposit("ann", asset, "1000000".parse().unwrap()).unwrap();
    play(venue, SECOND, &picture_of([level(Buy, 5_999_900, 500), level(Sell, 6_000_100, 500)]));
    let order = NewOrder::limit(account(venue, 0), 0, Buy, 5_999_900, 20_000);
    venue.apply(&Command::Place(order)).unwrap().unwrap()
}

fn filled(venue: &Venue, order: OrderId) -> i64 {
    venue.hall.floor.exchange.order(order).unwrap().filled
}

#[test]
fn it_is_as_it_was_and_goes_on_behind_the_last_moment() {
    for venue_name in ["binance", "binance-usdm", "alpaca"] {
        for is_shortened in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let mut venue = open_recorded(folder.path(), venue_name).unwrap();
            let order = begin_recorded(&mut venue);
            play(&mut venue, 2 * SECOND, &[sold(5_999_900, 600), Happening::Rate(250, SECOND)]);
            assert_eq!(filled(&venue, order), 100);
            if is_shortened {
                venue.shorten().unwrap();
            }
            play(&mut venue, 3 * SECOND, &[level(Sell, 6_000_100, 70), Happening::Mark(6_000_000)]);
            let before = picture(&mut venue);
            drop(venue);
            let mut venue = open_recorded(folder.path(), venue_name).unwrap();
            assert!(picture(&mut venue) == before, "{venue_name} {is_shortened}");
            // Handed over again, it does not happen again.
            play(&mut venue, 3 * SECOND, &[sold(5_999_900, 600)]);
            assert_eq!(filled(&venue, order), 100);
            play(&mut venue, 4 * SECOND, &[sold(5_999_900, 30)]);
            assert_eq!(filled(&venue, order), 130);
        }
    }
}

#[test]
fn what_is_lost_empties_the_book_until_a_whole_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open_recorded(folder.path(), "binance").unwrap();
    let order = begin_recorded(&mut venue);
    play(&mut venue, 2 * SECOND, &[Happening::Lost]);
    assert_eq!(book(&venue), [vec![(5_999_900, 20_000)], vec![]]);
    play(&mut venue, 3 * SECOND, &[level(Buy, 5_999_800, 7), sold(5_999_800, 9)]);
    assert_eq!((filled(&venue, order), book(&venue)[0].len()), (0, 1));
    assert!(venue.hall.floor.exchange.is_halted(0));
    let whole = picture_of([level(Buy, 5_999_700, 5), level(Sell, 5_999_900, 8)]);
    play(&mut venue, 4 * SECOND, &whole);
    assert!(!venue.hall.floor.exchange.is_halted(0));
    assert_eq!(filled(&venue, order), 8);
    assert_eq!(book(&venue), [vec![(5_999_900, 19_992), (5_999_700, 5)], vec![]]);
}

#[test]
fn a_halt_of_the_operator_outlives_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open_recorded(folder.path(), "binance").unwrap();
    begin_recorded(&mut venue);
    venue.halt("BTCUSDT", true).unwrap();
    play(&mut venue, 2 * SECOND, &[Happening::Lost]);
    play(&mut venue, 3 * SECOND, &picture_of([level(Buy, 1, 5), level(Sell, 9, 8)]));
    assert!(venue.hall.floor.exchange.is_halted(0));
}

#[test]
fn after_the_end_nothing_is_traded_and_orders_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open_recorded(folder.path(), "binance").unwrap();
    let order = begin_recorded(&mut venue);
    play(&mut venue, 2 * SECOND, &[Happening::Ends]);
    let ann = account(&venue, 0);
    assert!(venue.apply(&Command::Place(NewOrder::market(ann, 0, Buy, 10))).is_err());
    venue.apply(&Command::Cancel { account: ann, order }).unwrap();
    assert_eq!(book(&venue)[1], [(6_000_100, 500)]);
    let status = venue.replay_status(&config_of("binance", "lake").recording.unwrap());
    assert_eq!((&status["ended"], &status["at"]), (&true.into(), &"1970-01-01T00:00:02Z".into()));
}

#[test]
fn a_trade_without_a_side_is_taken_for_that_of_the_nearer_best_price() {
    let folder = tempfile::tempdir().unwrap();
    let mut venue = open_recorded(folder.path(), "binance").unwrap();
    begin_recorded(&mut venue);
    let unsided = |price| Happening::Trade { price, quantity: 1 };
    play(&mut venue, 2 * SECOND, &[unsided(5_999_950), unsided(6_000_050)]);
    let prints = &venue.hall.floor.markets[0].prints;
    let sides: Vec<_> = prints.iter().map(|print| print.buyer_is_maker).collect();
    assert_eq!(sides, [true, false]);
}

#[test]
fn another_recording_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_recorded(folder.path(), "binance").unwrap());
    let refused = Log::open(folder.path(), &config_of("binance", "other")).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("a replay of lake from 1970") && text.contains("other from"), "{text}");
    let refused = Log::open(folder.path(), &config("binance")).unwrap_err().to_string();
    assert!(refused.ends_with("not with no recording"), "{refused}");
    let evenly = by_queue("binance", "lake", QueueModel::Power(1.0));
    let refused = Log::open(folder.path(), &evenly).unwrap_err().to_string();
    assert!(refused.ends_with("by the queue even"), "{refused}");
}

#[test]
fn the_queue_of_a_recording_says_what_a_smaller_level_means_for_who_waits() {
    // Of 500 ahead and 1,500 behind, 400 leave without a trade.
    for (name, ahead) in [("behind", 500), ("even", 400), ("square", 460), ("log", 317)] {
        let mut venue = build_by(queue_named(name).unwrap());
        let order = begin_recorded(&mut venue);
        play(&mut venue, 2 * SECOND, &[level(Buy, 5_999_900, 2_000)]);
        play(&mut venue, 3 * SECOND, &[level(Buy, 5_999_900, 1_600)]);
        play(&mut venue, 4 * SECOND, &[sold(5_999_900, 550)]);
        assert_eq!(filled(&venue, order), 550 - ahead, "{name}");
    }
    assert!(queue_named("front").is_err());
}

/// The same moments and orders at the same times are the same bytes.
#[test]
fn the_same_moments_make_the_same_state() {
    let made = [(); 2].map(|()| {
        let config = config_of("binance-usdm", "lake");
        let folder = tempfile::tempdir().unwrap();
        let (_, mut head) = Log::open(folder.path(), &config).unwrap();
        (head.began, head.seed) = (SECOND, 5);
        let mut venue = build(&config, &head).unwrap();
        for at in 1..500 {
            let price = 5_999_900 + at % 7;
            let rows = [level(Buy, price, at % 11), sold(price, 3), level(Sell, price + 10, 4)];
            let rows = rows.map(|row| (0, row)).to_vec();
            venue.replay(&Moment { at: at * SECOND, rows });
        }
        picture(&mut venue)
    });
    assert_eq!(made[0], made[1]);
}
