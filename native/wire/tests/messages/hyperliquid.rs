use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const HYPERLIQUID: Venue = Venue {
    name: "hyperliquid",
    keeps_state: true,
    before: &[],
    messages: &[
        Hot(
            r#"{"channel":"trades","data":[{"coin":"BTC","hash":"0xde","px":"106066.0","side":"B","sz":"0.00219","tid":1325625803150{n},"time":1741115594873,"users":["0xe9","0x68"]},{"coin":"BTC","hash":"0x00","px":"106065.5","side":"A","sz":"1","tid":928322820331526,"time":1741115594874,"users":["0xe9","0x68"]}]}"#,
        ),
        Hot(
            r#"{"channel":"bbo","data":{"coin":"HYPE","time":1769763175292,"bbo":[{"px":"24.867","sz":"43.02","n":1},null]}}"#,
        ),
        Hot(
            r#"{"channel":"l2Book","data":{"coin":"BTC","levels":[[{"n":5,"px":"106065.0","sz":"3.04732"},{"px":"106064.0","sz":"0.1531","n":1}],[{"px":"106066.0","sz":"7","n":2}]],"time":1741115643800}}"#,
        ),
        Stream(
            r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"dayNtlVlm":"1272057.32506","funding":"0.0000125","impactPxs":["15.4057","15.4554"],"markPx":"15.4271","midPx":"15.424","openInterest":"611.21","oraclePx":"15.44","premium":"0.00032884","prevDayPx":"16.432"}}}"#,
        ),
        Stream(
            r#"{"channel":"activeSpotAssetCtx","data":{"coin":"@107","ctx":{"prevDayPx":"0.2","dayNtlVlm":"0.0","markPx":"0.3","midPx":null,"circulatingSupply":"5","coin":"@107","dayBaseVlm":"6.5"}}}"#,
        ),
        Stream(
            r#"{"channel":"candle","data":{"t":1768003200000,"T":1768089599999,"s":"HYPE","i":"1d","o":"35.778","c":"35.178","h":"37.329","l":"35.361","v":"3526780.1399999999","n":103125}}"#,
        ),
        Stream(r#"{"channel":"allMids","data":{"mids":{"@142":"80208.5","BTC":"80171.5"}}}"#),
        Stream(
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"l2Book","coin":"HYPE","mantissa":null,"nSigFigs":5}}}"#,
        ),
        Stream(
            r#"{"channel":"error","data":"Invalid subscription {\"type\":\"candle\",\"interval\":\"7m\",\"coin\":\"X\"}"}"#,
        ),
        Stream(r#"{"channel":"pong"}"#),
        Stream("Websocket connection established."),
        Answer(
            Ask::Instruments,
            r#"{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56},{"szDecimals":1,"name":"MATIC","maxLeverage":20,"isDelisted":true}],"marginTables":[],"collateralToken":0}"#,
        ),
        Answer(
            Ask::Instruments,
            r#"{"universe":[{"tokens":[1,0],"name":"PURR/USDC","index":0,"isCanonical":true},{"tokens":[150,0],"name":"@107","index":107}],"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0},{"name":"PURR","szDecimals":0,"weiDecimals":5,"index":1},{"name":"HYPE","szDecimals":2,"weiDecimals":8,"index":150}]}"#,
        ),
    ],
};
