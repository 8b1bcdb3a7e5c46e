use super::Message::{self, Answer, Hot, Stream};
use super::{Ask, Venue};

const TRADES: Message = Hot(
    r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1675501286868,"data":[{"T":1675501286865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"17681.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9224-a178eb6023af","BT":false,"RPI":true,"seq":1},{"T":1675501286866,"s":"BTCUSDT","S":"Sell","v":"2","p":"16578","L":"MinusTick","i":"22000000000088753{n}","BT":true}]}"#,
);
const BEST: Message = Hot(
    r#"{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1691137767466,"data":{"s":"BTCUSDT","b":[["30247.20","30.028"]],"a":[["30248.70","0.5"]],"u":1774005{n},"seq":66544703342},"cts":1691137767464}"#,
);
const BOOK: Message = Hot(
    r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1691137767466,"data":{"s":"BTCUSDT","b":[["30247.20","30.028"],["30245.40","0"]],"a":[["30248.70","0.5"]],"u":1774005{n},"seq":66544703342},"cts":1691137767464}"#,
);
const PICTURE: Message = Stream(
    r#"{"data":{"seq":9,"u":1,"a":[],"b":[["1","2"]],"s":"X"},"ts":7,"new":[{}],"type":"delta","topic":"orderbook.200.X"}"#,
);
const CANDLE: Message = Stream(
    r#"{"topic":"kline.60.BTCUSDT","data":[{"start":1675519200000,"end":1675522799999,"interval":"60","open":"17752.5","close":"17787","high":"17787","low":"17708","volume":"2.013","turnover":"35777.5005","confirm":true,"timestamp":1675522799988}],"ts":1675522799999,"type":"snapshot"}"#,
);
const TICKER: Message = Stream(
    r#"{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"18326.00","prevPrice24h":"17237.50","highPrice24h":"18312.50","lowPrice24h":"17225.00","markPrice":"18328.43","indexPrice":"18338.46","openInterest":"61855.871","openInterestValue":"1214702346.21","turnover24h":"1570383121.94","volume24h":"92806.386","nextFundingTime":"1676476800000","fundingRate":"-0.000212","bid1Price":"18326.50","bid1Size":"85.519","ask1Price":"18326.00","ask1Size":"84.040","fundingIntervalHour":"8"},"cs":25218267069,"ts":1676469661686}"#,
);
const LIQUIDATIONS: Message = Stream(
    r#"{"topic":"allLiquidation.ETHUSDT","type":"snapshot","ts":1742699103204,"data":[{"T":1742699102929,"s":"ETHUSDT","S":"Buy","v":"20000","p":"0.04522"}]}"#,
);
const SUBSCRIBED: Message =
    Stream(r#"{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"4","op":"subscribe"}"#);
const REFUSED: Message = Stream(
    r#"{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.X","conn_id":"c","req_id":"","op":"subscribe"}"#,
);
const PONG: Message = Stream(r#"{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}"#);
const BOOK_ANSWER: Message = Answer(
    Ask::Book,
    r#"{"retCode":0,"retMsg":"OK","result":{"s":"X","b":[["1","2"]],"a":[],"ts":9,"u":12,"seq":98,"cts":8},"time":10}"#,
);
const ERROR_ANSWER: Message = Answer(
    Ask::Instruments,
    r#"{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":10}"#,
);

pub const SPOT: Venue = Venue {
    name: "bybit-spot",
    keeps_state: true,
    before: &[],
    messages: &[
        TRADES,
        BEST,
        BOOK,
        PICTURE,
        CANDLE,
        Stream(
            r#"{"topic":"priceLimit.X","data":{"symbol":"X","buyLmt":"125560.00","sellLmt":"104660.00"},"ts":5}"#,
        ),
        Stream(
            r#"{"topic":"system.status","ts":1,"data":[{"id":"4","title":"t06","state":"ongoing","begin":"1"}]}"#,
        ),
        SUBSCRIBED,
        REFUSED,
        PONG,
        BOOK_ANSWER,
        ERROR_ANSWER,
        Answer(
            Ask::Instruments,
            r#"{"retCode":0,"retMsg":"OK","result":{"list":[{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","status":"Trading","marginTrading":"none","lotSizeFilter":{"basePrecision":"0.0001","quotePrecision":"0.01","maxLimitOrderQty":"70","minOrderQty":"0.001","maxOrderQty":"100","minOrderAmt":"10","maxOrderAmt":"1000"},"priceFilter":{"tickSize":"0.1"}}]},"time":5}"#,
        ),
    ],
};

pub const LINEAR: Venue = Venue {
    name: "bybit-linear",
    keeps_state: true,
    before: &[],
    messages: &[
        TRADES,
        BEST,
        BOOK,
        PICTURE,
        CANDLE,
        TICKER,
        LIQUIDATIONS,
        SUBSCRIBED,
        REFUSED,
        PONG,
        BOOK_ANSWER,
        ERROR_ANSWER,
        Answer(
            Ask::Instruments,
            r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[{"symbol":"BTCUSDT","contractType":"LinearPerpetual","status":"Trading","baseCoin":"BTC","quoteCoin":"USDT","launchTime":"1703186800000","deliveryTime":"0","priceScale":"2","leverageFilter":{"maxLeverage":"100.00"},"priceFilter":{"minPrice":"0.10","maxPrice":"1999999.80","tickSize":"0.10"},"lotSizeFilter":{"maxOrderQty":"1190","minOrderQty":"0.001","qtyStep":"0.001","maxMktOrderQty":"500","minNotionalValue":"5"},"fundingInterval":480,"settleCoin":"USDT","symbolId":5}],"nextPageCursor":"a%3Db"},"time":1700000000000}"#,
        ),
    ],
};

pub const INVERSE: Venue = Venue {
    name: "bybit-inverse",
    keeps_state: true,
    before: &[],
    messages: &[
        TRADES,
        BEST,
        BOOK,
        PICTURE,
        CANDLE,
        TICKER,
        LIQUIDATIONS,
        // The protocol before v5, as old recordings have it.
        Stream(
            r#"{"topic":"orderBookL2_25.BTCUSD","type":"delta","data":{"delete":[{"price":"37537.00","symbol":"BTCUSD","id":375380000,"side":"Sell"}],"update":[],"insert":[{"price":"37541.50","symbol":"BTCUSD","id":375416000,"side":"Buy","size":172242}],"transactTimeE6":0},"cross_seq":7508078635,"timestamp_e6":1625739609497981}"#,
        ),
        Stream(
            r#"{"topic":"trade.X","data":[{"trade_time_ms":5,"timestamp":"2021-03-21T05:31:50.000Z","symbol":"X","side":"Buy","size":237,"price":58084.5,"trade_id":"f6198d62","cross_seq":9}]}"#,
        ),
        Stream(
            r#"{"topic":"instrument_info.100ms.X","type":"snapshot","data":{"id":1,"symbol":"X","last_price_e4":"222620000","last_price":"22269.00","open_interest_e8":"2121617600000","turnover_24h_e8":"550","funding_rate_e6":"-43","next_funding_time":"2022-07-09T16:00:00Z","funding_rate_interval":"8"},"timestamp_e6":"9"}"#,
        ),
        SUBSCRIBED,
        REFUSED,
        PONG,
        BOOK_ANSWER,
        ERROR_ANSWER,
        Answer(
            Ask::Instruments,
            r#"{"retCode":0,"retMsg":"OK","result":{"list":[{"symbol":"BTCUSDH26","contractType":"InverseFutures","status":"PreLaunch","baseCoin":"BTC","quoteCoin":"USD","settleCoin":"BTC","deliveryTime":"6","fundingInterval":480}]},"time":5}"#,
        ),
    ],
};

pub const OPTION: Venue = Venue {
    name: "bybit-option",
    keeps_state: true,
    before: &[],
    messages: &[
        TRADES,
        BOOK,
        PICTURE,
        CANDLE,
        Stream(
            r#"{"id":"tickers.BTC-6JAN23-17500-C-1","topic":"tickers.BTC-6JAN23-17500-C","ts":1676114311074,"data":{"symbol":"BTC-6JAN23-17500-C","bidPrice":"0","bidSize":"0","bidIv":"0","askPrice":"10","askSize":"5.1","askIv":"0.514","lastPrice":"10","highPrice24h":"25","lowPrice24h":"5","markPrice":"7.86976724","indexPrice":"16823.73","markPriceIv":"0.4896","underlyingPrice":"16815.1","openInterest":"49.85","turnover24h":"446802.8473","volume24h":"26.55","delta":"0.04781","gamma":"0.00021623","vega":"0.81","theta":"-19.9"},"type":"snapshot"}"#,
        ),
        Stream(
            r#"{"success":true,"conn_id":"aa","data":{"failTopics":["publicTrade.X"],"successTopics":["orderbook.25.O","tickers.BTC"]},"type":"COMMAND_RESP"}"#,
        ),
        Stream(r#"{"op":"pong","args":["1791924002967"],"conn_id":"c"}"#),
        BOOK_ANSWER,
        ERROR_ANSWER,
        Answer(
            Ask::Instruments,
            r#"{"retCode":0,"retMsg":"OK","result":{"list":[{"symbol":"ETH-26JUN26-16000.5-P","status":"Delivering","baseCoin":"ETH","quoteCoin":"USDC","settleCoin":"USDC","optionsType":"Put","launchTime":"5","deliveryTime":"6","priceFilter":{"minPrice":"0.1","maxPrice":"5000","tickSize":"0.1"},"lotSizeFilter":{"maxOrderQty":"100","minOrderQty":"1","qtyStep":"1"}}]},"time":5}"#,
        ),
    ],
};
