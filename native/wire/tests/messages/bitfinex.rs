use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const BITFINEX: Venue = Venue {
    name: "bitfinex",
    keeps_state: true,
    before: &[
        r#"{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"250","pair":"BTCUSD"}"#,
        r#"{"event":"subscribed","channel":"book","chanId":8,"symbol":"tBTCUSD","prec":"R0","freq":"F0","len":25,"pair":"BTCUSD"}"#,
        r#"{"event":"subscribed","channel":"trades","chanId":9,"symbol":"tBTCUSD","pair":"BTCUSD"}"#,
        r#"{"event":"subscribed","channel":"ticker","chanId":10,"symbol":"tBTCUSD","pair":"BTCUSD"}"#,
        r#"{"event":"subscribed","channel":"status","chanId":11,"key":"deriv:tBTCF0:USTF0"}"#,
        r#"{"event":"subscribed","channel":"status","chanId":12,"key":"liq:global"}"#,
        r#"{"event":"subscribed","channel":"candles","chanId":13,"key":"trade:1m:tBTCF0:USTF0"}"#,
    ],
    messages: &[
        Hot(r#"[9,"te",[6377711{n},1615232733897,-0.11546588,51350],4,1615232733898]"#),
        Hot("[7,[60400.5,0,-1],6,1618677545145]"),
        Hot("[7,[60400.5,3,1.5e-7],6,1618677545145]"),
        Hot("[8,[96124382782,315{n},4],6,1618677545145]"),
        Hot(r#"[7,"cs",-1236759461,8,1618677545145]"#),
        Stream(r#"[9,"tu",[637771130,1615232733897,-0.11546588,51350],4]"#),
        Stream("[7,[[60400,1,0.68826974],[1e-7,2,-1.5e-7]],5,1618677545144]"),
        Stream("[8,[[96124382782,31534,5],[96118584551,31544,-2]]]"),
        Stream("[9,[[637771130,1615232733897,-0.11546588,51350],[2,1615232733896,3,5]]]"),
        Stream("[10,[29967,8.3,29976,13.3,-1674,-0.0529,29966,488.04182112,31887,29335],2]"),
        Stream(
            "[11,[1596124822000,null,0.896,0.771995,null,1396531.6,null,1596153600000,0.0001056,6,null,-0.01381344,null,null,0.7664,null,null,246502.09001551,null,null,null,null,0.3],3]",
        ),
        Stream(
            r#"[12,[["pos",142397657,1574697680828.2002,null,"tBSVUSD",-2.62932,91.583875238719,null,1,1,null,112.27]],9]"#,
        ),
        Stream("[13,[1654075080000,31619,31621,31625,31610,0.00843875],1,1654075140000]"),
        Stream(r#"[7,"hb",17,1618677545145]"#),
        Stream(r#"{"event":"info","version":2,"serverId":"083b","platform":{"status":1}}"#),
        Stream(r#"{"event":"info","code":20051,"msg":"Stopping. Please try to reconnect"}"#),
        Stream(r#"{"event":"conf","status":"OK","flags":229376}"#),
        Stream(
            r#"{"event":"error","msg":"symbol: invalid","code":10300,"channel":"trades","symbol":"tXY"}"#,
        ),
        Stream(r#"{"event":"unsubscribed","status":"OK","chanId":7}"#),
        Answer(
            Ask::Instruments,
            r#"[[["1INCH:USD",[null,null,null,"4.0","100000.0",null,null,null,null,null,null,null]]],[["BTCF0:USTF0",[null,null,null,"0.00004","100.0",null,null,null,0.01,0.005]]]]"#,
        ),
        Answer(Ask::Instruments, r#"["error",11010,"ratelimit: error"]"#),
    ],
};
