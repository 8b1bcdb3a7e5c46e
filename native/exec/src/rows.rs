//! Rows of the journal, made of what the ledger holds.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    BalanceCause, EventSource, FillKind, Liquidity, OrderEvent, OrderSide, OrderState,
    PositionCause, PositionSide, StateSource, draft,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId};

use crate::apply::About;
use crate::balances::Owned;
use crate::directory::Directory;
use crate::order::{Facts, Flight, Leg, Order};
use crate::positions::{Position, PositionKey};

/// What an order row says besides the order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderNote<'a> {
    pub(crate) event: OrderEvent,
    pub(crate) source: EventSource,
    pub(crate) ts_event: i64,
    pub(crate) ts_recv: i64,
    /// The leg that the event names.
    pub(crate) leg: usize,
    pub(crate) reason: Option<&'a str>,
    pub(crate) venue_code: Option<&'a str>,
    pub(crate) detail: Option<&'a str>,
    pub(crate) market_seq: Option<i64>,
}

/// Reasons of rows that a restart reads back.
const ABOUTS: [(About, &str); 6] = [
    (About::Suspended, "suspended"),
    (About::Resumed, "resumed"),
    (About::Submit, "submit_unknown"),
    (About::Replace, "replace_unknown"),
    (About::Cancel, "cancel_unknown"),
    (About::Done, "done"),
];

/// Reason of a row that repeats what is known, for readers without the rows before it.
pub(crate) const SNAPSHOT: &str = "snapshot";
/// Reason of an order that ended because its venue does not know it.
pub(crate) const NOT_FOUND: &str = "not_found";
/// Reason of an order that ended because its bytes never left.
pub(crate) const NOT_SENT: &str = "not_sent";

pub(crate) fn about_reason(about: About) -> Option<&'static str> {
    ABOUTS.iter().find(|(known, _)| *known == about).map(|(_, reason)| *reason)
}

pub(crate) fn reason_about(reason: Option<&str>) -> About {
    let found = ABOUTS.iter().find(|(_, known)| Some(*known) == reason);
    found.map_or(About::Nothing, |(about, _)| *about)
}

/// What a snapshot says of the facts behind an order's state, which alone does not tell them: whether
/// the venue knows the order, how far its requests have got, what is filled under the id in force, and
/// whether the row names an id that a change in flight would bring.
pub(crate) fn facts_words(order: &Order) -> String {
    let facts = &order.facts;
    let change = order.changes.last();
    let lost = change.is_some_and(|change| change.flight == Flight::Unknown);
    let words = [
        (facts.known, "known"),
        (facts.doubt, "doubt"),
        (facts.submit == Flight::Asked, "submit_asked"),
        (facts.submit == Flight::Unknown, "submit_unknown"),
        (facts.cancel == Flight::Asked, "cancel_asked"),
        (facts.cancel == Flight::Unknown, "cancel_unknown"),
        (lost, "replace_unknown"),
        (change.is_some_and(|change| change.leg != order.leg), AHEAD),
    ];
    let words: Vec<_> = words.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| *word).collect();
    let of_leg = order.legs[order.leg].size_filled;
    format!("{FACTS}{} {LEG_FILLED}{of_leg}", words.join(" "))
}

/// How the text of a row with the facts of an order begins.
const FACTS: &str = "facts: ";
const AHEAD: &str = "ahead";
const LEG_FILLED: &str = "leg_filled=";

/// What a snapshot's row tells of the facts.
pub(crate) struct FactsTold {
    pub(crate) facts: Facts,
    /// How far the last change has got.
    pub(crate) change: Flight,
    /// Whether its id is that of a change in flight; older rows do not say, nor
    pub(crate) is_ahead: Option<bool>,
    /// what is filled under the id in force.
    pub(crate) leg_filled: Option<Amount>,
}

/// The facts that a snapshot's row tells; `None` if it has none, as older ones.
pub(crate) fn facts_told(detail: Option<&str>) -> Option<FactsTold> {
    let words: Vec<_> = detail?.strip_prefix(FACTS)?.split(' ').collect();
    let is_so = |word: &str| words.contains(&word);
    let flight = |asked: &str, lost: &str| {
        if is_so(asked) {
            Flight::Asked
        } else if is_so(lost) {
            Flight::Unknown
        } else {
            Flight::Settled
        }
    };
    let facts = Facts {
        known: is_so("known"),
        doubt: is_so("doubt"),
        submit: flight("submit_asked", "submit_unknown"),
        cancel: flight("cancel_asked", "cancel_unknown"),
        ..Facts::default()
    };
    let change = if is_so("replace_unknown") { Flight::Unknown } else { Flight::Asked };
    let leg_filled = words.iter().find_map(|word| word.strip_prefix(LEG_FILLED));
    let leg_filled = leg_filled.and_then(|text| Amount::from_decimal(text.parse().ok()?).ok());
    let is_ahead = leg_filled.map(|_| is_so(AHEAD));
    Some(FactsTold { facts, change, is_ahead, leg_filled })
}

/// A row that repeats what is known of an order.
pub(crate) fn snapshot_note<'a>(
    order: &Order,
    leg: usize,
    now: i64,
    facts: Option<&'a str>,
) -> OrderNote<'a> {
    let is_triggered = order.state == OrderState::Held && order.facts.triggered;
    OrderNote {
        event: if is_triggered { OrderEvent::Triggered } else { event_of(order.state) },
        source: EventSource::Own,
        ts_event: now,
        ts_recv: now,
        leg,
        reason: Some(SNAPSHOT),
        venue_code: None,
        detail: facts,
        market_seq: None,
    }
}

/// The event after which an order is in a state.
fn event_of(state: OrderState) -> OrderEvent {
    match state {
        OrderState::Held => OrderEvent::Held,
        OrderState::Released => OrderEvent::Released,
        OrderState::PendingSubmit => OrderEvent::Submitted,
        OrderState::Triggered => OrderEvent::Triggered,
        OrderState::PendingReplace => OrderEvent::ReplaceAsked,
        OrderState::PendingCancel => OrderEvent::CancelAsked,
        OrderState::PartiallyFilled => OrderEvent::PartialFill,
        OrderState::Unknown => OrderEvent::OutcomeUnknown,
        OrderState::Filled => OrderEvent::FinalFill,
        OrderState::Cancelled => OrderEvent::Cancelled,
        OrderState::Expired => OrderEvent::Expired,
        OrderState::Rejected => OrderEvent::Rejected,
        _ => OrderEvent::Accepted,
    }
}

/// The whole order as it is after an event.
pub(crate) fn order_row<'a>(
    directory: &'a Directory,
    order: &'a Order,
    note: OrderNote<'a>,
    seq: i64,
) -> draft::Orders<'a> {
    let wish = &order.wish;
    let trail = wish.trigger.and_then(|trigger| trigger.trail);
    let asked = order.changes.last();
    let (venue, symbol) = venue_and_symbol(directory, wish.instrument);
    let leg: &Leg = &order.legs[note.leg];
    let previous = leg.prev.map(|leg| &*order.legs[leg].client_id);
    draft::Orders {
        ts_event: note.ts_event,
        ts_recv: note.ts_recv,
        seq,
        account: directory.account_name(wish.account),
        strategy: strategy_name(directory, wish.strategy),
        venue,
        symbol,
        order_id: order.id.0,
        client_id: &leg.client_id,
        client_id_prev: previous,
        venue_order_id: leg.venue_order_id.as_deref(),
        parent_id: order.link.parent.map(|parent| parent.0),
        group_id: order.link.group,
        contingency: order.link.contingency,
        algo: order.link.algo.as_deref(),
        event: note.event,
        source: note.source,
        state: order.state,
        side: wish.side,
        kind: wish.kind,
        tif: wish.tif,
        price: units(wish.price),
        price_asked: asked.and_then(|change| units(change.price)),
        price_protect: units(wish.price_protect),
        size: wish.size_quote.is_none().then_some(wish.size.0),
        size_asked: asked.map(|change| change.size.0),
        size_quote: units(wish.size_quote),
        size_filled: order.size_filled.0,
        size_prevented: units(order.size_prevented),
        price_average: units(order.price_average),
        size_display: units(wish.size_display),
        size_min: units(wish.size_min),
        price_trigger: wish.trigger.map(|trigger| trigger.price.0),
        price_trigger_asked: asked.and_then(|change| units(change.price_trigger)),
        trigger_source: wish.trigger.map(|trigger| trigger.source),
        trigger_direction: wish.trigger.map(|trigger| trigger.direction),
        trail_offset: trail.map(|trail| trail.offset.0),
        trail_unit: trail.map(|trail| trail.unit),
        price_activation: trail.and_then(|trail| units(trail.activation)),
        order_flags: wish.flags,
        position_side: wish.position_side,
        position_effect: None,
        stp: wish.stp,
        margin_mode: None,
        leverage: None,
        ts_expire: wish.ts_expire,
        ts_release: None,
        ts_sent: order.ts_sent,
        market_seq: note.market_seq,
        reason: note.reason,
        venue_code: note.venue_code,
        detail: note.detail,
        tags: wish.tags.as_deref(),
    }
}

/// A booking as it is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Booking<'a> {
    pub(crate) ts_event: i64,
    pub(crate) ts_recv: i64,
    pub(crate) source: EventSource,
    pub(crate) account: AccountId,
    pub(crate) strategy: Option<StrategyId>,
    pub(crate) instrument: InstrumentId,
    pub(crate) order_id: Option<i64>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) venue_order_id: Option<&'a str>,
    pub(crate) fill_id: &'a str,
    pub(crate) fill_id_prev: Option<&'a str>,
    pub(crate) trade_id: Option<i64>,
    pub(crate) kind: FillKind,
    pub(crate) side: OrderSide,
    pub(crate) price: Amount,
    pub(crate) size: Amount,
    pub(crate) fee: Option<(Amount, AssetId)>,
    pub(crate) liquidity: Option<Liquidity>,
    pub(crate) position_side: Option<PositionSide>,
}

/// Whether a booking has a side and moves a position.
pub(crate) fn is_execution(kind: FillKind) -> bool {
    !matches!(kind, FillKind::Funding | FillKind::Settlement | FillKind::Fee)
}

pub(crate) fn fill_row<'a>(
    directory: &'a Directory,
    booking: &Booking<'a>,
    position_after: Option<Amount>,
    seq: i64,
) -> draft::Fills<'a> {
    let (venue, symbol) = venue_and_symbol(directory, booking.instrument);
    let notional = directory
        .listed(booking.instrument)
        .and_then(|listed| booking.price.product(booking.size)?.product(listed.multiplier));
    draft::Fills {
        ts_event: booking.ts_event,
        ts_recv: booking.ts_recv,
        seq,
        account: directory.account_name(booking.account),
        strategy: strategy_name(directory, booking.strategy),
        venue,
        symbol,
        order_id: booking.order_id,
        client_id: booking.client_id,
        venue_order_id: booking.venue_order_id,
        fill_id: booking.fill_id,
        fill_id_prev: booking.fill_id_prev,
        trade_id: booking.trade_id,
        kind: booking.kind,
        source: booking.source,
        side: is_execution(booking.kind).then_some(booking.side),
        price: booking.price.0,
        size: booking.size.0,
        notional: notional.map(|notional| notional.0),
        fee: booking.fee.map(|(fee, _)| fee.0),
        fee_asset: booking.fee.map(|(_, asset)| directory.asset_name(asset)),
        fee_rate: None,
        liquidity: booking.liquidity,
        exchange: None,
        position_side: booking.position_side,
        position_effect: None,
        position_after: units(position_after),
        pnl_realised: None,
        market_seq: None,
        detail: None,
    }
}

/// Why and when a row of a position or balance is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateNote<'a> {
    pub(crate) ts_event: i64,
    pub(crate) ts_recv: i64,
    pub(crate) source: StateSource,
    pub(crate) fill_id: Option<&'a str>,
    pub(crate) detail: Option<&'a str>,
}

pub(crate) fn position_row<'a>(
    directory: &'a Directory,
    key: &PositionKey,
    position: &Position,
    cause: PositionCause,
    note: StateNote<'a>,
    seq: i64,
) -> draft::Positions<'a> {
    let (venue, symbol) = venue_and_symbol(directory, key.instrument);
    let settle = directory.listed(key.instrument).map(|listed| &*listed.settle);
    // What a venue does not say is not nothing.
    let of_own = |sum: Amount| (note.source == StateSource::Own).then_some(sum.0);
    draft::Positions {
        ts_event: note.ts_event,
        ts_recv: note.ts_recv,
        seq,
        account: directory.account_name(key.account),
        strategy: strategy_name(directory, key.strategy),
        venue,
        symbol,
        source: note.source,
        cause,
        fill_id: note.fill_id,
        position_side: key.side,
        size: position.size.0,
        price_entry: units(position.price_entry),
        pnl_realised: of_own(position.pnl_realised),
        fees: of_own(position.fees),
        funding: of_own(position.funding),
        settle,
        detail: note.detail,
        ..draft::Positions::default()
    }
}

/// Where a balance is and what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BalanceOf<'a> {
    pub(crate) account: AccountId,
    pub(crate) venue: &'a str,
    pub(crate) asset: AssetId,
    pub(crate) owned: Owned,
    /// What a new order may use.
    pub(crate) available: Amount,
    pub(crate) change: Option<Amount>,
}

pub(crate) fn balance_row<'a>(
    directory: &'a Directory,
    of: BalanceOf<'a>,
    cause: BalanceCause,
    note: StateNote<'a>,
    seq: i64,
) -> draft::Balances<'a> {
    draft::Balances {
        ts_event: note.ts_event,
        ts_recv: note.ts_recv,
        seq,
        account: directory.account_name(of.account),
        venue: of.venue,
        asset: directory.asset_name(of.asset),
        source: note.source,
        cause,
        fill_id: note.fill_id,
        total: of.owned.total.0,
        available: of.available.0,
        locked: Some(of.owned.locked.0),
        change: of.change.map(|change| change.0),
        detail: note.detail,
        ..draft::Balances::default()
    }
}

fn venue_and_symbol(directory: &Directory, instrument: InstrumentId) -> (&str, &str) {
    directory.listed(instrument).map_or(("", ""), |listed| (&*listed.venue, &*listed.symbol))
}

fn strategy_name(directory: &Directory, strategy: Option<StrategyId>) -> Option<&str> {
    strategy.map(|strategy| directory.strategy_name(strategy))
}

fn units(amount: Option<Amount>) -> Option<i128> {
    amount.map(|amount| amount.0)
}
