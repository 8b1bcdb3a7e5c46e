use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const BITMEX: Venue = Venue {
    name: "bitmex",
    keeps_state: true,
    before: &[
        r#"{"table":"orderBookL2","action":"partial","keys":["symbol","id","side"],"types":{"id":"long"},"filter":{"symbol":"XBTUSD"},"data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":100,"price":80.5},{"symbol":"XBTUSD","id":17999993000,"side":"Buy","size":20,"price":70}]}"#,
        r#"{"table":"trade","action":"partial","filter":{},"data":[]}"#,
        r#"{"table":"quote","action":"partial","filter":{},"data":[]}"#,
        r#"{"table":"orderBook10","action":"partial","filter":{},"data":[]}"#,
        r#"{"table":"instrument","action":"partial","filter":{},"data":[]}"#,
        r#"{"table":"funding","action":"partial","filter":{},"data":[]}"#,
        r#"{"table":"liquidation","action":"partial","filter":{},"data":[]}"#,
        r#"{"table":"tradeBin1m","action":"partial","filter":{},"data":[]}"#,
    ],
    messages: &[
        Hot(
            r#"{"table":"trade","action":"insert","data":[{"timestamp":"2026-01-02T03:04:05.678Z","symbol":"XBTUSD","side":"Sell","size":900,"price":56927,"tickDirection":"MinusTick","trdMatchID":"d1b8{n}","grossValue":1581300,"trdType":"Regular"},{"timestamp":"2026-01-02T03:04:05.678Z","symbol":"XBTUSD","side":"Buy","size":1,"price":56927.5,"trdMatchID":"d1b9"}]}"#,
        ),
        Hot(
            r#"{"table":"quote","action":"insert","data":[{"timestamp":"2026-01-02T03:04:05.678Z","symbol":"XBTUSD","bidSize":2100,"bidPrice":19917.5,"askPrice":19918,"askSize":3600}]}"#,
        ),
        Hot(
            r#"{"table":"orderBookL2","action":"update","data":[{"symbol":"XBTUSD","id":17999993000,"side":"Buy","size":5,"timestamp":"2026-01-02T03:04:05.678Z"},{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":{n}}]}"#,
        ),
        Hot(
            r#"{"table":"orderBookL2","action":"insert","data":[{"symbol":"XBTUSD","id":18000000000,"side":"Sell","size":7,"price":81.5,"timestamp":"2026-01-02T03:04:05.678Z"}]}"#,
        ),
        Hot(
            r#"{"table":"orderBook10","action":"update","data":[{"symbol":"XBTUSD","bids":[[30715.5,217100],[30713,3000]],"timestamp":"2026-01-02T03:04:05.678Z","asks":[[30716,537700]]}]}"#,
        ),
        Stream(
            r#"{"table":"orderBookL2","action":"delete","data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell"}]}"#,
        ),
        Stream(
            r#"{"table":"orderBookL2","action":"delete","data":[{"symbol":"XBTUSD","id":1,"side":"Sell"}]}"#,
        ),
        Stream(
            r#"{"table":"instrument","action":"update","data":[{"symbol":"XBTUSD","fairPrice":1.5,"markPrice":1.25,"timestamp":"2026-01-02T03:04:05.678Z"}]}"#,
        ),
        Stream(
            r#"{"table":"funding","action":"insert","data":[{"timestamp":"2021-04-01T20:00:00.000Z","symbol":"XBTUSD","fundingInterval":"2000-01-01T08:00:00.000Z","fundingRate":0.000817,"fundingRateDaily":0.002451}]}"#,
        ),
        Stream(
            r#"{"table":"liquidation","action":"insert","data":[{"orderID":"a","symbol":"XBTUSD","side":"Sell","price":95000.5,"leavesQty":1000}]}"#,
        ),
        Stream(
            r#"{"table":"tradeBin1m","action":"insert","data":[{"timestamp":"2023-02-01T00:07:00.000Z","symbol":"XBTUSD","open":23077.5,"high":23096.5,"low":23076.5,"close":23085,"trades":93,"volume":342600,"vwap":23081.1487,"foreignNotional":342601}]}"#,
        ),
        Stream(
            r#"{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","timestamp":"2026-01-02T03:04:05.678Z","docs":"x","heartbeatEnabled":false,"limit":{"remaining":719}}"#,
        ),
        Stream(
            r#"{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD"]}}"#,
        ),
        Stream(
            r#"{"status":400,"error":"Unknown or expired symbol.","meta":{},"request":{"op":"subscribe","args":["trade:NOPE"]}}"#,
        ),
        Stream("pong"),
        Answer(
            Ask::Instruments,
            r#"[{"symbol":"XBTUSD","rootSymbol":"XBT","state":"Open","typ":"FFWCSX","listing":"2016-05-13T12:00:00.000Z","expiry":null,"positionCurrency":"USD","underlying":"XBT","quoteCurrency":"USD","referenceSymbol":".BXBT","maxOrderQty":10000000,"maxPrice":1000000,"lotSize":100,"tickSize":1e-1,"multiplier":-100000000,"settlCurrency":"XBt","underlyingToPositionMultiplier":null,"underlyingToSettleMultiplier":-100000000,"isQuanto":false,"isInverse":true,"initMargin":0.01,"fundingTimestamp":"2026-01-02T04:00:00.000Z","fundingInterval":"2000-01-01T08:00:00.000Z","markPrice":97849.76,"timestamp":"2026-01-02T03:04:05.678Z"}]"#,
        ),
    ],
};
