//! The venues that tests run against, and what is done with several of them at once.

use super::{Rig, Setup};

pub const BINANCE: [(&str, [&str; 2]); 3] = [
    ("binance", ["BTCUSDT", "ETHUSDT"]),
    ("binance-usdm", ["BTCUSDT", "ETHUSDT"]),
    ("binance-coinm", ["BTCUSD_PERP", "ETHUSD_PERP"]),
];

/// Venues whose pictures come by the stream, or whose messages are all pictures.
pub const OTHERS: [(&str, [&str; 2]); 11] = [
    ("bitfinex", ["tBTCUSD", "tETHUSD"]),
    ("bitmex", ["XBTUSD", "ETHUSD"]),
    ("bybit-linear", ["BTCUSDT", "ETHUSDT"]),
    ("bybit-spot", ["BTCUSDT", "ETHUSDT"]),
    ("coinbase", ["BTC-USD", "ETH-USD"]),
    ("coinbase-advanced", ["BTC-USD", "ETH-USD"]),
    ("deribit", ["BTC-PERPETUAL", "ETH-PERPETUAL"]),
    ("hyperliquid", ["BTC", "ETH"]),
    ("kraken", ["BTC/USD", "ETH/USD"]),
    ("kraken-futures", ["PI_XBTUSD", "PI_ETHUSD"]),
    ("okx", ["BTC-USDT", "ETH-USDT"]),
];

/// Those that number the messages of each book or send checksums, so that one book can be lost
/// alone.
pub fn checked() -> Vec<(&'static str, [&'static str; 2])> {
    let others = ["bitfinex", "bitmex", "coinbase", "coinbase-advanced", "hyperliquid"];
    OTHERS.into_iter().filter(|(venue, _)| !others.contains(venue)).collect()
}

/// Does the same for several venues at once.
pub fn each(venues: &[(&'static str, [&'static str; 2])], test: impl Fn(Setup) + Sync) {
    let failed: Vec<_> = std::thread::scope(|scope| {
        let run = |(venue, symbols): &(&'static str, [&'static str; 2])| {
            let (venue, setup) = (*venue, Setup::new(venue, symbols));
            let test = &test;
            (venue, scope.spawn(move || test(setup)))
        };
        let running: Vec<_> = venues.iter().map(run).collect();
        let ended = running.into_iter().map(|(venue, one)| (venue, one.join()));
        ended.filter(|(_, end)| end.is_err()).map(|(venue, _)| venue).collect()
    });
    assert!(failed.is_empty(), "failed for {failed:?}");
}

pub fn whole(setup: Setup) -> Rig {
    let rig = setup.start();
    rig.until_whole();
    rig.run_on(300);
    rig
}
