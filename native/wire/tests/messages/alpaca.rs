use super::Message::{Answer, Hot, Stream};
use super::{Ask, Venue};

pub const CRYPTO: Venue = Venue {
    name: "alpaca-crypto",
    keeps_state: true,
    before: &[],
    messages: &[
        Hot(
            r#"[{"T":"t","S":"BTC/USD","p":90000.5,"s":0.0755,"t":"2026-01-02T15:04:05.123456789Z","i":3,"tks":"S"}]"#,
        ),
        Hot(
            r#"[{"T":"q","S":"BTC/USD","bp":90000,"bs":0.5,"ap":90001.25,"as":1e-3,"t":"2026-01-02T15:04:05Z"}]"#,
        ),
        Hot(
            r#"[{"T":"o","S":"BTC/USD","t":"2026-01-02T15:04:05.5Z","b":[{"p":90000.10,"s":0.5},{"p":90000,"s":0}],"a":[{"s":1,"p":90001}]}]"#,
        ),
        Stream(
            r#"[{"T":"o","S":"BTC/USD","t":"2026-01-02T15:04:05Z","b":[],"a":[{"s":1,"p":90001}],"r":true}]"#,
        ),
        Stream(
            r#"[{"T":"b","S":"BTC/USD","o":12,"h":12.5,"l":11.5,"c":12.25,"v":1000,"n":9,"vw":12.1,"t":"2026-01-02T15:04:00Z"}]"#,
        ),
    ],
};

pub const STOCKS: Venue = Venue {
    name: "alpaca-stocks",
    keeps_state: true,
    before: &[],
    messages: &[
        Hot(
            r#"[{"T":"t","S":"FAKE","i":52983525503560,"x":"V","p":12.0300,"s":7,"c":["@","T","I"],"z":"C","t":"2026-01-02T15:04:05.123456789Z"}]"#,
        ),
        Hot(
            r#"[{"T":"q","S":"FAKE","bx":"U","bp":12.01,"bs":3,"ax":"Q","ap":12.02,"as":1,"c":["R"],"z":"A","t":"2026-01-02T15:04:05Z"}]"#,
        ),
        Stream(
            r#"[{"T":"c","S":"FAKE","x":"M","oi":7,"op":5.5,"os":10,"oc":["@"],"ci":8,"cp":5.4,"cs":11,"cc":["@","I"],"z":"C","t":"2026-01-02T15:04:05Z"}]"#,
        ),
        Stream(
            r#"[{"T":"x","S":"FAKE","i":7,"x":"V","p":5.5,"s":10,"a":"C","z":"C","t":"2026-01-02T15:04:05Z"}]"#,
        ),
        Stream(
            r#"[{"T":"s","S":"FAKE","sc":"H","sm":"Trading Halt","rc":"T12","rm":"","t":"2026-01-02T15:04:05Z"},{"T":"l","S":"FAKE","u":12.5,"d":11.5,"i":"B","t":"2026-01-02T15:04:05Z"}]"#,
        ),
        Stream(
            r#"[{"T":"d","S":"FAKE","o":12,"h":12.5,"l":11.5,"c":12.25,"v":1000,"n":9,"vw":12.1,"t":"2026-01-02T05:00:00Z"}]"#,
        ),
        Stream(
            r#"[{"T":"success","msg":"authenticated"},{"T":"error","code":405,"msg":"symbol \"limit\""}]"#,
        ),
        Stream(r#"[{"T":"subscription","trades":["A","B"],"quotes":["*"],"bars":[]}]"#),
        Answer(
            Ask::Instruments,
            r#"[{"class":"us_equity","exchange":"NASDAQ","symbol":"AAA","name":"A \"A\" Inc.","status":"active","tradable":true,"maintenance_margin_requirement":30,"fractionable":false}]"#,
        ),
    ],
};
