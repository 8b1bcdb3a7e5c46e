//! The recorded answers of QQ and Sina: what they hold, and that both saw the same close.

mod recordings;

use recordings::bytes;
use rustonite_core::datasets::draft;
use rustonite_wire::{Control, Feed, Frame, Sink, open};

/// 30 September 2026, when all recordings are old.
const LATER: i64 = 1_790_726_400_000_000_000;

/// What is compared of a ticker.
#[derive(Clone, Copy)]
struct Ticker {
    ts_event: i64,
    trading_day: Option<i32>,
    last: Option<f64>,
    index: Option<f64>,
    /// Open, high, low and the close before.
    day: [Option<f64>; 4],
    average: Option<f64>,
    volume: Option<f64>,
    turnover: Option<f64>,
}

/// What was said, in few words.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
    tickers: Vec<Ticker>,
    symbols: Vec<String>,
    /// Prices and sizes of bids, then of asks.
    pictures: Vec<[Vec<f64>; 4]>,
    quotes: usize,
    refused: Vec<String>,
    others: Vec<String>,
}

impl Sink for Seen {
    fn instrument(&mut self, row: &draft::Instruments<'_>) {
        self.names.push(row.name.unwrap_or_default().to_owned());
    }
    fn ticker(&mut self, row: &draft::Tickers<'_>) {
        self.symbols.push(row.symbol.to_owned());
        self.tickers.push(Ticker {
            ts_event: row.ts_event,
            trading_day: row.trading_day,
            last: row.last_price,
            index: row.index_price,
            day: [row.open_price, row.high_price, row.low_price, row.close_prev_price],
            average: row.average_price,
            volume: row.volume,
            turnover: row.turnover,
        });
    }
    fn top(&mut self, row: &draft::BookSnapshots<'_>) {
        let sides = [row.bid_price, row.bid_size, row.ask_price, row.ask_size];
        self.pictures.push(sides.map(<[f64]>::to_vec));
    }
    fn quote(&mut self, _: &draft::Quotes<'_>) {
        self.quotes += 1;
    }
    fn control(&mut self, control: &Control<'_>) {
        match control {
            Control::Refused(answer) => {
                self.refused.push(answer.symbol.unwrap_or_default().to_owned());
            }
            other => self.others.push(format!("{other:?}")),
        }
    }
}

fn seen(venue: &str, file: &str) -> Option<Seen> {
    let body = bytes(file)?;
    let mut codec = open(venue).expect("a venue");
    let frame = Frame { ts_recv: LATER, data: &body };
    let mut seen = Seen::default();
    codec.decode_answer(&Feed::Tickers(None), frame, &mut seen).expect(file);
    assert!(seen.others.is_empty(), "{file}: {:?}", seen.others);
    let mut again = Seen::default();
    codec.decode_answer(&Feed::Tickers(None), frame, &mut again).expect(file);
    let silent = again.tickers.is_empty() && again.pictures.is_empty() && again.refused.is_empty();
    assert!(silent, "{file}: the same answer is no news");
    Some(seen)
}

#[test]
fn both_venues_saw_the_same_close() {
    let qq = seen("qq", "qq/a_share_sh600000_20260821.gbk");
    let sina = seen("sina", "sina/a_share_sh600000_20260821.gbk");
    let (Some(qq), Some(sina)) = (qq, sina) else { return };
    assert_eq!(qq.names, ["浦发银行"]);
    assert_eq!(qq.names, sina.names);
    let (a, b) = (qq.tickers[0], sina.tickers[0]);
    assert_eq!((a.last, a.day), (b.last, b.day));
    assert_eq!(a.last, Some(9.05));
    assert_eq!(a.day, [Some(9.09), Some(9.15), Some(9.03), Some(9.11)]);
    assert_eq!((a.turnover, a.trading_day), (b.turnover, b.trading_day));
    let (qq, sina) = (&qq.pictures[0], &sina.pictures[0]);
    assert_eq!((&qq[0], &qq[2]), (&sina[0], &sina[2]), "prices of all levels");
    assert_eq!(qq[0].len() + qq[2].len(), 10);
    // Lots against shares, rounded by half a lot at most.
    let lots = [&qq[1][..], &qq[3], &[a.volume.expect("a volume")]].concat();
    let shares = [&sina[1][..], &sina[3], &[b.volume.expect("a volume")]].concat();
    for (lots, shares) in lots.iter().zip(&shares) {
        assert!((lots - shares / 100.0).abs() <= 0.5, "{lots} lots, {shares} shares");
    }
}

#[test]
fn qq_in_three_places() {
    let Some(seen) = seen("qq", "qq/a_us_hk_2026.gbk") else { return };
    assert_eq!(seen.symbols, ["sz002103", "usAAPL", "hk00700"]);
    assert_eq!(seen.names, ["广博股份", "苹果", "腾讯控股"]);
    let last: Vec<_> = seen.tickers.iter().map(|row| row.last).collect();
    assert_eq!(last, [Some(8.16), Some(271.42), Some(479.2)]);
    let turnover: Vec<_> = seen.tickers.iter().map(|row| row.turnover).collect();
    assert_eq!(turnover, [Some(46_457_393.0), Some(7_614_043_089.0), Some(9_231_869_057.79)]);
    // 16:15 in Shenzhen, 12:36 in New York, 16:08:43 in Hong Kong.
    let times: Vec<_> = seen.tickers.iter().map(|row| row.ts_event / 1_000_000_000).collect();
    assert_eq!(times, [1_776_413_700, 1_776_443_760, 1_777_450_123]);
    assert_eq!(seen.pictures.len(), 1, "depth of mainland China only");
}

#[test]
fn sina_funds_and_an_unknown_name() {
    let Some(seen) = seen("sina", "sina/easyquotation_etf_and_empty.gbk") else { return };
    assert_eq!(seen.symbols, ["sz162411", "sz160922", "sz160924"]);
    assert_eq!(seen.refused, ["sz160923"]);
    let last: Vec<_> = seen.tickers.iter().map(|row| row.last).collect();
    assert_eq!(last, [Some(0.491), None, None], "before the first trade there is no price");
    let levels: Vec<_> =
        seen.pictures.iter().map(|sides| (sides[0].len(), sides[2].len())).collect();
    assert_eq!(levels, [(5, 5), (2, 4), (5, 4)]);
}

#[test]
fn sina_futures_crypto_and_an_index() {
    let Some(seen) = seen("sina", "sina/futures_index_crypto_202608.gbk") else { return };
    assert_eq!(seen.symbols, ["hf_CL", "btc_btcbtcusd", "nf_IF0", "int_hangseng"]);
    let last: Vec<_> = seen.tickers.iter().map(|row| row.last).collect();
    assert_eq!(last, [Some(83.467), Some(78_271.33), Some(4_593.6), None]);
    assert_eq!(seen.tickers[3].index, Some(25_584.79));
    assert_eq!(seen.tickers[2].average, Some(4_601.116));
    assert_eq!(seen.pictures, [[vec![4_593.0], vec![1.0], vec![4_593.6], vec![1.0]]]);
    assert_eq!(seen.quotes, 1);
}
