//! Tiers of positions of Binance USD-M futures: the larger, the less leverage and the more margin.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::usdm::{ORDER, ask, deal, limit, mark, position, ticks_around};
use common::{FUTURES, decimal, futures, run, signed, start_futures};
use rustonite_exchange::{Config, Listing, LocalExchange, VenueConfig, rates};
use serde_json::json;

const LEVERAGE: &str = "/fapi/v1/leverage";

#[test]
fn tiers_are_told_as_brackets() {
    run(async {
        let exchange = futures();
        let found =
            ask(&exchange, "ann", "/fapi/v1/leverageBracket", "symbol=BTCUSDT").await["brackets"]
                .take();
        let expected = json!([
            {
                "bracket": 1, "initialLeverage": 125, "notionalCap": 50_000, "notionalFloor": 0,
                "maintMarginRatio": 0.004, "cum": 0.0,
            },
            {
                "bracket": 2, "initialLeverage": 100, "notionalCap": 600_000,
                "notionalFloor": 50_000, "maintMarginRatio": 0.005, "cum": 50.0,
            },
            {
                "bracket": 3, "initialLeverage": 75, "notionalCap": 3_000_000,
                "notionalFloor": 600_000, "maintMarginRatio": 0.0065, "cum": 950.0,
            },
        ]);
        assert_eq!(json!(found.as_array().unwrap()[..3]), expected);
        let last = &found[11];
        assert_eq!((&last["initialLeverage"], &last["bracket"]), (&json!(1), &json!(12)));
    });
}

#[test]
fn a_position_is_no_larger_than_its_leverage_allows() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.9", "50000").await;
        let set = async |leverage: u32| {
            let query = format!("symbol=BTCUSDT&leverage={leverage}");
            signed(&exchange, "ann", "POST", LEVERAGE, &query).await
        };
        assert_eq!(set(20).await.body["maxNotionalValue"], "100000000");
        assert_eq!(set(125).await.body["maxNotionalValue"], "50000");
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=49000&quantity=0.2";
        let refused = signed(&exchange, "ann", "POST", ORDER, order).await;
        assert_eq!((refused.status, refused.code()), (400, -2027), "{}", refused.body);
        assert_eq!(ask(&exchange, "ann", "/fapi/v1/openOrders", "").await, json!([]));
        assert_eq!(set(100).await.status, 200);
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, order).await.status, 200);
        assert_eq!(set(101).await.code(), -2027);
        let config = ask(&exchange, "ann", "/fapi/v1/symbolConfig", "symbol=BTCUSDT").await;
        assert_eq!(config[0]["maxNotionalValue"], "600000", "{config}");
        assert_eq!(position(&exchange, "ann").await["maxNotionalValue"], "600000");
        // What closes is free.
        limit(&exchange, "ann", "SELL", "0.9", "50100").await;
    });
}

#[test]
fn a_large_position_keeps_what_its_tiers_ask_for_and_ends_at_the_price_that_was_told() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "12.1", "50000").await;
        mark(&exchange, 500_000);
        // 605,000 times 0.65 %, less 950.
        let account = ask(&exchange, "ann", "/fapi/v2/account", "").await;
        assert_eq!(account["totalMaintMargin"], "2982.50000000");
        // It needs less while it is entered, so that the rest can be taken.
        let leverage = "symbol=BTCUSDT&leverage=50";
        signed(&exchange, "ann", "POST", "/fapi/v1/leverage", leverage).await;
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-80000")).unwrap();
        limit(&exchange, "cat", "BUY", "12.1", "47600").await;
        // In the tier below: 20,000 are lost, but for 0.5 % of the worth, less 50.
        let told = position(&exchange, "ann").await["liquidationPrice"].take();
        let told = told.as_str().unwrap();
        assert!(told.starts_with("48585.9"), "{told}");
        let (below, above) = ticks_around(told);
        mark(&exchange, above);
        assert_eq!(position(&exchange, "ann").await["positionAmt"], "12.100");
        mark(&exchange, below);
        assert_eq!(position(&exchange, "ann").await["positionAmt"], "0.000");
    });
}

/// Tiers of worth, leverage, and part that is kept.
fn listed_with(tiers: &[(&str, u32, &str)]) -> VenueConfig {
    let mut listing = Listing::perpetual("BTCUSDT", decimal("0.10"), decimal("0.001")).unwrap();
    let tier = |(worth, leverage, keeps): &(&str, u32, &str)| {
        rates::tier(decimal(worth), *leverage, decimal(keeps)).unwrap()
    };
    listing.perpetual.as_mut().unwrap().tiers = tiers.iter().map(tier).collect();
    VenueConfig { fee_tiers: Vec::new(), ..VenueConfig::new(FUTURES, vec![listing]) }
}

#[test]
fn tiers_are_those_that_were_listed() {
    run(async {
        let exchange = start_futures(listed_with(&[("1000", 30, "0.02"), ("9000", 10, "0.05")]));
        let found =
            ask(&exchange, "ann", "/fapi/v1/leverageBracket", "symbol=BTCUSDT").await["brackets"]
                .take();
        let expected = json!([
            {
                "bracket": 1, "initialLeverage": 30, "notionalCap": 1_000, "notionalFloor": 0,
                "maintMarginRatio": 0.02, "cum": 0.0,
            },
            {
                "bracket": 2, "initialLeverage": 10, "notionalCap": 9_000, "notionalFloor": 1_000,
                "maintMarginRatio": 0.05, "cum": 30.0,
            },
        ]);
        assert_eq!(found, expected);
        let of = async |who: &str, leverage: u32| {
            let query = format!("symbol=BTCUSDT&leverage={leverage}");
            signed(&exchange, who, "POST", LEVERAGE, &query).await
        };
        let set = async |leverage: u32| of("ann", leverage).await;
        assert_eq!(set(31).await.code(), -4028);
        assert_eq!(set(11).await.body["maxNotionalValue"], "1000");
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.1";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, order).await.code(), -2027);
        assert_eq!(set(10).await.body["maxNotionalValue"], "9000");
        assert_eq!(of("bob", 10).await.status, 200);
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        mark(&exchange, 500_000);
        // 5,000 times 5 %, less 30.
        let account = ask(&exchange, "ann", "/fapi/v2/account", "").await;
        assert_eq!(account["totalMaintMargin"], "220.00000000");
    });
}

#[test]
fn tiers_that_cannot_be_are_refused_by_name() {
    for (tiers, problem) in [
        (&[][..], "there is at least one tier"),
        (&[("1000", 50, "0.02")], "a position keeps less margin than it begins with"),
        (&[("1000", 20, "0.02"), ("1000", 10, "0.02")], "a larger tier is stricter"),
        (&[("1000", 20, "0.02"), ("2000", 10, "0.01")], "a larger tier is stricter"),
    ] {
        let error = LocalExchange::start(&Config::new(vec![listed_with(tiers)])).err().unwrap();
        assert_eq!(error.to_string(), format!("tiers of BTCUSDT: {problem}"));
        assert_eq!(error.kind(), rustonite_core::ErrorKind::Invalid);
    }
}
