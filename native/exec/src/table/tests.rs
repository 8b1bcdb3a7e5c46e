//! The table against rules that are put another way: by event, over sets of states.

use super::*;
use OrderEvent as E;
use OrderState as S;

const NEVER_SENT: [S; 3] = [S::Initialized, S::Held, S::Released];
const ENDED: [S; 5] = [S::Denied, S::Filled, S::Cancelled, S::Expired, S::Rejected];
const AT_VENUE: [S; 8] = [
    S::PendingSubmit,
    S::Accepted,
    S::Triggered,
    S::PendingReplace,
    S::PendingCancel,
    S::PartiallyFilled,
    S::Unknown,
    S::Suspended,
];
const QUIET: [S; 4] = [S::Accepted, S::Triggered, S::PartiallyFilled, S::Suspended];

/// What should be in a cell.
fn expected(state: S, event: E) -> Cell {
    let at_venue = AT_VENUE.contains(&state);
    match event {
        E::Denied | E::Held | E::Released | E::Submitted => own_before_sending(state, event),
        E::ReplaceAsked if at_venue => match state {
            S::PendingCancel | S::Unknown => ODD,
            _ => WRK,
        },
        E::CancelAsked if at_venue => WRK,
        E::ReplaceAsked | E::CancelAsked => ODD,
        _ if at_venue => venue_event_of_open(state, event),
        _ if NEVER_SENT.contains(&state) => venue_event_of_unsent(state, event),
        _ => venue_event_of_ended(state, event),
    }
}

fn own_before_sending(state: S, event: E) -> Cell {
    match (event, state) {
        (E::Denied, S::Denied) | (E::Held, S::Held) | (E::Released, S::Released) => IGN,
        (E::Denied, _) if NEVER_SENT.contains(&state) => DEN,
        (E::Held, S::Initialized) => HLD,
        (E::Released, S::Held) => REL,
        (E::Submitted, S::Initialized | S::Released) => PSU,
        _ => ODD,
    }
}

fn venue_event_of_open(state: S, event: E) -> Cell {
    match event {
        E::Rejected if state == S::PartiallyFilled => DBT,
        E::Rejected => REJ,
        E::Cancelled => CAN,
        E::Expired => EXP,
        E::Triggered if state == S::Triggered => IGN,
        // Answers to requests that are not in flight.
        E::ReplaceRejected if QUIET.contains(&state) || state == S::PendingSubmit => IGN,
        E::CancelRejected if !matches!(state, S::PendingCancel | S::Unknown) => IGN,
        E::OutcomeUnknown if QUIET.contains(&state) => IGN,
        _ => WRK,
    }
}

fn venue_event_of_unsent(state: S, event: E) -> Cell {
    match event {
        E::Accepted | E::PartialFill => DBT,
        E::FinalFill => OWK,
        E::Cancelled => CAN,
        E::Expired => EXP,
        E::Replaced | E::Triggered if state != S::Initialized => STY,
        _ => ODD,
    }
}

fn venue_event_of_ended(state: S, event: E) -> Cell {
    let fill = matches!(event, E::PartialFill | E::FinalFill);
    match state {
        S::Denied => match event {
            E::Accepted | E::PartialFill => DBT,
            E::FinalFill => OWK,
            _ => ODD,
        },
        S::Rejected => match event {
            E::PartialFill => DBT,
            E::FinalFill => OWK,
            E::Accepted | E::Cancelled | E::Expired | E::Corrected => ODD,
            _ => IGN,
        },
        _ if event == E::Rejected => ODD,
        _ if matches!(event, E::Replaced | E::Corrected) => WRK,
        S::Filled if fill || matches!(event, E::Cancelled | E::Expired) => OWK,
        _ if fill => WRK,
        _ => IGN,
    }
}

#[test]
fn every_cell_is_as_the_rules_say() {
    assert_eq!(NEVER_SENT.len() + ENDED.len() + AT_VENUE.len(), STATES);
    let mut wrong = Vec::new();
    for state in ALL_STATES {
        for event in ALL_EVENTS {
            let (found, expected) = (look(state, event), expected(state, event));
            if found != expected {
                wrong.push(format!("{state:?} x {event:?}: {found:?}, expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn states_and_events_stand_in_the_order_of_their_codes() {
    for (place, state) in ALL_STATES.into_iter().enumerate() {
        assert_eq!(state as usize, place);
        assert_eq!(is_final(state), ENDED.contains(&state));
        assert_eq!(is_at_venue(state), AT_VENUE.contains(&state));
    }
    for (place, event) in ALL_EVENTS.into_iter().enumerate() {
        assert_eq!(event as usize, place);
    }
}

#[test]
fn a_fill_is_never_ignored_and_nothing_but_a_fill_or_a_query_opens_what_has_ended() {
    for state in ALL_STATES {
        for fill in [E::PartialFill, E::FinalFill] {
            assert_ne!(look(state, fill), Cell::Ignored, "{state:?}");
        }
    }
    for state in ENDED {
        for event in [E::Triggered, E::CancelRejected, E::ReplaceRejected, E::OutcomeUnknown] {
            let same = matches!(look(state, event), Cell::Ignored | Cell::Anomaly(Next::Stays));
            assert!(same, "{state:?} x {event:?}");
        }
    }
}

#[test]
fn the_page_of_the_table_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/order-states.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page == markdown(), "docs/reference/order-states.md is out of date: run `make docs`");
}
