use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

/// Both versions of the protocol: old recordings have the first.
pub const SPOT: Venue = Venue {
    name: "kraken",
    keeps_state: true,
    before: &[
        r#"{"method":"subscribe","result":{"channel":"book","depth":25,"snapshot":true,"symbol":"AB/GBP"},"success":true,"time_in":"2026-08-18T20:43:55.546900Z","time_out":"2026-08-18T20:43:55.546939Z","req_id":7}"#,
        r#"{"method":"subscribe","result":{"channel":"level3","depth":10,"snapshot":true,"symbol":"AB/GBP"},"success":true,"req_id":8}"#,
    ],
    messages: &[
        Hot(
            r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105944.2,"qty":0.00027625,"ord_type":"limit","trade_id":102182{n},"timestamp":"2023-10-06T17:35:55.440295Z"},{"symbol":"BTC/USD","side":"sell","price":5,"qty":1,"ord_type":"market","trade_id":10218209,"timestamp":"2023-10-06T17:35:56Z"}]}"#,
        ),
        Hot(
            r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":10.5,"bid_qty":2.0,"ask":10.6,"ask_qty":3.25,"last":10.55,"volume":163.28908096,"vwap":10.4,"low":9.0,"high":11.0,"change":0.5,"change_pct":0.24,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#,
        ),
        Hot(
            r#"{"channel":"book","type":"update","data":[{"symbol":"AB/GBP","bids":[{"price":0.0290,"qty":0.00000000},{"qty":20.50000000,"price":0.0270}],"asks":[{"price":1e-08,"qty":3}],"checksum":3798394521,"timestamp":"2026-08-18T20:44:00.932079Z"}]}"#,
        ),
        Hot(
            r#"{"channel":"level3","type":"update","data":[{"symbol":"AB/GBP","checksum":9,"bids":[{"event":"delete","order_id":"OA-{n}","limit_price":0.5,"order_qty":10.0,"timestamp":"2023-10-06T18:20:55.357467423Z"}],"asks":[{"event":"add","order_id":"OB-2","limit_price":0.6,"order_qty":1.5,"timestamp":"2023-10-06T18:20:56.000000001Z"}]}]}"#,
        ),
        Hot(
            r#"[321,[["57126.70000","0.02063928","1616333924.737428","b","m",""],["5","1","7.5","s","l","x"]],"trade","XBT/USD"]"#,
        ),
        Hot(r#"[341,["31760.0","31760.1","1654031976.197239","0.5","6.25"],"spread","XBT/USD"]"#),
        Hot(
            r#"[320,{"a":[["39071.40000","7.26106570","1622714256.068601"]]},{"b":[["39071.30000","0.00000000","1622714255.5"],["39070.00000","1.00000000","1622714255.1","r"]],"c":"2040672112"},"book-25","XBT/USD"]"#,
        ),
        Stream(
            r#"{"data":[{"checksum":5,"asks":[{"price":2.0,"qty":1.0,"new":[{}]}],"bids":[],"symbol":"A/B"}],"type":"snapshot","channel":"book"}"#,
        ),
        Stream(
            r#"{"channel":"ohlc","type":"update","timestamp":"2023-10-04T16:26:30.524394914Z","data":[{"symbol":"AB/GBP","open":0.5624,"high":0.5628,"low":0.5622,"close":0.5627,"trades":12,"volume":30927.6,"vwap":0.5626,"interval_begin":"2023-10-04T16:25:00.000000000Z","interval":5,"timestamp":"2023-10-04T16:30:00.000000Z"}]}"#,
        ),
        Stream(
            r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"BTC","status":"enabled"}],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"post_only","qty_precision":8,"qty_increment":1e-08,"price_precision":1,"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.5,"margin_initial":0.2,"position_limit_long":300,"position_limit_short":240,"price_increment":0.1,"qty_min":0.00005}]}}"#,
        ),
        Stream(
            r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"cancel_only","api_version":"v2","connection_id":18437862339878838704}]}"#,
        ),
        Stream(r#"{"channel":"heartbeat"}"#),
        Stream(
            r#"{"method":"unsubscribe","result":{"channel":"book","depth":25,"symbol":"AB/GBP"},"success":true,"req_id":7}"#,
        ),
        Stream(
            r#"{"error":"Currency pair not supported \"X/Y\"","method":"subscribe","req_id":3,"success":false,"symbol":"X/Y","time_in":"a"}"#,
        ),
        Stream(
            r#"[340,{"a":["29938.6",12,"12.41"],"b":["29938.5",0,"0.08"],"c":["29938.7","0.1"],"v":["735.0","5243.5"],"p":["29812.6","30272.7"],"t":[6120,30832],"l":["29581.1","29328.6"],"h":["30085.8","31869.3"],"o":["29790.0","31614.5"]},"ticker","XBT/USD"]"#,
        ),
        Stream(r#"[320,{"as":[],"bs":[["1.0","2.0","5.25"]]},"book-10","XBT/USD"]"#),
        Stream(
            r#"[42,["1542057314.748456","1542057600.000000","3586.7","3587.0","3586.6","3586.8","3586.68894","0.03373",2],"ohlc-5","XBT/USD"]"#,
        ),
        Stream(
            r#"{"channelID":992,"channelName":"book-1000","event":"subscriptionStatus","pair":"XMR/USD","reqid":4,"status":"subscribed","subscription":{"depth":1000,"name":"book"}}"#,
        ),
        Stream(
            r#"{"errorMessage":"Subscription depth not supported","event":"subscriptionStatus","pair":"XBT/USD","status":"error","subscription":{"depth":42,"name":"book"}}"#,
        ),
        Answer(
            Ask::Instruments,
            r#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\/USD","base":"XXBT","quote":"ZUSD","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[2,5,3],"fees":[[0,0.26],[50000,0.24]],"fees_maker":[[0,-0.02]],"ordermin":"0.0001","costmin":"0.5","status":"online","long_position_limit":80}}}"#,
        ),
        Answer(Ask::Instruments, r#"{"error":["EGeneral:Too many requests"]}"#),
    ],
};

pub const FUTURES: Venue = Venue {
    name: "kraken-futures",
    keeps_state: false,
    before: &[],
    messages: &[
        Hot(
            r#"{"feed":"trade","product_id":"PI_XBTUSD","uid":"05af78ac-a7{n}","side":"sell","type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}"#,
        ),
        Hot(
            r#"{"time":1676393235406,"product_id":"PI_XBTUSD","funding_rate":-6.2604214e-11,"funding_rate_prediction":-3.6e-10,"relative_funding_rate":-1.380384722222e-6,"relative_funding_rate_prediction":-8.0e-6,"next_funding_rate_time":1676394000000,"feed":"ticker","bid":21978.5,"ask":21987.0,"bid_size":2536.0,"ask_size":13948.0,"volume":31403908.0,"dtm":0,"leverage":"50x","index":21984.54,"premium":-0.1,"last":21983.5,"change":1.9974,"suspended":false,"tag":"perpetual","pair":"XBT:USD","openInterest":30072580.0,"markPrice":21979.68641534714,"maturityTime":0,"post_only":false,"volumeQuote":31403909.0,"open":21968.5,"high":22123.0,"low":21456.0}"#,
        ),
        Hot(
            r#"{"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":3260941{n},"price":34981,"qty":0.0,"timestamp":1612269953629}"#,
        ),
        Stream(
            r#"{"feed":"book_snapshot","product_id":"PI_XBTUSD","timestamp":1612269825817,"seq":326072249,"tickSize":null,"bids":[{"price":34892.5,"qty":6385.0},{"price":34892,"qty":0}],"asks":[{"qty":20598,"price":34911.5}]}"#,
        ),
        Stream(
            r#"{"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[{"feed":"trade","product_id":"PI_XBTUSD","uid":"05af","side":"sell","type":"liquidation","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}]}"#,
        ),
        Stream(
            r#"{"feed":"ticker_lite","product_id":"FI_BCHUSD_210730","bid":439.3,"ask":439.6,"change":2.64,"premium":0.3,"volume":3413476.0,"tag":"month","pair":"BCH:USD","dtm":7,"maturityTime":1627657200000}"#,
        ),
        Stream(r#"{"feed":"heartbeat","time":1534262350627}"#),
        Stream(r#"{"event":"subscribed","feed":"book","product_ids":["PI_XBTUSD","PF_ETHUSD"]}"#),
        Stream(r#"{"event":"error","message":"Invalid product id"}"#),
        Stream(r#"{"event":"alert","message":"Bad request"}"#),
        Answer(
            Ask::Instruments,
            r#"{"result":"success","instruments":[{"symbol":"PI_XBTUSD","type":"futures_inverse","underlying":"rr_xbtusd","tickSize":0.5,"contractSize":1,"tradeable":true,"maxPositionSize":75000000.0,"openingDate":"2018-08-31T00:00:00Z","marginLevels":[{"contracts":0,"initialMargin":0.02,"maintenanceMargin":0.01}],"contractValueTradePrecision":0,"postOnly":false,"base":"BTC","quote":"USD","pair":"BTC:USD"}],"serverTime":"2022-06-04T06:30:03.653Z"}"#,
        ),
        Answer(
            Ask::Instruments,
            r#"{"result":"error","error":"apiLimitExceeded","serverTime":"2022-06-04T06:30:03.653Z"}"#,
        ),
    ],
};
