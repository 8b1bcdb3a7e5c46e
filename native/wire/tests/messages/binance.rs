use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const SPOT: Venue = Venue {
    name: "binance",
    keeps_state: false,
    before: &[],
    messages: &[
        Hot(
            r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000002,"s":"BTCUSDT","t":42,"p":"60123.45000000","q":"0.00120000","T":1700000000001,"m":true,"M":true}}"#,
        ),
        Hot(
            r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36","A":"40.66"}"#,
        ),
        Hot(
            r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000002,"s":"BTCUSDT","U":10,"u":12,"b":[["1.10","0.014"],["1.00","0.000"]],"a":[["1.2","3",[]]]}}"#,
        ),
        Hot(
            r#"{"e":"aggTrade","E":5,"s":"BTCUSDT","a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27783,"T":4,"m":false}"#,
        ),
        Stream(
            r#"{"stream":"bnbbtc@depth5@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}}"#,
        ),
        Stream(
            r#"{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker","E":5,"s":"A","c":"1","o":"2","h":"3","l":"0.5","v":"9","q":"10"},{"e":"24hrMiniTicker","E":5,"s":"B","c":"1","o":"2","h":"3","l":"0.5","v":"9","q":"10"}]}"#,
        ),
        Stream(
            r#"{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1M","f":-1,"L":-1,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0","V":"500","Q":"0.5","B":"0"}}"#,
        ),
        Stream(r#"{"error":{"code":2,"msg":"Invalid request: \"x\""},"id":3}"#),
        Answer(
            Ask::Book,
            r#"{"lastUpdateId":1027024,"bids":[["4.00000000","431"]],"asks":[["4.00000200","12"]]}"#,
        ),
        Answer(
            Ask::Instruments,
            r#"{"serverTime":5,"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC","filters":[{"filterType":"PRICE_FILTER","minPrice":"0.00000100","maxPrice":"0","tickSize":"0.00000100"}]}]}"#,
        ),
    ],
};

pub const COINM: Venue = Venue {
    name: "binance-coinm",
    keeps_state: false,
    before: &[],
    messages: &[
        Hot(
            r#"{"e":"trade","E":1700000000002,"T":1700000000001,"s":"BTCUSD_PERP","t":42,"p":"60123.4","q":"3","X":"MARKET","m":false}"#,
        ),
        Hot(
            r#"{"e":"bookTicker","u":1,"E":3,"T":2,"s":"BTCUSD_PERP","ps":"BTCUSD","b":"4.5","B":"9","a":"5","A":"6"}"#,
        ),
        Hot(
            r#"{"e":"depthUpdate","E":9,"T":8,"s":"BTCUSD_PERP","ps":"BTCUSD","U":10,"u":12,"pu":7,"b":[["1.1","14"]],"a":[["1.2","0"]]}"#,
        ),
        Stream(
            r#"{"e":"markPriceUpdate","E":5,"s":"BTCUSD_231229","p":"11185.8","i":"11784.2","P":"11784.25","r":"","T":0}"#,
        ),
        Stream(r#"{"e":"indexPriceUpdate","E":5,"i":"BTCUSD","p":"11185.8"}"#),
        Answer(
            Ask::Tickers,
            r#"{"symbol":"BTCUSD_PERP","pair":"BTCUSD","openInterest":"15004","time":5}"#,
        ),
    ],
};

pub const USDM: Venue = Venue {
    name: "binance-usdm",
    keeps_state: false,
    before: &[],
    messages: &[
        Hot(
            r#"{"e":"trade","E":1700000000002,"T":1700000000001,"s":"BTCUSDT","t":42,"p":"60123.45","q":"0.001","X":"INSURANCE_FUND","m":true}"#,
        ),
        Hot(r#"{"e":"bookTicker","u":1,"E":3,"T":2,"s":"X","b":"0.00","B":"0","a":"5","A":"6"}"#),
        Hot(
            r#"{"e":"depthUpdate","E":9,"T":8,"s":"BTCUSDT","U":10,"u":12,"pu":7,"b":[["1.10","0.014"],["1.00","0.000"]],"a":[["1.2","3"]]}"#,
        ),
        Stream(
            r#"{"e":"forceOrder","E":9,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9911","X":"FILLED","l":"0.014","z":"0.014","T":8}}"#,
        ),
        Answer(
            Ask::Book,
            r#"{"lastUpdateId":1027024,"E":9,"T":8,"bids":[["4.00000000","431"]],"asks":[["4.00000200","12"]]}"#,
        ),
    ],
};
