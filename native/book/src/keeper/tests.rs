use std::collections::BTreeMap;

use proptest::prelude::*;
use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, OrderAction};
use rustonite_wire::{BookUpdate, Level, Order, OrdersUpdate};

use super::{Keeper, Renewal, State, Verdict};
use crate::held::Limits;
use crate::{Anchor, Checksum, L2Book, L3Book, Rules, Scheme, rules};

fn of(venue: &str, channel: &str) -> Rules {
    rules(venue, channel).expect("rules")
}

fn level(side: BookSide, price: i128, size: i128) -> Level {
    let decimal = |mantissa, exponent| Decimal::new(mantissa, exponent).expect("small");
    Level { side, price: decimal(price, -1), size: decimal(size, 0), count: None }
}

fn bid(price: i128, size: i128) -> Level {
    level(BookSide::Bid, price, size)
}

fn ask(price: i128, size: i128) -> Level {
    level(BookSide::Ask, price, size)
}

fn picture(seq: i64, levels: &[Level]) -> BookUpdate<'_> {
    BookUpdate { is_snapshot: true, seq: Some(seq), levels, ..BookUpdate::default() }
}

fn counted(seq: i64, levels: &[Level]) -> BookUpdate<'_> {
    BookUpdate { seq: Some(seq), levels, ..BookUpdate::default() }
}

fn chained(before: i64, seq: i64, levels: &[Level]) -> BookUpdate<'_> {
    BookUpdate { seq_prev: Some(before), ..counted(seq, levels) }
}

fn ranged(first: i64, last: i64, levels: &[Level]) -> BookUpdate<'_> {
    BookUpdate { seq_first: Some(first), ..counted(last, levels) }
}

const ANCHORED: Verdict = Verdict::Anchored { buffered: 0, left_out: 0 };

fn gap(from: i64, to: i64, missing: impl Into<Option<i64>>) -> Verdict {
    Verdict::Gap { from, to, missing: missing.into() }
}

fn sizes(book: &L2Book) -> Vec<(i128, i128)> {
    book.iter().map(|level| (level.price.mantissa(), level.size.mantissa())).collect()
}

#[test]
fn counter() {
    let mut keeper: Keeper = Keeper::new(of("kraken-futures", "book"));
    assert_eq!(keeper.update(&counted(7, &[])), Verdict::Waiting);
    assert_eq!(keeper.update(&picture(8, &[bid(10, 1), ask(20, 1)])), ANCHORED);
    assert_eq!(keeper.update(&counted(9, &[bid(11, 2)])), Verdict::Applied);
    assert_eq!(keeper.update(&counted(9, &[bid(11, 3)])), Verdict::Old);
    assert_eq!(sizes(keeper.book()), [(11, 2), (10, 1), (20, 1)]);
    assert_eq!((keeper.seq(), keeper.state()), (Some(9), State::Live));
    assert_eq!(keeper.update(&counted(12, &[bid(11, 0)])), gap(10, 11, 2));
    assert_eq!((keeper.seq(), keeper.state()), (None, State::Waiting));
    assert_eq!(keeper.update(&counted(13, &[])), Verdict::Waiting);
    assert_eq!(keeper.update(&picture(13, &[])), ANCHORED);
}

#[test]
fn unknown_level_where_the_venue_only_removes_what_is_there() {
    let mut keeper: Keeper = Keeper::new(of("kraken-futures", "book"));
    keeper.update(&picture(8, &[bid(10, 1)]));
    let removed = bid(11, 0);
    let expected = Verdict::UnknownLevel { side: BookSide::Bid, price: removed.price };
    assert_eq!(keeper.update(&counted(9, &[removed])), expected);
    assert_eq!(keeper.state(), State::Waiting);
    let mut keeper: Keeper = Keeper::new(of("bybit-linear", "orderbook.50"));
    keeper.update(&picture(8, &[bid(10, 1)]));
    assert_eq!(keeper.update(&counted(9, &[removed])), Verdict::Applied);
}

#[test]
fn chain_with_keep_alive_and_restart() {
    let mut keeper: Keeper = Keeper::new(of("okx", "books"));
    let levels = [bid(10, 1)];
    let first = BookUpdate { seq_prev: Some(-1), ..picture(100, &levels) };
    assert_eq!(keeper.update(&first), ANCHORED);
    assert_eq!(keeper.update(&chained(100, 105, &[bid(11, 1)])), Verdict::Applied);
    assert_eq!(keeper.update(&chained(105, 105, &[])), Verdict::KeepAlive);
    assert_eq!(keeper.update(&chained(100, 105, &[bid(11, 1)])), Verdict::Old);
    let restarted = Verdict::Restarted(Renewal::Continued);
    assert_eq!(keeper.update(&chained(105, 3, &[bid(11, 2)])), restarted);
    assert_eq!(keeper.update(&chained(3, 5, &[bid(11, 3)])), Verdict::Applied);
    assert_eq!(sizes(keeper.book()), [(11, 3), (10, 1)]);
    assert_eq!(keeper.update(&chained(7, 9, &[])), gap(6, 7, None));
}

#[test]
fn a_lost_restart_is_a_gap_at_once() {
    let mut keeper: Keeper = Keeper::new(of("okx", "books"));
    keeper.update(&picture(100, &[bid(10, 1)]));
    assert_eq!(keeper.update(&chained(3, 5, &[])), gap(101, 3, None));
}

#[test]
fn bybit_begins_anew_with_one() {
    let mut keeper: Keeper = Keeper::new(of("bybit-linear", "orderbook.50"));
    assert_eq!(keeper.update(&picture(50, &[bid(10, 1)])), ANCHORED);
    assert_eq!(keeper.update(&counted(51, &[bid(11, 1)])), Verdict::Applied);
    let replaced = Verdict::Restarted(Renewal::Replaced);
    assert_eq!(keeper.update(&counted(1, &[bid(9, 1)])), replaced);
    assert_eq!(sizes(keeper.book()), [(9, 1)]);
    assert_eq!(keeper.update(&counted(2, &[bid(8, 1)])), Verdict::Applied);
    assert_eq!(keeper.update(&picture(1, &[bid(7, 1)])), replaced);
    assert_eq!(keeper.update(&picture(30, &[bid(6, 1)])), ANCHORED);
    keeper.lose();
    assert_eq!(keeper.update(&counted(1, &[bid(5, 1)])), ANCHORED);

    let mut keeper: Keeper = Keeper::new(of("bybit-linear", "orderbook.full"));
    assert_eq!(keeper.update(&counted(50, &[bid(10, 1)])), Verdict::Buffered);
    assert_eq!(keeper.update(&picture(49, &[])), Verdict::Anchored { buffered: 1, left_out: 0 });
    assert_eq!(keeper.update(&counted(1, &[])), Verdict::Restarted(Renewal::Emptied));
    assert_eq!((keeper.state(), keeper.book().is_empty()), (State::Waiting, true));
    assert_eq!(keeper.update(&counted(2, &[bid(4, 1)])), Verdict::Buffered);
    assert_eq!(
        keeper.update(&picture(1, &[bid(3, 1)])),
        Verdict::Anchored { buffered: 1, left_out: 1 }
    );
    assert_eq!(sizes(keeper.book()), [(4, 1), (3, 1)]);
    // The codec may call such a message a picture.
    assert_eq!(keeper.update(&counted(3, &[])), Verdict::Applied);
    assert_eq!(keeper.update(&picture(1, &[])), Verdict::Restarted(Renewal::Emptied));
    assert_eq!((keeper.state(), keeper.book().is_empty()), (State::Waiting, true));
}

#[test]
fn range_meets_its_picture() {
    let mut keeper: Keeper = Keeper::new(of("binance", "depth@100ms"));
    assert_eq!(keeper.update(&ranged(10, 12, &[bid(1, 1)])), Verdict::Buffered);
    assert_eq!(keeper.update(&ranged(13, 15, &[bid(2, 1)])), Verdict::Buffered);
    assert_eq!(keeper.update(&ranged(16, 20, &[bid(3, 1)])), Verdict::Buffered);
    let stale = Verdict::StalePicture { picture: 8, first: 10 };
    assert_eq!(keeper.update(&picture(8, &[])), stale);
    assert_eq!((keeper.state(), keeper.held.heads().count()), (State::Waiting, 3));
    let anchored = Verdict::Anchored { buffered: 2, left_out: 1 };
    assert_eq!(keeper.update(&picture(14, &[bid(1, 9)])), anchored);
    assert_eq!(sizes(keeper.book()), [(3, 1), (2, 1), (1, 9)]);
    assert_eq!(keeper.update(&ranged(21, 22, &[])), Verdict::Applied);
    assert_eq!(keeper.update(&ranged(25, 26, &[bid(4, 1)])), gap(23, 24, 2));
    // What showed the gap is good and waits for the next picture.
    assert_eq!(keeper.held.heads().count(), 1);
    let stale = Verdict::StalePicture { picture: 22, first: 25 };
    assert_eq!(keeper.update(&picture(22, &[])), stale);
    let anchored = Verdict::Anchored { buffered: 1, left_out: 0 };
    assert_eq!(keeper.update(&picture(24, &[])), anchored);
    assert_eq!(sizes(keeper.book()), [(4, 1)]);
}

#[test]
fn a_picture_ahead_of_the_stream() {
    let mut keeper: Keeper = Keeper::new(of("binance", "depth"));
    keeper.update(&ranged(10, 12, &[bid(1, 1)]));
    let anchored = Verdict::Anchored { buffered: 0, left_out: 1 };
    assert_eq!(keeper.update(&picture(18, &[bid(1, 9)])), anchored);
    assert_eq!(keeper.update(&ranged(13, 17, &[bid(1, 2)])), Verdict::Old);
    assert_eq!(keeper.update(&ranged(18, 20, &[bid(1, 3)])), Verdict::Applied);
    assert_eq!(sizes(keeper.book()), [(1, 3)]);
    assert_eq!(keeper.update(&picture(19, &[])), Verdict::Old);
    assert_eq!(keeper.update(&picture(25, &[])), ANCHORED);
    assert_eq!(keeper.update(&ranged(27, 29, &[])), gap(26, 26, None));
}

#[test]
fn a_picture_may_come_late() {
    let mut keeper: Keeper = Keeper::new(of("binance", "depth@100ms"));
    for number in 1..=1_000 {
        assert_eq!(keeper.update(&ranged(number, number, &[bid(1, 1)])), Verdict::Buffered);
    }
    let anchored = Verdict::Anchored { buffered: 1, left_out: 999 };
    assert_eq!(keeper.update(&picture(999, &[bid(2, 2)])), anchored);
    // The same if they come after it.
    assert_eq!(keeper.update(&picture(5_000, &[bid(2, 2)])), ANCHORED);
    for number in 1_001..=5_000 {
        assert_eq!(keeper.update(&ranged(number, number, &[bid(1, 1)])), Verdict::Old);
    }
    assert_eq!(keeper.update(&ranged(5_001, 5_001, &[])), Verdict::Applied);
}

#[test]
fn futures_meet_their_picture() {
    let update = |first, before, last, levels| BookUpdate {
        seq_first: Some(first),
        ..chained(before, last, levels)
    };
    let rules = of("binance-usdm", "depth@100ms");
    let levels = [bid(1, 1)];
    for (number, verdict) in [
        // U <= lastUpdateId <= u
        (105, Verdict::Anchored { buffered: 1, left_out: 0 }),
        (110, Verdict::Anchored { buffered: 1, left_out: 0 }),
        // pu == lastUpdateId, although U is larger by more than 1
        (90, Verdict::Anchored { buffered: 1, left_out: 0 }),
        (111, Verdict::Anchored { buffered: 0, left_out: 1 }),
        (89, Verdict::StalePicture { picture: 89, first: 100 }),
    ] {
        let mut keeper: Keeper = Keeper::new(rules);
        assert_eq!(keeper.update(&update(100, 90, 110, &levels)), Verdict::Buffered);
        assert_eq!(keeper.update(&picture(number, &[])), verdict, "{number}");
    }
    let mut keeper: Keeper = Keeper::new(rules);
    keeper.update(&update(100, 90, 110, &levels));
    keeper.update(&picture(105, &[]));
    assert_eq!(keeper.update(&update(150, 110, 160, &levels)), Verdict::Applied);
    assert_eq!(keeper.update(&update(180, 170, 190, &levels)), gap(161, 170, None));
}

#[test]
fn what_waits_is_bounded() {
    let limits = Limits { messages: 3, bytes: 1 << 20 };
    let mut keeper: Keeper = Keeper::with_limits(of("binance", "depth"), limits);
    for number in 0..10 {
        keeper.update(&ranged(number, number, &[bid(1, 1)]));
    }
    assert_eq!(keeper.held.heads().count(), 3);
    let stale = Verdict::StalePicture { picture: 3, first: 7 };
    assert_eq!(keeper.update(&picture(3, &[])), stale);
    let anchored = Verdict::Anchored { buffered: 3, left_out: 0 };
    assert_eq!(keeper.update(&picture(6, &[])), anchored);

    let limits = Limits { messages: 100, bytes: 1000 };
    let mut keeper: Keeper = Keeper::with_limits(of("binance", "depth"), limits);
    keeper.update(&ranged(1, 1, &vec![bid(1, 1); 1000]));
    assert_eq!(keeper.held.heads().count(), 0);
}

#[test]
fn what_waited_before_a_loss_is_given_up() {
    let mut keeper: Keeper = Keeper::new(of("binance", "depth"));
    keeper.update(&ranged(1, 1, &[bid(1, 1)]));
    keeper.lose();
    assert_eq!(keeper.held.heads().count(), 0);
    keeper.update(&ranged(5, 5, &[bid(2, 1)]));
    let anchored = Verdict::Anchored { buffered: 1, left_out: 0 };
    assert_eq!(keeper.update(&picture(4, &[])), anchored);
    assert_eq!(sizes(keeper.book()), [(2, 1)]);
    keeper.lose();
    assert_eq!((keeper.state(), sizes(keeper.book())), (State::Waiting, vec![(2, 1)]));
}

#[test]
fn a_venue_that_counts_anew_in_silence_is_noticed() {
    let mut keeper: Keeper = Keeper::new(of("kraken-futures", "book"));
    keeper.update(&picture(1_000_000, &[]));
    for number in 0..100 {
        assert_eq!(keeper.update(&counted(number, &[])), Verdict::Old);
    }
    assert_eq!(keeper.update(&counted(200, &[])), gap(1_000_001, 200, None));
}

#[test]
fn a_copy_that_lags_is_no_new_count() {
    let mut keeper: Keeper = Keeper::new(of("kraken-futures", "book"));
    keeper.hear(1);
    keeper.update(&picture(0, &[]));
    for number in 1..=300 {
        assert_eq!(keeper.update(&counted(number, &[])), Verdict::Applied);
    }
    keeper.hear(2);
    for number in 1..=300 {
        assert_eq!(keeper.update(&counted(number, &[])), Verdict::Old);
    }
    assert_eq!(keeper.update(&counted(301, &[])), Verdict::Applied);
    // The connection that had the newest numbers goes back, and so does the other one.
    for number in 0..99 {
        for connection in [1, 2] {
            keeper.hear(connection);
            assert_eq!(keeper.update(&counted(number, &[])), Verdict::Old);
        }
    }
    assert_eq!(keeper.update(&counted(99, &[])), gap(302, 99, None));
}

#[test]
fn when_the_connection_with_the_newest_ends_another_shows_a_new_count() {
    let mut keeper: Keeper = Keeper::new(of("kraken-futures", "book"));
    keeper.hear(1);
    keeper.update(&picture(1_000, &[]));
    keeper.hear(2);
    keeper.forget(1);
    for number in 0..100 {
        assert_eq!(keeper.update(&counted(number, &[])), Verdict::Old);
    }
    assert_eq!(keeper.update(&counted(100, &[])), gap(1_001, 100, None));
}

#[test]
fn a_copy_that_lags_may_wait_for_a_picture() {
    let mut keeper: Keeper = Keeper::new(of("binance", "depth"));
    for connection in [1, 2] {
        keeper.hear(connection);
        for number in 1..=300 {
            let update = ranged(number, number, &[]);
            assert_eq!(keeper.update(&update), Verdict::Buffered);
        }
    }
    let anchored = Verdict::Anchored { buffered: 200, left_out: 400 };
    assert_eq!(keeper.update(&picture(100, &[])), anchored);
    assert_eq!(keeper.update(&ranged(301, 301, &[])), Verdict::Applied);
}

#[test]
fn messages_that_are_all_pictures() {
    let mut keeper: Keeper = Keeper::new(of("hyperliquid", "l2Book"));
    for size in 1..4 {
        let levels = [bid(size, size)];
        let update = BookUpdate { is_snapshot: true, levels: &levels, ..BookUpdate::default() };
        assert_eq!(keeper.update(&update), Verdict::Applied);
        assert_eq!(sizes(keeper.book()), [(size, size)]);
    }
}

#[test]
fn an_older_picture_is_left_out_once() {
    let mut keeper: Keeper = Keeper::new(of("bybit-linear", "orderbook.1"));
    assert_eq!(keeper.update(&picture(8, &[bid(8, 1)])), Verdict::Applied);
    assert_eq!(keeper.update(&picture(7, &[bid(7, 1)])), Verdict::Old);
    assert_eq!(keeper.update(&picture(9, &[bid(9, 1)])), Verdict::Applied);
    assert_eq!(keeper.update(&picture(1, &[bid(1, 1)])), Verdict::Old);
    assert_eq!(keeper.update(&picture(2, &[bid(2, 1)])), Verdict::Applied);
    assert_eq!(sizes(keeper.book()), [(2, 1)]);
}

#[test]
fn crossing_is_told_once() {
    let mut keeper: Keeper = Keeper::new(of("kraken-futures", "book"));
    keeper.update(&picture(1, &[bid(10, 1), ask(11, 1)]));
    assert_eq!(keeper.update(&counted(2, &[bid(11, 1)])), Verdict::Crossed);
    assert_eq!(keeper.update(&counted(3, &[bid(12, 1)])), Verdict::Applied);
    assert_eq!(keeper.crossed(), 2);
    assert_eq!(keeper.update(&counted(4, &[bid(12, 0), bid(11, 0)])), Verdict::Applied);
    assert_eq!(keeper.crossed(), 0);
    assert_eq!(keeper.update(&counted(5, &[ask(10, 1)])), Verdict::Crossed);
}

#[test]
fn what_falls_off_is_told() {
    let mut keeper: Keeper = Keeper::new(of("kraken", "book"));
    let first = [bid(10, 1), bid(9, 2), ask(11, 1)];
    keeper.update(&BookUpdate { depth: Some(2), ..picture(0, &first) });
    assert_eq!(keeper.cut(), []);
    assert_eq!(keeper.update(&counted(0, &[bid(8, 3), ask(12, 1), ask(13, 4)])), Verdict::Applied);
    assert_eq!(keeper.cut(), [bid(8, 3), ask(13, 4)]);
    assert_eq!(keeper.update(&counted(0, &[bid(10, 0)])), Verdict::Applied);
    assert_eq!(keeper.cut(), []);
}

#[test]
fn a_wrong_checksum_is_a_loss() {
    let mut keeper: Keeper = Keeper::new(of("kraken", "book"));
    let levels = [bid(10, 1), ask(11, 1)];
    let right_levels = levels;
    let mut right = L2Book::new();
    right.apply(&levels).expect("prices");
    let sum = Checksum::Kraken.of_levels(&right, &mut String::new());
    let update = BookUpdate { checksum: Some(sum), ..picture(0, &levels) };
    assert_eq!(keeper.update(&update), ANCHORED);
    assert_eq!(keeper.verified(), 1);
    let levels = [bid(10, 2)];
    let update = BookUpdate { checksum: Some(sum), ..counted(0, &levels) };
    assert!(
        matches!(keeper.update(&update), Verdict::ChecksumFailed { expected, .. } if expected == sum)
    );
    assert_eq!(keeper.state(), State::Waiting);
    // Where a checksum proves the book, a number is not needed.
    let mut keeper: Keeper = Keeper::new(of("okx", "books"));
    let sum = Checksum::Okx.of_levels(&right, &mut String::new());
    let update = BookUpdate { is_snapshot: true, checksum: Some(sum), ..counted(0, &right_levels) };
    let update = BookUpdate { seq: None, ..update };
    assert_eq!((keeper.update(&update), keeper.verified()), (ANCHORED, 1));
    // A zero of OKX says nothing, and is not called verified.
    let mut keeper: Keeper = Keeper::new(of("okx", "books"));
    let update = BookUpdate { checksum: Some(0), ..picture(1, &levels) };
    assert_eq!((keeper.update(&update), keeper.verified()), (ANCHORED, 0));
}

#[test]
fn without_its_number_a_message_proves_nothing() {
    let mut keeper: Keeper = Keeper::new(of("deribit", "book.raw"));
    keeper.update(&picture(1, &[]));
    assert_eq!(keeper.update(&counted(2, &[])), Verdict::Unnumbered);
    assert_eq!(keeper.state(), State::Waiting);
    let picture = BookUpdate { is_snapshot: true, ..BookUpdate::default() };
    assert_eq!(keeper.update(&picture), Verdict::Unnumbered);
}

#[test]
fn orders_are_kept_by_the_same_rules() {
    let mut keeper: Keeper<L3Book> = Keeper::new(of("coinbase", "full"));
    let one = |action, id, size: i128| Order {
        action,
        side: Some(BookSide::Bid),
        order_uid: Some(id),
        price: Decimal::new(10, 0).ok(),
        size: Decimal::new(size, 0).ok(),
        ..Order::default()
    };
    let change = |seq, orders| OrdersUpdate { seq: Some(seq), orders, ..OrdersUpdate::default() };
    let picture = |seq, orders| OrdersUpdate { is_snapshot: true, ..change(seq, orders) };
    let added = [one(OrderAction::Add, "b", 1)];
    assert_eq!(keeper.update(&change(5, &added)), Verdict::Buffered);
    assert_eq!(keeper.update(&change(6, &[])), Verdict::Buffered);
    let rested = [one(OrderAction::Add, "a", 1)];
    let anchored = Verdict::Anchored { buffered: 2, left_out: 0 };
    assert_eq!(keeper.update(&picture(4, &rested)), anchored);
    let ids = |keeper: &Keeper<L3Book>| -> Vec<String> {
        let orders = keeper.book().orders(BookSide::Bid);
        orders.filter_map(|order| order.id.text().map(str::to_owned)).collect()
    };
    assert_eq!(ids(&keeper), ["a", "b"]);
    // Orders that never rested are done, too.
    let done = [one(OrderAction::Remove, "c", 0), one(OrderAction::Remove, "a", 0)];
    assert_eq!(keeper.update(&change(7, &done)), Verdict::Applied);
    assert_eq!(ids(&keeper), ["b"]);
    assert_eq!(keeper.update(&change(9, &[])), gap(8, 8, 1));
}

#[test]
fn orders_beyond_the_depth_are_told() {
    let mut keeper: Keeper<L3Book> = Keeper::new(of("kraken", "level3"));
    let order = |price: i128| Order {
        action: OrderAction::Add,
        side: Some(BookSide::Ask),
        order_id: i64::try_from(price).ok(),
        price: Decimal::new(price, 0).ok(),
        size: Decimal::new(1, 0).ok(),
        ..Order::default()
    };
    let orders = [order(1), order(2)];
    let depth = Some(2);
    keeper.update(&OrdersUpdate {
        is_snapshot: true,
        depth,
        orders: &orders,
        ..OrdersUpdate::default()
    });
    let orders = [order(0)];
    let update = OrdersUpdate { orders: &orders, ..OrdersUpdate::default() };
    assert_eq!(keeper.update(&update), Verdict::Applied);
    let cut: Vec<_> = keeper.cut().iter().map(|event| (event.action, event.price)).collect();
    assert_eq!(cut, [(OrderAction::Remove, Decimal::new(2, 0).ok())]);
}

/// What happens to a message on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Arrives after so many others.
    Late(usize),
    /// The connection ends before it.
    After,
}

/// Sizes by side and price.
type Sizes = BTreeMap<(i8, i128), i128>;

/// Not 1, which is a new beginning for Bybit.
const START: i64 = 10;

/// A venue that has all of its history: one change of a level per number.
struct Venue {
    rules: Rules,
    /// Number and state after each change; the first is an empty book.
    states: Vec<(i64, Sizes)>,
    changes: Vec<Level>,
    /// Up to which change each message goes.
    ends: Vec<usize>,
}

impl Venue {
    fn new(rules: Rules, changes: &[(bool, i128, i128)], lengths: &[usize]) -> Self {
        let mut venue = Self {
            rules,
            states: vec![(START, BTreeMap::new())],
            changes: Vec::new(),
            ends: Vec::new(),
        };
        let mut rest = changes.iter();
        for length in lengths {
            for (is_bid, price, size) in rest.by_ref().take(*length) {
                venue.happen(*is_bid, *price, *size);
            }
            if rules.scheme == Scheme::Counter {
                // One number per message: changes inside of it have none of their own.
                let number = START + i64::try_from(venue.ends.len()).expect("small") + 1;
                let begin = venue.ends.last().copied().unwrap_or(0);
                for state in &mut venue.states[begin + 1..] {
                    state.0 = number;
                }
            }
            if venue.changes.len() > venue.ends.last().copied().unwrap_or(0) {
                venue.ends.push(venue.changes.len());
            }
        }
        venue
    }

    fn happen(&mut self, is_bid: bool, price: i128, size: i128) {
        let (at, state) = self.states.last().expect("a first state");
        let side = if is_bid { BookSide::Bid } else { BookSide::Ask };
        let price = if is_bid { price } else { price + 8 };
        let key = (side as i8, price);
        // Venues do not remove what is not there.
        let size = if state.contains_key(&key) { size } else { size.max(1) };
        let mut after = state.clone();
        if size == 0 {
            after.remove(&key);
        } else {
            after.insert(key, size);
        }
        // Numbers of chains jump.
        let jump = if self.rules.scheme == Scheme::Chain {
            1 + i64::try_from(price).expect("small")
        } else {
            1
        };
        self.states.push((at + jump, after));
        self.changes.push(level(side, price, size));
    }

    fn levels(state: &Sizes) -> Vec<Level> {
        let side = |side| if side == BookSide::Bid as i8 { BookSide::Bid } else { BookSide::Ask };
        state.iter().map(|((s, price), size)| level(side(*s), *price, *size)).collect()
    }

    fn checksum(&self, state: &Sizes) -> Option<i64> {
        let mut book = L2Book::new();
        book.apply(&Self::levels(state)).expect("prices");
        self.rules.checksum.map(|rule| rule.of_levels(&book, &mut String::new()))
    }

    fn send(&self, message: usize, keeper: &mut Keeper) -> Verdict {
        let begin = message.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[message];
        keeper.update(&BookUpdate {
            seq_first: Some(self.states[begin + 1].0),
            seq: Some(self.states[end].0),
            seq_prev: Some(self.states[begin].0),
            checksum: self.checksum(&self.states[end].1),
            levels: &self.changes[begin..end],
            ..BookUpdate::default()
        })
    }

    /// A picture after a change.
    fn picture(&self, change: usize, keeper: &mut Keeper) -> Verdict {
        // Venues that count messages have no pictures from inside of one.
        let change = if self.rules.scheme == Scheme::Range
            || self.rules.scheme == Scheme::Chain && self.rules.anchor == Anchor::Rest
        {
            change
        } else {
            self.ends.iter().copied().filter(|end| *end <= change).max().unwrap_or(0)
        };
        let (number, state) = &self.states[change];
        let levels = Self::levels(state);
        keeper.update(&BookUpdate { checksum: self.checksum(state), ..picture(*number, &levels) })
    }

    /// The book of a live keeper is the one that the venue had at its number.
    fn check(&self, keeper: &Keeper) -> Result<(), TestCaseError> {
        let Some(number) = keeper.seq() else { return Ok(()) };
        let truth = self.states.iter().rev().find(|(at, _)| *at <= number).expect("a state");
        Self::same(keeper, &truth.1)
    }

    fn same(keeper: &Keeper, truth: &Sizes) -> Result<(), TestCaseError> {
        let book = keeper.book().iter();
        let found: BTreeMap<_, _> = book
            .map(|level| ((level.side as i8, level.price.mantissa()), level.size.mantissa()))
            .collect();
        prop_assert_eq!(&found, truth);
        Ok(())
    }

    /// Sends all messages, each with its fate, and asks for pictures as a recorder does.
    fn run(&self, fates: &[(Fate, usize)]) -> Result<(), TestCaseError> {
        let mut keeper: Keeper = Keeper::new(self.rules);
        let mut late: Vec<(usize, usize)> = Vec::new();
        for message in 0..self.ends.len() {
            let (fate, answer) = fates[message % fates.len()];
            if keeper.state() == State::Waiting {
                self.answer(message, answer, &mut keeper)?;
            }
            match fate {
                Fate::Lost => {}
                Fate::Late(others) => late.push((message + others, message)),
                Fate::Arrives => self.arrive(message, &mut keeper)?,
                Fate::Twice => {
                    self.arrive(message, &mut keeper)?;
                    self.arrive(message, &mut keeper)?;
                }
                Fate::After => {
                    keeper.lose();
                    self.arrive(message, &mut keeper)?;
                }
            }
            for (_, old) in late.extract_if(.., |(due, _)| *due <= message) {
                self.arrive(old, &mut keeper)?;
            }
        }
        self.end(&mut keeper)
    }

    /// A picture for a keeper that waits, before a message is sent.
    fn answer(
        &self,
        message: usize,
        answer: usize,
        keeper: &mut Keeper,
    ) -> Result<(), TestCaseError> {
        let sent = message.checked_sub(1).map_or(0, |before| self.ends[before]);
        let change = if self.rules.anchor == Anchor::Rest {
            // From a little before to a little after what the stream has sent.
            (sent + answer).saturating_sub(4).min(self.changes.len())
        } else {
            sent
        };
        self.picture(change, keeper);
        self.check(keeper)
    }

    fn arrive(&self, message: usize, keeper: &mut Keeper) -> Result<(), TestCaseError> {
        let verdict = self.send(message, keeper);
        if self.rules.scheme == Scheme::Checksum && keeper.state() == State::Live {
            prop_assert!(matches!(verdict, Verdict::Applied | Verdict::Crossed));
            return Self::same(keeper, &self.states[self.ends[message]].1);
        }
        self.check(keeper)
    }

    /// With a last picture, the book is what the venue has.
    fn end(&self, keeper: &mut Keeper) -> Result<(), TestCaseError> {
        let (number, truth) = self.states.last().expect("a state");
        let is_behind = keeper.seq().is_some_and(|at| at < *number);
        if keeper.state() == State::Waiting || is_behind {
            self.picture(self.changes.len(), keeper);
        }
        prop_assert_eq!(keeper.state(), State::Live);
        if self.rules.is_numbered() { Self::same(keeper, truth) } else { Ok(()) }
    }
}

fn fates() -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![
        20 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => (0..5_usize).prop_map(Fate::Late),
        1 => Just(Fate::After),
    ];
    prop::collection::vec((fate, 0..9_usize), 1..60)
}

fn history() -> impl Strategy<Value = (Vec<(bool, i128, i128)>, Vec<usize>)> {
    let change = (any::<bool>(), 0..8_i128, 0..6_i128);
    (prop::collection::vec(change, 1..160), prop::collection::vec(1..5_usize, 60))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the network does, a book that is called live is the venue's.
    #[test]
    fn no_scheme_is_ever_wrong_in_silence((changes, lengths) in history(), fates in fates()) {
        for (venue, channel) in [
            ("bybit-spot", "orderbook.50"),
            ("bybit-spot", "orderbook.full"),
            ("kraken-futures", "book"),
            ("deribit", "book.raw"),
            ("okx", "books"),
            ("binance", "depth"),
            ("binance-usdm", "depth"),
            ("kraken", "book"),
            ("bitfinex", "book"),
        ] {
            let venue = Venue::new(of(venue, channel), &changes, &lengths);
            venue.run(&fates)?;
        }
    }
}
