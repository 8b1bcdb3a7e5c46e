//! What other readers of the same recordings say. Their numbers are kept here, so that they need not
//! be installed.

mod recordings;

use recordings::collected;
use rustonite_core::datasets::{Aggressor, BookSide, draft};
use rustonite_wire::{BookUpdate, Feed, Frame, Sink, open};

/// Rows, and sums of them in whole ticks of 0.01, lots of 0.001 and milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    rows: usize,
    prices: i128,
    sizes: i128,
    values: i128,
    times: i128,
}

impl Sums {
    fn add(&mut self, price: i128, size: i128, ts_event: i64) {
        self.rows += 1;
        self.prices += price;
        self.sizes += size;
        self.values += price * size;
        self.times += i128::from(ts_event / 1_000_000);
    }

    fn add_floats(&mut self, price: f64, size: f64, ts_event: i64) {
        #[allow(clippy::cast_possible_truncation, reason = "a few million at most")]
        let whole = |value: f64| i128::from(value.round() as i64);
        self.add(whole(price * 100.0), whole(size * 1000.0), ts_event);
    }
}

const fn sums(rows: usize, prices: i128, sizes: i128, values: i128, times: i128) -> Sums {
    Sums { rows, prices, sizes, values, times }
}

/// What a file of Binance's futures says, bids and buyers first.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judged {
    changes: [Sums; 2],
    trades: [Sums; 2],
    picture: [Sums; 2],
    quotes: [Sums; 2],
    /// Trades of an insurance fund, which the judge leaves out.
    odd_trades: usize,
}

impl Sink for Judged {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let sums = if update.is_snapshot { &mut self.picture } else { &mut self.changes };
        for level in update.levels {
            let price = level.price.to_scale(2).expect("a price of two digits");
            let size = level.size.to_scale(3).expect("a size of three digits");
            sums[usize::from(level.side == BookSide::Ask)].add(price, size, update.ts_event);
        }
    }
    fn trade(&mut self, row: &draft::Trades<'_>) {
        if row.conditions.is_some() {
            self.odd_trades += 1;
            return;
        }
        let sums = &mut self.trades[usize::from(row.side == Aggressor::Sell)];
        sums.add_floats(row.price, row.size, row.ts_event);
    }
    fn quote(&mut self, row: &draft::Quotes<'_>) {
        let [bid, ask] = &mut self.quotes;
        let price = |price: Option<f64>| price.expect("both sides");
        bid.add_floats(price(row.bid_price), price(row.bid_size), row.ts_event);
        ask.add_floats(price(row.ask_price), price(row.ask_size), row.ts_event);
    }
}

/// `hftbacktest.data.utils.binancefutures.convert` of hftbacktest 2.4.4, with `opt="t"` and without
/// its corrections of times and of their order.
#[test]
fn hftbacktest_reads_the_same_from_binance_futures() {
    let Some(messages) = collected("binance_usdm/collector_btcusdt_20240808.gz") else { return };
    let mut codec = open("binance-usdm").expect("a venue");
    let mut found = Judged::default();
    for message in &messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = if message.data.starts_with(br#"{"stream""#) {
            codec.decode(frame, &mut found)
        } else {
            codec.decode_answer(&Feed::Book("BTCUSDT".to_owned()), frame, &mut found)
        };
        read.expect("a message of the venue");
    }
    let of_quotes = 113_882_015_983_070_320;
    let expected = Judged {
        changes: [
            sums(
                230_209,
                1_345_525_836_780,
                2_759_732_797,
                1_344_019_816_196_290,
                396_687_271_445_272_567,
            ),
            sums(
                213_312,
                1_322_612_482_730,
                371_573_893,
                2_304_066_331_722_710,
                367_571_011_920_425_246,
            ),
        ],
        trades: [
            sums(9_616, 59_329_207_970, 1_251_576, 7_719_739_665_140, 16_569_920_598_796_608),
            sums(11_697, 72_158_384_290, 1_177_790, 7_264_828_423_840, 20_155_819_625_285_286),
        ],
        picture: [
            sums(1_000, 6_172_127_250, 396_998, 2_450_224_497_720, 1_723_161_256_493_000),
            sums(1_000, 6_188_366_220, 384_589, 2_380_146_722_130, 1_723_161_256_493_000),
        ],
        quotes: [
            sums(66_089, 407_879_412_450, 237_659_035, 1_466_869_816_613_640, of_quotes),
            sums(66_089, 407_880_762_530, 316_829_090, 1_954_651_499_155_090, of_quotes),
        ],
        odd_trades: 0,
    };
    assert_eq!(found, expected);
}
