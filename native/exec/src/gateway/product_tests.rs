//! What the tables say is what is written, and nothing else.

use rustonite_core::datasets::{
    ORDER_KIND, OrderKind, OrderSide, PositionSide, STP, Stp, TIF, TRIGGER_SOURCE, Tif,
    TriggerDirection, TriggerSource, order_flags,
};

use super::capability::{
    Capabilities, FLAGS, KindRule, Part, closes, has_limit, has_trigger, is_trailing,
};
use super::testing::{NOW, amount, gateway_of, submit, wish};
use super::{Gateway, Outgoing, capabilities};
use crate::report::RefusalKind;
use crate::wish::{Trail, Trigger, Wish};

const NO_TIME: Option<Tif> = None;

fn kinds() -> impl Iterator<Item = OrderKind> {
    ORDER_KIND.values.iter().filter_map(|(word, _)| OrderKind::parse(word))
}

fn tifs() -> impl Iterator<Item = Option<Tif>> {
    let all = TIF.values.iter().filter_map(|(word, _)| Tif::parse(word));
    [NO_TIME].into_iter().chain(all.map(Some))
}

/// An order of a kind that does not contradict itself.
fn plain(venue: &Capabilities, kind: OrderKind) -> Wish {
    let is_touched = matches!(kind, OrderKind::MarketIfTouched | OrderKind::LimitIfTouched);
    let rises = TriggerDirection::Up;
    let trail = venue.trails.first().map(|unit| Trail {
        offset: amount("50"),
        unit: *unit,
        activation: None,
    });
    let trigger = Trigger {
        price: amount("31000"),
        source: venue.sources.first().map(|(source, _)| *source).unwrap_or_default(),
        direction: if is_touched { TriggerDirection::Down } else { rises },
        trail: trail.filter(|_| is_trailing(kind)),
    };
    Wish {
        kind,
        tif: None,
        price: Some(amount("31500")).filter(|_| has_limit(kind)),
        trigger: Some(trigger).filter(|_| has_trigger(kind)),
        ..wish()
    }
}

fn timed(wish: Wish, tif: Option<Tif>) -> Wish {
    let ts_expire = (tif == Some(Tif::Gtd)).then_some(NOW + 3_600_000_000_000);
    Wish { tif, ts_expire, ..wish }
}

fn with_part(wish: Wish, part: Option<Part>) -> Wish {
    let some = Some(amount("0.1"));
    match part {
        None => wish,
        Some(Part::SizeQuote) => Wish { size_quote: some, ..wish },
        Some(Part::SizeDisplay) => Wish { size_display: some, ..wish },
        Some(Part::SizeMin) => Wish { size_min: some, ..wish },
        Some(Part::PriceProtect) => Wish { price_protect: some, ..wish },
    }
}

/// Whether the table has it, told without the code that writes orders.
fn is_listed(venue: &Capabilities, wish: &Wish, part: Option<Part>) -> bool {
    let Some(rule) = venue.kinds.iter().find(|rule| rule.kind == wish.kind) else { return false };
    let tif = wish.tif.or(rule.tifs.first().copied());
    let is_post_only = tif == Some(Tif::Gtx) || wish.flags == order_flags::POST_ONLY;
    wish.tif.is_none_or(|tif| rule.tifs.contains(&tif))
        && wish.flags & !rule.flags == 0
        && part.is_none_or(|part| rule.parts.contains(&part))
        && (!is_post_only || tif.is_some_and(|tif| venue.post_only.contains(&tif)))
        && (part != Some(Part::PriceProtect) || matches!(wish.tif, None | Some(Tif::Ioc)))
        && (wish.flags != order_flags::OUTSIDE_HOURS || tif == Some(Tif::Day))
}

/// What goes out, without the number of the request.
fn written(venue: &Capabilities, wish: &Wish) -> Option<String> {
    let mut gateway: Box<dyn Gateway> = gateway_of(venue.venue);
    match gateway.write(&submit(wish.clone()), NOW) {
        Ok(Outgoing::Text { text, .. }) => Some(text),
        Ok(Outgoing::Call(call)) => Some(format!("{} {} {}", call.method, call.path, call.body)),
        Ok(Outgoing::Open { .. }) => panic!("an order opens no line"),
        Err(refusal) => {
            assert_eq!(refusal.reason, RefusalKind::Rules);
            assert!(refusal.detail.starts_with(venue.venue), "{}", refusal.detail);
            None
        }
    }
}

fn parts() -> impl Iterator<Item = Option<Part>> {
    [None].into_iter().chain(Part::ALL.map(Some))
}

#[test]
fn orders_are_written_if_and_only_if_the_table_has_them() {
    for venue in capabilities() {
        for kind in kinds() {
            for tif in tifs() {
                for flag in [0].into_iter().chain(FLAGS.map(|(flag, _)| flag)) {
                    for part in parts() {
                        let wish = Wish { flags: flag, ..timed(plain(venue, kind), tif) };
                        let wish = with_part(wish, part);
                        let expected = is_listed(venue, &wish, part);
                        let found = written(venue, &wish).is_some();
                        assert_eq!(found, expected, "{} {wish:?}", venue.venue);
                    }
                }
            }
        }
    }
}

#[test]
fn self_trades_triggers_and_positions_are_written_if_the_table_has_them() {
    let stps: Vec<_> = STP.values.iter().filter_map(|(word, _)| Stp::parse(word)).collect();
    let sources: Vec<_> =
        TRIGGER_SOURCE.values.iter().filter_map(|(word, _)| TriggerSource::parse(word)).collect();
    for venue in capabilities() {
        for rule in venue.kinds {
            let plain = plain(venue, rule.kind);
            for stp in &stps {
                let wish = Wish { stp: Some(*stp), ..plain.clone() };
                let expected = venue.stps.iter().any(|(one, _)| one == stp);
                assert_eq!(written(venue, &wish).is_some(), expected, "{} {stp:?}", venue.venue);
            }
            for side in [PositionSide::Long, PositionSide::Short] {
                let wish = Wish { position_side: Some(side), ..plain.clone() };
                let expected = venue.positions.contains(&side);
                assert_eq!(written(venue, &wish).is_some(), expected, "{} {side:?}", venue.venue);
            }
            let Some(trigger) = plain.trigger else { continue };
            for source in &sources {
                let trigger = Some(Trigger { source: *source, ..trigger });
                let expected = venue.sources.iter().any(|(one, _)| one == source);
                let found = written(venue, &Wish { trigger, ..plain.clone() }).is_some();
                assert_eq!(found, expected, "{} {source:?}", venue.venue);
            }
        }
    }
}

/// What is native shows in what is sent: nothing that was wished is left out in silence.
#[test]
fn what_is_native_is_on_the_wire() {
    for venue in capabilities() {
        for rule in venue.kinds {
            check_times(venue, rule);
            let plain = plain(venue, rule.kind);
            // Without a word for it the venue's way of the kind.
            let day = rule.tifs.contains(&Tif::Day).then_some(Tif::Day);
            let plain = timed(plain, day);
            let without = written(venue, &plain);
            for (flag, name) in FLAGS.iter().filter(|(flag, _)| rule.flags & flag != 0) {
                // That one is about changes.
                if *flag != order_flags::KEEP_PRIORITY {
                    let with = written(venue, &Wish { flags: *flag, ..plain.clone() });
                    assert_ne!(with, without, "{} {:?} {name}", venue.venue, rule.kind);
                }
            }
            for part in rule.parts {
                let with = written(venue, &with_part(timed(plain.clone(), None), Some(*part)));
                assert!(with.is_some());
                assert_ne!(with, without, "{} {:?} {part:?}", venue.venue, rule.kind);
            }
            let sell = Wish { side: OrderSide::Sell, ..plain };
            assert!(
                sell.trigger.is_some()
                    || written(venue, &sell).is_some_and(|with| Some(with) != without)
            );
        }
    }
}

fn check_times(venue: &Capabilities, rule: &KindRule) {
    let of = |tif: &Tif| written(venue, &timed(plain(venue, rule.kind), Some(*tif)));
    let texts: Vec<_> = rule.tifs.iter().map(of).collect();
    for (at, text) in texts.iter().enumerate() {
        assert!(text.is_some());
        assert!(!texts[..at].contains(text), "{} {:?} {:?}", venue.venue, rule.kind, rule.tifs[at]);
    }
}

#[test]
fn contradictions_are_refused() {
    for venue in capabilities() {
        let limit = plain(venue, OrderKind::Limit);
        let contradictions = [
            Wish { price: None, ..limit.clone() },
            Wish { size: amount("0"), ..limit.clone() },
            Wish { ts_expire: Some(NOW), ..limit.clone() },
            Wish { trigger: plain(venue, OrderKind::StopLimit).trigger, ..limit.clone() },
            Wish { price: Some(amount("1")), ..plain(venue, OrderKind::Market) },
            Wish { trigger: None, ..plain(venue, OrderKind::StopLimit) },
            Wish { side: OrderSide::Sell, ..plain(venue, OrderKind::StopLimit) },
        ];
        for wish in contradictions {
            assert_eq!(written(venue, &wish), None, "{} {wish:?}", venue.venue);
        }
        assert!(!closes(&limit) && written(venue, &limit).is_some());
    }
}
