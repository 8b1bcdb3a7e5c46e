use rustonite_core::datasets::{
    OffsetUnit, OrderKind, OrderSide, Tif, TriggerDirection, TriggerSource, order_flags,
};

use super::{KINDS, SOURCES, Way, capabilities_of, may_need_us};
use crate::gateway::capability::{has_limit, is_trailing};
use crate::gateway::testing::{NOW, amount, wish};
use crate::gateway::venues::capabilities;
use crate::wish::{Trail, Trigger, Wish};

const DAY_END: i64 = NOW + 1;
const EMULATED: i32 = order_flags::EMULATED;

fn way(venue: &str, wish: &Wish) -> Result<Way, String> {
    let can = capabilities_of(venue).unwrap();
    can.way(wish, DAY_END).map_err(|refusal| refusal.detail.into())
}

/// A sell that waits for a price, of a kind.
fn waiting(kind: OrderKind, source: TriggerSource) -> Wish {
    let trail = Trail { offset: amount("100"), unit: OffsetUnit::Price, activation: None };
    let trigger = Trigger {
        price: amount("29000"),
        source,
        direction: TriggerDirection::Down,
        trail: is_trailing(kind).then_some(trail),
    };
    Wish {
        side: OrderSide::Sell,
        kind,
        price: has_limit(kind).then_some(amount("28900")),
        tif: has_limit(kind).then_some(Tif::Gtc),
        trigger: Some(trigger),
        ..wish()
    }
}

fn is_held(way: Result<Way, String>) -> bool {
    matches!(way, Ok(Way::Held(wish)) if wish.is_emulated())
}

#[test]
fn every_venue_has_every_trigger_or_we_watch_it() {
    for can in capabilities() {
        for (kind, left) in KINDS {
            for source in SOURCES {
                let wish = waiting(kind, source);
                assert!(may_need_us(&wish));
                let way = can.way(&wish, DAY_END);
                if can.terms(&wish).is_ok() {
                    assert_eq!(way, Ok(Way::Venue(wish.clone())), "{} {kind:?}", can.venue);
                } else {
                    assert!(can.kind(left).is_some(), "{} {left:?}", can.venue);
                    assert!(is_held(way.map_err(|_| String::new())), "{} {kind:?}", can.venue);
                }
                let ours = Wish { flags: EMULATED, ..wish };
                assert!(is_held(can.way(&ours, DAY_END).map_err(|_| String::new())));
            }
        }
    }
}

#[test]
fn plain_orders_need_nobody() {
    assert!(!may_need_us(&wish()));
    assert_eq!(way("binance", &wish()), Ok(Way::Venue(wish())));
    // That there is nothing to watch is no fault.
    let ours = Wish { flags: EMULATED, ..wish() };
    assert_eq!(way("binance", &ours), Ok(Way::Venue(wish())));
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let refused = |wish: &Wish| way("binance", wish).unwrap_err();
    let trailing = waiting(OrderKind::TrailingStopMarket, TriggerSource::Last);
    let with = |change: fn(&mut Trigger)| {
        let mut wish = Wish { flags: EMULATED, ..trailing.clone() };
        change(wish.trigger.as_mut().unwrap());
        wish
    };
    let tier = with(|one| one.trail.as_mut().unwrap().unit = OffsetUnit::Tier);
    assert!(refused(&tier).contains("no offsets in tier"));
    let zero = with(|one| one.trail.as_mut().unwrap().offset = amount("0"));
    assert!(refused(&zero).contains("positive"));
    let other_way = with(|one| one.direction = TriggerDirection::Up);
    assert!(refused(&other_way).contains("waits below"));
    assert!(refused(&with(|one| one.trail = None)).contains("offset if it is a trailing stop"));
    let twice = with(|one| one.source = TriggerSource::DoubleLast);
    assert!(refused(&twice).contains("do not watch double_last"));
    let follows = Wish {
        flags: order_flags::LIMIT_FOLLOWS,
        ..waiting(OrderKind::StopLimit, TriggerSource::Mid)
    };
    assert!(refused(&follows).contains("only the limit of a trailing stop follows"));
    let plain = Wish { flags: order_flags::LIMIT_FOLLOWS | EMULATED, ..wish() };
    assert!(way("binance", &plain).is_err());
    let mut nowhere = waiting(OrderKind::StopMarket, TriggerSource::Mid);
    nowhere.trigger.as_mut().unwrap().price = amount("0");
    let nowhere = way("binance", &Wish { flags: EMULATED, ..nowhere }).unwrap_err();
    assert!(nowhere.contains("a trigger has a price"));
}

#[test]
fn an_end_is_ours_where_the_venue_has_none() {
    let till = |tif| Wish { tif: Some(tif), ts_expire: Some(NOW), ..wish() };
    let Ok(Way::Venue(ours)) = way("binance", &till(Tif::Gtd)) else { panic!("it is sent") };
    assert!(ours.expires_here());
    assert_eq!((ours.sent().tif, ours.sent().ts_expire), (Some(Tif::Gtc), None));
    assert_eq!((ours.tif, ours.ts_expire), (Some(Tif::Gtd), Some(NOW)));
    let native = Wish { ts_expire: Some(NOW + 700_000_000_000), ..till(Tif::Gtd) };
    assert_eq!(way("binance-usdm", &native), Ok(Way::Venue(native)));
    // A day ends with the day.
    let day = Wish { tif: Some(Tif::Day), ..wish() };
    let Ok(Way::Venue(ours)) = way("binance", &day) else { panic!("it is sent") };
    assert_eq!((ours.ts_expire, ours.expires_here()), (Some(DAY_END), true));
    assert_eq!(way("alpaca-stocks", &day), Ok(Way::Venue(day)));
    let endless = Wish { tif: Some(Tif::Gtd), ..wish() };
    assert!(way("binance", &endless).is_err());
}

#[test]
fn an_iceberg_is_cut_where_the_venue_shows_all() {
    let iceberg = Wish { size_display: Some(amount("0.1")), ..wish() };
    assert_eq!(way("binance", &iceberg), Ok(Way::Venue(iceberg.clone())));
    assert_eq!(way("bybit-spot", &iceberg), Ok(Way::Sliced(iceberg.clone())));
    let ours = Wish { flags: EMULATED, ..iceberg.clone() };
    assert_eq!(way("binance", &ours), Ok(Way::Sliced(iceberg.clone())));
    let random = Wish { flags: order_flags::DISPLAY_RANDOM, ..iceberg.clone() };
    assert_eq!(way("binance", &random), Ok(Way::Sliced(random)));
    let till = Wish { tif: Some(Tif::Gtd), ts_expire: Some(NOW), ..iceberg.clone() };
    let Ok(Way::Sliced(ours)) = way("bybit-spot", &till) else { panic!("it is cut") };
    assert!(ours.expires_here());
    // One that waits for a price does so here, where the venue shows all.
    let stop = waiting(OrderKind::StopLimit, TriggerSource::Last);
    let stop = Wish { size_display: Some(amount("0.1")), ..stop };
    assert_eq!(way("binance", &stop), Ok(Way::Venue(stop.clone())));
    let Ok(Way::Sliced(ours)) = way("bybit-spot", &stop) else { panic!("it is cut") };
    assert_eq!((ours.is_emulated(), ours.trigger), (true, stop.trigger));
    let market = waiting(OrderKind::StopMarket, TriggerSource::Last);
    assert!(way("bybit-spot", &Wish { size_display: Some(amount("0.1")), ..market }).is_err());
}

#[test]
fn a_limit_behind_a_trailing_trigger_goes_with_it() {
    let mut wish = waiting(OrderKind::TrailingStopLimit, TriggerSource::Last);
    wish.set_limit_behind(amount("30"));
    assert_eq!(
        (wish.price, wish.limit_at(amount("29500"))),
        (Some(amount("28970")), Some(amount("29470")))
    );
    let Ok(Way::Held(ours)) = way("binance", &wish) else { panic!("it waits here") };
    let sent = ours.sent();
    assert_eq!((sent.kind, sent.flags & order_flags::LIMIT_FOLLOWS), (OrderKind::Limit, 0));
    wish.trigger.as_mut().unwrap().price = amount("0");
    wish.set_limit_behind(amount("30"));
    assert_eq!(wish.limit_at(amount("29500")), Some(amount("29470")));
    // One that stays where it is does so.
    let stays = waiting(OrderKind::TrailingStopLimit, TriggerSource::Last);
    assert_eq!(stays.limit_at(amount("29500")), stays.price);
}
