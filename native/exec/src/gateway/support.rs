//! The page about what venues can do with orders.

use rustonite_core::datasets::{
    CONTINGENCY, Contingency, ORDER_KIND, OrderKind, STP, Stp, TIF, TRIGGER_SOURCE, Tif,
    TriggerSource,
};

use super::capability::{Capabilities, FLAGS, KindRule, Part, Replace};
use super::emulation::{KINDS, SLICED, SOURCES, TIFS};
use super::venues::capabilities;

const HEAD: &str = "# What venues can do with orders

Made from the tables that gateways write orders by: `make docs`.

- **native**: the venue has it.
- **emulated**: the venue has it not; we [hold the order](../using/strategy.md#orders-that-wait-here) and
  send it when its time comes.
- `-`: denied with reason `rules` before anything is sent.

Words behind `native` and `emulated` say for which kinds of orders, if not for all that could have it.
";

/// What we cut into slices.
const SLICES: &str = "emulated: kinds with a limit";
/// Groups that we keep.
const GROUPS: [Contingency; 3] = [Contingency::Oco, Contingency::Oto, Contingency::Bracket];

type Venues = [&'static Capabilities];

/// The page, as Markdown.
pub fn order_support_markdown() -> String {
    let venues = capabilities();
    let mut page = HEAD.to_owned();
    let mut add = |title: &str, rows: Vec<(&str, Vec<String>)>| {
        page += &format!("\n## {title}\n\n{}", table(title, &venues, &rows));
    };
    let kinds = words(ORDER_KIND.values, OrderKind::parse, OrderKind::Unknown);
    add("Kinds", rows(&venues, &kinds, OrderKind::name, |venue, kind| kind_cell(venue, *kind)));
    let tifs: Vec<_> = words(TIF.values, Tif::parse, None::<Tif>);
    add("Times in force", rows(&venues, &tifs, Tif::name, |venue, tif| tif_cell(venue, *tif)));
    add(
        "Flags",
        rows(
            &venues,
            &FLAGS,
            |flag| flag.1,
            |venue, (flag, _)| {
                let by_us = if flag & SLICED != 0 { SLICES } else { "" };
                and_by_us(of_kinds(venue, |rule| rule.flags & flag != 0), by_us)
            },
        ),
    );
    add(
        "Parts",
        rows(&venues, &Part::ALL, Part::name, |venue, part| {
            let is_native = |rule: &KindRule| rule.parts.contains(part);
            let limit = venue.kind(OrderKind::Limit).is_some_and(is_native);
            let by_us = if *part == Part::SizeDisplay && !limit { SLICES } else { "" };
            and_by_us(of_kinds(venue, is_native), by_us)
        }),
    );
    let sources: Vec<_> = words(TRIGGER_SOURCE.values, TriggerSource::parse, None::<TriggerSource>);
    add(
        "What triggers watch",
        rows(&venues, &sources, TriggerSource::name, |venue, source| {
            let is_native = venue.sources.iter().any(|(one, _)| one == source);
            native_or_ours(is_native, SOURCES.contains(source))
        }),
    );
    let stps: Vec<_> = words(STP.values, Stp::parse, None::<Stp>);
    add(
        "Self-trade prevention",
        rows(&venues, &stps, Stp::name, |venue, stp| {
            native(venue.stps.iter().any(|(one, _)| one == stp))
        }),
    );
    let links: Vec<_> = words(CONTINGENCY.values, Contingency::parse, None::<Contingency>);
    add(
        "Groups",
        rows(&venues, &links, Contingency::name, |_, link| {
            native_or_ours(false, GROUPS.contains(link))
        }),
    );
    add(
        "Several at once",
        rows(&venues, &["place", "cancel"], |name| name, |venue, name| batch_cell(venue, name)),
    );
    add("Changes", rows(&venues, &kinds, OrderKind::name, |venue, kind| change_cell(venue, *kind)));
    page
}

/// All values of a vocabulary but one.
fn words<T: PartialEq>(
    values: &[(&str, &str)],
    parse: fn(&str) -> Option<T>,
    without: impl Into<Option<T>>,
) -> Vec<T> {
    let without = without.into();
    let all = values.iter().filter_map(|(word, _)| parse(word));
    all.filter(|value| Some(value) != without.as_ref()).collect()
}

fn rows<T: Copy>(
    venues: &Venues,
    of: &[T],
    name: impl Fn(T) -> &'static str,
    cell: impl Fn(&Capabilities, &T) -> String,
) -> Vec<(&'static str, Vec<String>)> {
    let row = |one: &T| (name(*one), venues.iter().map(|venue| cell(venue, one)).collect());
    of.iter().map(row).collect()
}

fn table(title: &str, venues: &Venues, rows: &[(&str, Vec<String>)]) -> String {
    let names: Vec<_> = venues.iter().map(|venue| venue.venue).collect();
    let first = title.to_ascii_lowercase();
    let mut text =
        format!("| {first} | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (name, cells) in rows {
        text += &format!("| `{name}` | {} |\n", cells.join(" | "));
    }
    text
}

fn native(is_native: bool) -> String {
    if is_native { "native" } else { "-" }.to_owned()
}

fn native_or_ours(is_native: bool, is_ours: bool) -> String {
    if is_ours && !is_native { "emulated".to_owned() } else { native(is_native) }
}

/// What a venue has, and what we do of the rest.
fn and_by_us(native: String, by_us: &str) -> String {
    match (&*native, by_us) {
        (_, "") => native,
        ("-", _) => by_us.to_owned(),
        _ => format!("{native}; {by_us}"),
    }
}

fn kind_cell(venue: &Capabilities, kind: OrderKind) -> String {
    let ours = KINDS.iter().find(|(one, _)| *one == kind);
    let is_ours = ours.is_some_and(|(_, left)| venue.kind(*left).is_some());
    native_or_ours(venue.kind(kind).is_some(), is_ours)
}

fn tif_cell(venue: &Capabilities, tif: Tif) -> String {
    let cell = of_kinds(venue, |rule| rule.tifs.contains(&tif));
    let is_ours = TIFS.contains(&tif) && cell != "native";
    and_by_us(cell, if is_ours { "emulated" } else { "" })
}

/// Native for some kinds, which are named unless they are all.
fn of_kinds(venue: &Capabilities, has: impl Fn(&KindRule) -> bool) -> String {
    let names: Vec<_> =
        venue.kinds.iter().filter(|rule| has(rule)).map(|rule| rule.kind.name()).collect();
    match names.len() {
        0 => "-".to_owned(),
        count if count == venue.kinds.len() => "native".to_owned(),
        _ => format!("native: {}", names.join(", ")),
    }
}

fn batch_cell(venue: &Capabilities, name: &str) -> String {
    let batch = venue.batch;
    match if name == "place" { batch.place } else { batch.cancel } {
        1 => "-".to_owned(),
        most if batch.one_instrument => format!("up to {most} of one instrument"),
        most => format!("up to {most}"),
    }
}

fn change_cell(venue: &Capabilities, kind: OrderKind) -> String {
    let word = match venue.kind(kind).map(|rule| rule.replace) {
        Some(Replace::InPlace) => "in place",
        Some(Replace::NewOrder) => "end and new order",
        Some(Replace::Anew) => "end, then new order",
        Some(Replace::Never) | None => "-",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::order_support_markdown;

    #[test]
    fn the_page_of_order_support_is_current() {
        let page =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/order-support.md");
        let page = std::fs::read_to_string(page).unwrap_or_default();
        assert!(page == order_support_markdown(), "make it anew with `make docs`");
    }
}
