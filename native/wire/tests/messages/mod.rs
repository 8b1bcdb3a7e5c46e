//! Small valid messages of every venue, for the tests that treat all venues alike. A new venue needs
//! an entry here.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use rustonite_wire::{Codec, Feed, Frame, Malformed, Sink, open};

/// When all messages were received.
pub const RECEIVED: i64 = 1_800_000_000_000_000_000;

/// Messages of one venue.
pub struct Venue {
    pub name: &'static str,
    /// Whether a message may change how later ones are read: then a codec is reset, and `before` is
    /// read again, before its results are compared.
    pub keeps_state: bool,
    /// What a connection begins with, as far as the other messages need it.
    pub before: &'static [&'static str],
    pub messages: &'static [Message],
}

/// A message. `{n}` in it stands for a number of two digits, where a venue must be seen to go on.
#[derive(Clone, Copy)]
pub enum Message {
    /// A trade, a quote or a change of a book: one of those that come by the million.
    Hot(&'static str),
    /// Any other message of the stream.
    Stream(&'static str),
    /// An answer of REST.
    Answer(Ask, &'static str),
}

/// What was asked, for the instrument `X`.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Book,
    Orders,
    Instruments,
    Trades,
    Tickers,
    Time,
}

impl Ask {
    pub const ALL: [Self; 6] =
        [Self::Book, Self::Orders, Self::Instruments, Self::Trades, Self::Tickers, Self::Time];

    pub fn feed(self) -> Feed {
        let symbol = || "X".to_owned();
        match self {
            Self::Book => Feed::Book(symbol()),
            Self::Orders => Feed::Orders(symbol()),
            Self::Instruments => Feed::Instruments,
            Self::Trades => Feed::Trades(symbol()),
            Self::Tickers => Feed::Tickers(Some(symbol())),
            Self::Time => Feed::Time,
        }
    }
}

impl Message {
    /// Its text with a number in it.
    pub fn text(self, number: usize) -> String {
        let (Self::Hot(text) | Self::Stream(text) | Self::Answer(_, text)) = self;
        text.replace("{n}", &format!("{number:02}"))
    }

    /// Has a codec read it.
    pub fn read(
        self,
        codec: &mut dyn Codec,
        number: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let text = self.text(number);
        let frame = Frame { ts_recv: RECEIVED, data: text.as_bytes() };
        match self {
            Self::Hot(_) | Self::Stream(_) => codec.decode(frame, sink),
            Self::Answer(ask, _) => codec.decode_answer(&ask.feed(), frame, sink),
        }
    }
}

/// The messages of a venue by its name, if it has an entry.
pub fn messages_of(name: &str) -> Option<&'static Venue> {
    ALL.iter().find(|venue| venue.name == name)
}

/// The texts of all messages here.
pub fn all_texts() -> Vec<String> {
    ALL.iter().flat_map(|venue| venue.messages).map(|message| message.text(0)).collect()
}

impl Venue {
    /// A codec at the beginning of a connection.
    pub fn codec(&self) -> Box<dyn Codec> {
        let mut codec = open(self.name).expect("a venue");
        self.begin(&mut *codec);
        codec
    }

    pub fn begin(&self, codec: &mut dyn Codec) {
        for text in self.before {
            let frame = Frame { ts_recv: RECEIVED, data: text.as_bytes() };
            codec.decode(frame, &mut Nobody).expect("the beginning of a connection");
        }
    }
}

/// Takes everything and does nothing.
pub struct Nobody;

impl Sink for Nobody {}

use Message::{Answer, Hot, Stream};

const ALL: &[Venue] = &[
    Venue {
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
            Answer(
                Ask::Book,
                r#"{"orderbooks":{"X":{"t":"2026-01-02T15:04:05Z","b":[{"p":9,"s":1}],"a":[]}}}"#,
            ),
            Answer(
                Ask::Tickers,
                r#"{"pricing":{"X":{"t":"2026-01-02T15:04:05Z","ft":"2026-01-02T16:00:00Z","oi":9.5,"ip":100.5,"mp":100.25,"fr":0.0001}}}"#,
            ),
        ],
    },
    Venue {
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
                Ask::Trades,
                r#"{"trades":{"X":[{"t":"2026-01-02T15:04:05Z","x":"D","p":5,"s":2,"c":[" ","I"],"i":9,"z":"A","u":"canceled"}]},"next_page_token":null}"#,
            ),
            Answer(
                Ask::Tickers,
                r#"{"X":{"latestTrade":{"t":"2026-01-02T15:04:05Z","p":5,"s":2},"latestQuote":{"t":"2026-01-02T15:04:04Z","ap":5.1,"as":1,"bp":4.9,"bs":2},"dailyBar":{"t":"2026-01-02T05:00:00Z","o":3,"h":6,"l":3,"c":5,"v":100}}}"#,
            ),
            Answer(
                Ask::Instruments,
                r#"[{"class":"us_equity","exchange":"NASDAQ","symbol":"AAA","name":"A \"A\" Inc.","status":"active","tradable":true,"maintenance_margin_requirement":30,"fractionable":false}]"#,
            ),
        ],
    },
    Venue {
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
                Ask::Trades,
                r#"[{"id":1,"price":"2.5","qty":"3","time":1700000000001,"isBuyerMaker":true}]"#,
            ),
            Answer(
                Ask::Instruments,
                r#"{"serverTime":5,"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC","filters":[{"filterType":"PRICE_FILTER","minPrice":"0.00000100","maxPrice":"0","tickSize":"0.00000100"}]}]}"#,
            ),
        ],
    },
    Venue {
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
    },
    Venue {
        name: "binance-usdm",
        keeps_state: false,
        before: &[],
        messages: &[
            Hot(
                r#"{"e":"trade","E":1700000000002,"T":1700000000001,"s":"BTCUSDT","t":42,"p":"60123.45","q":"0.001","X":"INSURANCE_FUND","m":true}"#,
            ),
            Hot(
                r#"{"e":"bookTicker","u":1,"E":3,"T":2,"s":"X","b":"0.00","B":"0","a":"5","A":"6"}"#,
            ),
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
    },
    Venue {
        name: "qq",
        keeps_state: true,
        before: &[],
        messages: &[
            Hot(
                "v_sh600000=\"1~NAME~600000~9.05~9.11~9.09~512703~204388~308315~9.04~3755~9.03~7094~~~~~~~9.05~4366~~~~~~~~~~202608211614{n}~~~9.15~9.03~9.05/512703/465159863~~46516~~~~~~~~~~10.02~8.20~~~9.07~~~~~~~~~~GP-A~~~~~~~~~~~~~~~~~~~~~CNY~~~~~\";\n",
            ),
            Stream("v_pv_none_match=\"1\";\n"),
        ],
    },
    Venue {
        name: "sina",
        keeps_state: true,
        before: &[],
        messages: &[
            Hot(
                "var hq_str_sh600000=\"NAME,9.090,9.110,9.050,9.150,9.030,9.040,9.050,51270289,465159863.000,375500,9.040,0,0.000,452100,9.020,0,0.000,0,0.000,436555,9.050,0,0.000,0,0.000,0,0.000,0,0.000,2026-08-21,15:34:{n},00\";\n",
            ),
            Hot(
                "var hq_str_nf_IF2609=\"4591.8,4620,4587.2,4593.6,48813,224594285.4,140177,4593.6,0.000,5060.8,4140.8,0,0,4604.8,4600.8,142880,4593,1,0,0,0,0,0,0,0,0,4593.6,2,0,0,0,0,0,0,0,0,2026-08-28,14:00:{n},300,1,,4601.116,NAME\";\n",
            ),
            Hot(
                "var hq_str_nf_RB0=\"NAME,2130{n},3100,3120,3090,3101,3110,3111,3110.5,3105,3099,15,20,1500000,700000,SHFE,RB,2026-08-31\";\n",
            ),
            Hot(
                "var hq_str_hf_CL=\"83.467,,83.430,83.450,83.780,82.250,04:59:{n},83.530,83.670,0,3,9,2026-08-29,NAME,0\";\n",
            ),
            Stream("var hq_str_int_x=\"NAME,25584.79,19.05,0.07\";"),
            Stream("var hq_str_sz160923=\"\";\n"),
        ],
    },
];
