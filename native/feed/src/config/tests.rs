use super::{Config, FeedConfig};
use crate::catalog::Venue;
use crate::plan::lines;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("recorder.toml", text).map_err(|error| error.to_string())
}

const SMALL: &str = "[[feed]]\nvenue = \"binance\"\nsymbols = [\"BTCUSDT\", \"ETHUSDT\"]\n";

#[test]
fn a_small_configuration_has_good_defaults() {
    let config = parse(SMALL).unwrap();
    assert_eq!((config.name.as_str(), config.frames, config.interval_s), ("recorder", true, 60));
    let venue = Venue::find("binance").unwrap();
    let channels = config.feeds[0].channels(&venue).unwrap();
    let names: Vec<_> = channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["trade", "bookTicker", "depth@100ms", ""]);
}

#[test]
fn paths_start_from_the_file() {
    let text = format!("lake = \"lake\"\ntapes = \"/dev/shm/t\"\nca_file = \"ca.pem\"\n{SMALL}");
    let config = Config::parse("etc/recorder.toml", &text).unwrap();
    assert_eq!(config.lake.as_deref(), Some("etc/lake"));
    assert_eq!(config.tapes.unwrap().to_str(), Some("/dev/shm/t"));
    assert_eq!(config.ca_file.unwrap().to_str(), Some("etc/ca.pem"));
    let text = format!("lake = \"s3://ticks/lake\"\n{SMALL}");
    let config = Config::parse("etc/recorder.toml", &text).unwrap();
    assert_eq!(config.lake.as_deref(), Some("s3://ticks/lake"));
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        ("nmae = \"x\"\n", "nmae"),
        ("interval_s = \"x\"\n", "interval_s"),
        (
            "interval_s = 0\n[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\n",
            "interval_s: found 0",
        ),
        ("name = \"a/b\"\n[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\n", "name: found"),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\nchannels = [\"trade\", \"aggTrade\"]\n",
            "recorder.toml:1: feed.channels: found trade and aggTrade for trades of A",
        ),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\n[[feed]]\nvenue = \"binance\"\n\
             symbols = [\"B\", \"A\"]\nchannels = [\"aggTrade\"]\n",
            "recorder.toml:4: feed.channels: found trade and aggTrade for trades of A",
        ),
        ("", "feed: found none"),
        (
            "[metrics]\nlisten = \"9108\"\n[[feed]]\nvenue = \"binance\"\n",
            "2: metrics.listen: found",
        ),
        (
            "[metrics]\nlisten = \"a:65536\"\n[[feed]]\nvenue = \"okx\"\n",
            "2: metrics.listen: found",
        ),
        ("[metrics]\nport = 9108\n", "unknown field `port`"),
        ("[[feed]]\nvenue = \"binance\"\n", "feed.symbols"),
        ("[[feed]]\nvenue = \"bianance\"\nsymbols = [\"A\"]\n", "did you mean binance"),
        ("[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\ncopies = 9\n", "feed.copies: found 9"),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\ndatasets = [\"trade\"]\n",
            "unknown dataset \"trade\"; did you mean trades",
        ),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\nchannels = [\"bookTiker\"]\n",
            "unknown channel \"bookTiker\"; did you mean bookTicker",
        ),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\nurls = { pubic = \"ws://a/\" }\n",
            "unknown endpoint \"pubic\"; did you mean public",
        ),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\nurls = { rest = \"nowhere\" }\n",
            "urls",
        ),
        (
            "[[feed]]\nvenue = \"alpaca-stocks\"\nsymbols = [\"AAPL\"]\n",
            "needs keys: set RUSTONITE_ALPACA_STOCKS_KEY and RUSTONITE_ALPACA_STOCKS_SECRET",
        ),
        (
            "[[feed]]\nvenue = \"kraken\"\nsymbols = [\"BTC/USD\"]\nchannels = [\"level3-100\"]\n",
            "level3-100 of kraken is for accounts only, and a recorder cannot log in there",
        ),
        (
            "[[feed]]\nvenue = \"coinbase\"\nsymbols = [\"BTC-USD\"]\nchannels = [\"full\"]\n",
            "full of coinbase is for accounts only, and a recorder cannot log in there",
        ),
        (
            "[[feed]]\nvenue = \"deribit\"\nsymbols = [\"BTC-PERPETUAL\"]\nchannels = [\"book.raw\"]\n",
            "book.raw of deribit is for accounts only, and a recorder cannot log in there",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn file_line_key_and_nearest_names_are_told() {
    let cases = [
        (
            "name = \"a\"\n\n[[feed]]\nvenue = \"bianance\"\nsymbols = [\"A\"]\n",
            "recorder.toml:4: feed.venue: unknown venue \"bianance\"; did you mean binance",
        ),
        (
            "[[feed]]\nvenue = \"binance\"\nsimbols = [\"A\"]\n",
            "recorder.toml:3: unknown field `simbols`",
        ),
        ("[[feed]]\nvenue = \"binance\"\nsimbols = [\"A\"]\n", "; did you mean symbols?"),
        (
            "[[feed]]\nvenue = \"okx\"\nsymbols = [\"A\"]\n[[feed]]\nvenue = \"binance\"\n\n\
             symbols = [\"A\"]\ndatasets = [\"trade\"]\n",
            "recorder.toml:8: feed.datasets: unknown dataset \"trade\"; did you mean trades",
        ),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\nchannels = [\"bookTiker\"]\n",
            "recorder.toml:4: feed.channels: unknown channel",
        ),
        ("[[feed]]\nvenue = \"binance\"\n", "recorder.toml:1: feed.symbols: found none"),
        ("interval_s = 0\n[[feed]]\nvenue = \"okx\"\n", "recorder.toml:1: interval_s: found 0"),
        (
            "[[feed]]\nvenue = \"binance\"\nsymbols = [\"\"]\n",
            "recorder.toml:3: feed.symbols: found an",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn passwords_of_proxies_are_not_told() {
    let feed = "\n[[feed]]\nvenue = \"binance\"\nsymbols = [\"A\"]\n";
    let proxies = [
        "http://me:s3cret@host:99999",
        "http://me:s3cret@",
        "ftp://me:s3cret@host",
        "me:s3cret@host:1",
        "http://me:s3cr@s3cret@host:99999",
        "http://me:s3cret@host:1\"\"",
    ];
    for proxy in proxies {
        for key in ["proxy", "porxy"] {
            let error = parse(&format!("{key} = \"{proxy}\"{feed}")).unwrap_err();
            assert!(!error.contains("s3c") && !error.contains("me:"), "{error}");
            assert!(error.starts_with("recorder.toml:1: "), "{error}");
        }
    }
}

#[test]
fn keys_that_stand_where_they_may_not_are_not_told() {
    for line in [
        "secret = \"s3cret\"",
        "api_key='s3cret'",
        "password = s3cret",
        "name = { a = 1, token = \"s3cret\" }",
        "passphrase = \"s3cret",
    ] {
        let error = parse(line).unwrap_err();
        assert!(!error.contains("s3c"), "{error}");
        assert!(error.starts_with("recorder.toml:1: ") && error.contains('…'), "{error}");
    }
}

#[test]
fn topics_are_spread_over_as_few_connections_as_allowed() {
    let mut venue = Venue::find("binance").unwrap();
    venue.sockets[0].topics_max = 5;
    let feed = FeedConfig {
        venue: "binance".to_owned(),
        symbols: ["C", "A", "B", "A"].map(str::to_owned).to_vec(),
        ..FeedConfig::default()
    };
    let plans = lines(&feed, &venue).unwrap();
    let names: Vec<Vec<_>> = plans
        .iter()
        .map(|plan| plan.topics.iter().map(|one| one.topic.symbol.clone().unwrap()).collect())
        .collect();
    assert_eq!(names, [vec!["A", "A", "A", "B", "B"], vec!["B", "C", "C", "C"]]);
}
