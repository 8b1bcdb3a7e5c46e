//! Fees by what an account has traded, as clients see them.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::usdm::{ask, deal};
use common::{FUTURES, VENUE, decimal, limit, run, signed, start_futures, start_spot};
use rustonite_exchange::{Config, FeeTier, Listing, LocalExchange, VenueConfig, rates};
use serde_json::json;

fn tiers(of: &[(&str, &str, &str)]) -> Vec<FeeTier> {
    let tier = |(volume, maker, taker): &(&str, &str, &str)| {
        rates::fee_tier(decimal(volume), decimal(maker), decimal(taker)).unwrap()
    };
    of.iter().map(tier).collect()
}

fn spot(of: &[(&str, &str, &str)]) -> VenueConfig {
    let listing = Listing::spot("BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
    VenueConfig { fee_tiers: tiers(of), ..VenueConfig::new(VENUE, vec![listing]) }
}

const TIERS: [(&str, &str, &str); 3] =
    [("0", "0.001", "0.002"), ("5000", "0.0005", "0.001"), ("10000", "-0.0001", "0.0008")];

/// Fees of who rests and who comes.
async fn told(exchange: &LocalExchange, who: &str) -> [String; 2] {
    let query = "symbol=BTCUSDT";
    let answer = signed(exchange, who, "GET", "/api/v3/account/commission", query).await.body;
    ["maker", "taker"].map(|name| answer["standardCommission"][name].as_str().unwrap().to_owned())
}

#[test]
fn who_has_no_fees_of_his_own_pays_the_usual_ones() {
    run(async {
        let listing = || Listing::spot("BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
        let exchange = start_spot(VenueConfig::new(VENUE, vec![listing()]));
        assert_eq!(told(&exchange, "ann").await, ["0.00100000", "0.00100000"]);
        let account = r#"{"name":"carl","api_key":"carl","secret":"a secret of nobody"}"#;
        let path = "/_exchange/account";
        let body = account.as_bytes().to_vec();
        assert_eq!(common::call(&exchange, "POST", path, None, body).await.status, 200);
        assert_eq!(told(&exchange, "carl").await, ["0.00100000", "0.00100000"]);
    });
}

#[test]
fn who_trades_more_pays_less() {
    run(async {
        let exchange = start_spot(spot(&TIERS));
        assert_eq!(told(&exchange, "ann").await, ["0.00100000", "0.00200000"]);
        // A tenth of a coin each: 5,000.
        let fee = async |number: u32| {
            limit(&exchange, "bob", "SELL", "50000", &format!("a{number}")).await;
            let bought = limit(&exchange, "ann", "BUY", "50000", &format!("b{number}")).await.body;
            bought["fills"][0]["commission"].as_str().unwrap().to_owned()
        };
        assert_eq!(fee(1).await, "0.00020000");
        assert_eq!(told(&exchange, "ann").await, ["0.00050000", "0.00100000"]);
        assert_eq!(told(&exchange, "bob").await, ["0.00050000", "0.00100000"], "resting counts");
        assert_eq!(fee(2).await, "0.00010000");
        assert_eq!(fee(3).await, "0.00008000");
        let account = signed(&exchange, "bob", "GET", "/api/v3/account", "").await.body;
        assert_eq!(account["commissionRates"]["maker"], "-0.00010000");
        assert_eq!(account["makerCommission"], -1);
        // Three times 5,000, less 5, 2.5, and a rebate of 0.5.
        let (free, _) = exchange.balance(VENUE, "bob", "USDT").unwrap();
        assert_eq!(free, decimal("114993"));
        // What is said of one account alone counts more.
        exchange.set_fees(VENUE, "ann", decimal("0.003"), decimal("0.004")).unwrap();
        assert_eq!(told(&exchange, "ann").await, ["0.00300000", "0.00400000"]);
    });
}

#[test]
fn futures_tell_the_tier_and_its_rates() {
    run(async {
        let listing = Listing::perpetual("BTCUSDT", decimal("0.10"), decimal("0.001")).unwrap();
        let venue = VenueConfig::new(FUTURES, vec![listing]);
        let exchange = start_futures(VenueConfig { fee_tiers: tiers(&TIERS), ..venue });
        let seen = async || {
            let rates = ask(&exchange, "ann", "/fapi/v1/commissionRate", "symbol=BTCUSDT").await;
            let config = ask(&exchange, "ann", "/fapi/v1/accountConfig", "").await;
            let account = ask(&exchange, "ann", "/fapi/v2/account", "").await;
            assert_eq!(config["feeTier"], account["feeTier"]);
            (
                config["feeTier"].clone(),
                rates["makerCommissionRate"].clone(),
                rates["takerCommissionRate"].clone(),
            )
        };
        assert_eq!(seen().await, (json!(0), json!("0.001"), json!("0.002")));
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        assert_eq!(seen().await, (json!(1), json!("0.0005"), json!("0.001")));
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        assert_eq!(seen().await, (json!(2), json!("-0.0001"), json!("0.0008")));
        let incomes = ask(&exchange, "ann", "/fapi/v1/income", "incomeType=COMMISSION").await;
        let paid: Vec<_> =
            incomes.as_array().unwrap().iter().map(|one| one["income"].clone()).collect();
        assert_eq!(paid, [json!("-10.00000000"), json!("-5.00000000")]);
    });
}

#[test]
fn tiers_that_cannot_be_are_refused() {
    for (wrong, problem) in [
        (&[("1", "0.001", "0.001")][..], "the first tier of fees begins at a volume of 0"),
        (&[("0", "0.001", "0.001"), ("0", "0", "0")], "tiers of fees rise by their volume"),
        (&[("0", "0.001", "0.001"), ("9", "0.002", "0")], "a higher tier pays no more"),
        (&[("0", "0.001", "1")], "a fee is less than all"),
    ] {
        let error = LocalExchange::start(&Config::new(vec![spot(wrong)])).err().unwrap();
        assert_eq!(error.to_string(), format!("fee_tiers: {problem}"));
        assert_eq!(error.kind(), rustonite_core::ErrorKind::Invalid);
    }
    let error = rates::fees(decimal("0.0000001"), decimal("0")).unwrap_err();
    assert!(error.to_string().starts_with("fees: "), "{error}");
}
