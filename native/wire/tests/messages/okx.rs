use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const OKX: Venue = Venue {
    name: "okx",
    keeps_state: false,
    before: &[],
    messages: &[
        Hot(
            r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"1407425{n}","px":"43322.9","sz":"0.13070406","side":"buy","ts":"1633245697897","count":"3","source":"0","seqId":1234},{"instId":"BTC-USDT","tradeId":"130639475","px":"42219.8","sz":"1","side":"sell","ts":"1633245697898","count":"1","source":"1"}]}"#,
        ),
        Hot(
            r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["8587.28","415","0","13"]],"bids":[["8587.27","256","0","12"]],"ts":"1600223183085","seqId":123456}]}"#,
        ),
        Hot(
            r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["8587.28","415","0","13"],["8477.10","0","0","0"]],"bids":[["8587.27","256","0","12"]],"ts":"1600223183085","checksum":-855196043,"seqId":12,"prevSeqId":10}]}"#,
        ),
        Hot(
            r#"{"arg":{"channel":"books5","instId":"A-B"},"data":[{"asks":[["2","3","0","4"],["2.5","1","0","1"]],"bids":[],"instId":"A-B","ts":"3","seqId":8}]}"#,
        ),
        Stream(
            r#"{"arg":{"channel":"tickers","instId":"A-B"},"data":[{"instType":"SPOT","instId":"A-B","last":"9222.29","lastSz":"0.1","askPx":"9222.29","askSz":"11","bidPx":"","bidSz":"","open24h":"9000","high24h":"10000","low24h":"8111.18","volCcy24h":"2222","vol24h":"3333","ts":"1600223183085"}]}"#,
        ),
        Stream(
            r#"{"arg":{"channel":"funding-rate","instId":"A-B-SWAP"},"data":[{"fundingRate":"0.0001186422315138","fundingTime":"1703923200000","instId":"A-B-SWAP","instType":"SWAP","nextFundingRate":"","nextFundingTime":"1703952000000","premium":"0.00012","settFundingRate":"0.00016","settState":"settled","ts":"1703921475402"}]}"#,
        ),
        Stream(
            r#"{"arg":{"channel":"opt-summary","instFamily":"BTC-USD"},"data":[{"instId":"O","uly":"BTC-USD","deltaBS":"0.74","bidVol":"","askVol":"1.6735","markVol":"0.9219","fwdPx":"39016.81","ts":"7"}]}"#,
        ),
        Stream(
            r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"0.007","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"1695463234010"}],"instFamily":"A-B","instId":"A-B-SWAP","instType":"SWAP","uly":"A-B"}]}"#,
        ),
        Stream(
            r#"{"arg":{"channel":"mark-price-candle1Mutc","instId":"A-B"},"data":[["1706745600000","1","4","0.5","2","1"]]}"#,
        ),
        Stream(
            r#"{"id":"7","event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"},"connId":"a4"}"#,
        ),
        Stream(
            r#"{"event":"error","msg":"Wrong URL or channel:books,instId:A-C doesn't exist.","code":"60018","connId":"a4"}"#,
        ),
        Stream(r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed."}"#),
        Stream("pong"),
        Answer(
            Ask::Instruments,
            r#"{"code":"0","msg":"","data":[{"alias":"","baseCcy":"","ctMult":"1","ctType":"inverse","ctVal":"100","ctValCcy":"USD","expTime":"","instFamily":"BTC-USD","instId":"BTC-USD-SWAP","instType":"SWAP","lever":"100","listTime":"1538621003000","lotSz":"1","maxLmtSz":"1000","minSz":"1","settleCcy":"BTC","state":"live","stk":"","tickSz":"0.1","uly":"BTC-USD"}]}"#,
        ),
        Answer(Ask::Instruments, r#"{"code":"0","data":[["BTC-USD","ETH-USD"]],"msg":""}"#),
        Answer(Ask::Instruments, r#"{"code":"50011","msg":"Too Many Requests","data":[]}"#),
    ],
};
