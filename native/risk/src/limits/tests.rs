use rustonite_core::datasets::RiskScope;

use super::{Limits, LimitsError, Setting};
use crate::directory::{Account, Capabilities, Directory, Venue};
use crate::key::{Key, Sense};
use crate::risk::Risk;
use rustonite_core::Amount;
use rustonite_core::ids::VenueId;

const HEAD: &str = "version = 3\ncurrency = \"USD\"\n";

fn parse(text: &str) -> Result<Limits, LimitsError> {
    Limits::parse("limits.toml", &format!("{HEAD}{text}"))
}

#[track_caller]
fn wrong(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn number(text: &str) -> Amount {
    Amount::from_decimal(text.parse().unwrap()).unwrap()
}

#[test]
fn numbers_are_exact_however_they_are_written() {
    for text in [
        "1234567.000000000000000001",
        "\"1234567.000000000000000001\"",
        "+1_234_567.000000000000000001",
    ] {
        let limits = parse(&format!("[all]\ngross_max = {text}")).unwrap();
        let hard = number("1234567.000000000000000001");
        assert_eq!(limits.all.get(Key::GrossMax), Some(Setting::Number { hard, soft: hard }));
    }
}

#[test]
fn a_limit_may_warn_and_be_open() {
    let limits = parse("[account.main]\ngross_max = { max = \"100\", warn = 80 }\nnet_max = \"none\"\ndeny_locked = true").unwrap();
    let section = &limits.accounts["main"];
    let both = Setting::Number { hard: number("100"), soft: number("80") };
    assert_eq!(section.get(Key::GrossMax), Some(both));
    assert_eq!(section.get(Key::NetMax), Some(Setting::Open));
    assert_eq!(section.get(Key::DenyLocked), Some(Setting::Switch(true)));
    assert_eq!(section.get(Key::DenyCrossed), None);
}

#[test]
fn mistakes_have_their_place() {
    for (text, expected) in [
        (
            "[all]\ngross_mx = 1",
            "limits.toml:4: all.gross_mx: unknown key; did you mean gross_max?",
        ),
        ("al = 1", "limits.toml:3: al: unknown key; did you mean all?"),
        (
            "[account.main]\nlong_max = 1",
            "limits.toml:4: account.main.long_max: cannot be set for account, only for all, venue, instrument",
        ),
        (
            "[all]\n\ngross_max = -1",
            "limits.toml:5: all.gross_max: found -1, expected a number from 0 with at most 18 decimals (reporting currency), or \"none\"",
        ),
        (
            "[all]\nprice_collar_bps = 0.001",
            "limits.toml:4: all.price_collar_bps: found 0.001, expected a number from 0 with at most 2 decimals (bps), or \"none\"",
        ),
        (
            "[all]\nmessages_per_s = 0",
            "limits.toml:4: all.messages_per_s: found 0, expected a number above 0 without decimals, at most 1000000 (count), or \"none\"",
        ),
        (
            "[all]\nperiod_ms = 0",
            "limits.toml:4: all.period_ms: found 0, expected a number above 0 with at most 6 decimals (ms), or \"none\"",
        ),
        (
            "[all]\ngross_max = nan",
            "limits.toml:4: all.gross_max: found nan, expected a number from 0 with at most 18 decimals (reporting currency), or \"none\"",
        ),
        (
            "[all]\ndeny_locked = 1",
            "limits.toml:4: all.deny_locked: found 1, expected true or false",
        ),
        (
            "[all]\ngross_max = { max = 1, warn = 2 }",
            "limits.toml:4: all.gross_max: found { max = 1, warn = 2 }, expected `max`, and a `warn` that is no larger",
        ),
        (
            "[all]\ndaily_loss_max = { max = 2, warn = 1 }",
            "limits.toml:4: all.daily_loss_max: found { max = 2, warn = 1 }, expected a number from 0 with at most 18 decimals (reporting currency), or \"none\"",
        ),
        (
            "[all]\ngross_max = { mx = 1, warn = 2 }",
            "limits.toml:4: all.gross_max.mx: unknown key; there are max, warn",
        ),
        ("all = 1", "limits.toml:3: all: found 1, expected a table of limits"),
        ("venue = 1", "limits.toml:3: venue: found 1, expected tables such as [venue.NAME]"),
        ("restricted = [1]", "limits.toml:3: restricted: found 1, expected a text"),
    ] {
        assert_eq!(wrong(text), expected);
    }
    assert!(wrong("[all").starts_with("limits.toml:3: "));
    let no_version = Limits::parse("limits.toml", "currency = \"USD\"").unwrap_err();
    assert_eq!(
        no_version.to_string(),
        "limits.toml:1: version: found none, expected it at the top"
    );
    let version = Limits::parse("limits.toml", "version = 0").unwrap_err();
    assert_eq!(
        version.to_string(),
        "limits.toml:1: version: found 0, expected a whole number from 1"
    );
}

#[test]
fn every_key_can_be_set_where_it_is_legal_and_nowhere_else() {
    for key in Key::ALL {
        let value = if key.sense() == Sense::Switch { "true" } else { "1" };
        for (scope, header) in [
            (RiskScope::All, "all"),
            (RiskScope::Venue, "venue.x"),
            (RiskScope::Account, "account.x"),
            (RiskScope::Strategy, "strategy.x"),
            (RiskScope::Instrument, "instrument.\"x:Y\""),
        ] {
            let read = parse(&format!("[{header}]\n{} = {value}", key.name()));
            assert_eq!(read.is_ok(), key.is_legal_in(scope), "{header}.{}", key.name());
        }
        assert!(key.is_legal_in(RiskScope::All), "{}", key.name());
        assert_eq!(Key::parse(key.name()), Some(*key));
    }
}

fn directory() -> Directory {
    let venue = Venue { name: "sim".into(), can: Capabilities::default() };
    let account = Account { name: "main".into(), venue: VenueId(0), hedging: false };
    Directory {
        currency: "USD".into(),
        venues: vec![venue],
        accounts: vec![account],
        ..Directory::default()
    }
}

#[test]
fn names_are_those_of_the_directory() {
    for (text, expected) in [
        ("[venue.sym]", "limits: unknown venue \"sym\"; there are sim"),
        ("[account.mian]", "limits: unknown account \"mian\"; did you mean main?"),
        ("[strategy.manuel]", "limits: unknown strategy \"manuel\"; did you mean manual?"),
        ("[instrument.\"sim:X\"]", "limits: unknown instrument \"sim:X\"; there are none"),
        ("restricted = [\"sim:X\"]", "limits: unknown instrument \"sim:X\"; there are none"),
    ] {
        let limits = parse(text).unwrap();
        let error = Risk::new(directory(), limits).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let other = Limits { currency: "EUR".into(), ..parse("").unwrap() };
    let error = Risk::new(directory(), other).unwrap_err();
    assert_eq!(error.to_string(), "limits: currency: found \"EUR\", expected \"USD\"");
}

#[test]
fn versions_only_go_up_and_a_bad_change_changes_nothing() {
    let first = parse("[all]\ngross_max = 1").unwrap();
    let mut risk = Risk::new(directory(), first.clone()).unwrap();
    let with = |version, text: &str| Limits { version, ..parse(text).unwrap() };
    for (version, text) in
        [(2, "[all]\ngross_max = 1"), (3, "[all]\ngross_max = 2"), (4, "[venue.x]")]
    {
        assert!(risk.set_limits(with(version, text)).is_err());
        assert_eq!(risk.limits(), &first);
    }
    risk.set_limits(first).unwrap();
    let second = with(4, "[all]\ngross_max = 2");
    risk.set_limits(second.clone()).unwrap();
    assert_eq!(risk.limits(), &second);
}

#[test]
fn they_are_described() {
    let text = "restricted = [\"a:B\"]\n[all]\ngross_max = { max = 100, warn = 80 }\nnet_max = \"none\"\n[account.main]\ndeny_locked = true\nstale_ms = 5";
    assert_eq!(
        parse(text).unwrap().describe(),
        "version 3, money in USD\nrestricted: a:B\nall\n  gross_max: 100 reporting currency, warns beyond 80\n  \
         net_max: no limit\naccount main\n  stale_ms: 5 ms\n  deny_locked: yes\n"
    );
}
