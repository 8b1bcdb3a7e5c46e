use rustonite_core::datasets::{BookSide, InstrumentKind, InstrumentStatus, draft, flags};

use super::VENUE;
use crate::codec::{Feed, Frame, Request};
use crate::common::{MILLISECOND, ONE, local_time, price_and_size, rest_of_array};
use crate::error::Result;
use crate::event::{Control, Order, OrdersUpdate, Sink};
use crate::json::Json;

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Orders(symbol) => format!("/products/{symbol}/book?level=3"),
        Feed::Instruments => "/products".to_owned(),
        Feed::Time => "/time".to_owned(),
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Orders(symbol) => orders(symbol, frame.ts_recv, &mut json, sink)?,
        Feed::Instruments => instruments(&mut json, frame.ts_recv, sink)?,
        Feed::Time => time(&mut json, sink)?,
        _ => json.skip()?,
    }
    json.end()
}

fn time(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"iso" => {
                sink.control(&Control::Time { at: json.time_text()?, step: MILLISECOND });
            }
            _ => json.skip()?,
        }
    }
    Ok(())
}

fn orders(symbol: &str, ts_recv: i64, json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (mut seq, mut time, mut orders) = (None, None, Vec::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"sequence" => seq = Some(json.integer()?),
            b"time" => time = Some(json.time_text()?),
            b"bids" => read_orders(json, BookSide::Bid, &mut orders)?,
            b"asks" => read_orders(json, BookSide::Ask, &mut orders)?,
            _ => json.skip()?,
        }
    }
    sink.orders(&OrdersUpdate {
        symbol,
        ts_event: time.unwrap_or(ts_recv),
        ts_recv,
        is_snapshot: true,
        seq: Some(json.need(seq, "a picture of a book with `sequence`")?),
        flags: local_time(time),
        orders: &orders,
        ..OrdersUpdate::default()
    });
    Ok(())
}

fn read_orders<'a>(json: &mut Json<'a>, side: BookSide, orders: &mut Vec<Order<'a>>) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        let (price, size) = price_and_size(json)?;
        json.next_item("the id of an order")?;
        let order = Order {
            side: Some(side),
            order_uid: Some(json.text()?),
            price: Some(price),
            size: Some(size),
            ..Order::default()
        };
        orders.push(order);
        rest_of_array(json)?;
    }
    Ok(())
}

/// The message of the channel `status`, whose products are those of REST.
pub(super) fn status(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"products" => instruments(json, ts_recv, sink)?,
            _ => json.skip()?,
        }
    }
    Ok(())
}

fn instruments(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
        let row = instrument(json, ts_recv)?;
        sink.instrument(&row);
    }
    Ok(())
}

fn instrument<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Instruments<'a>> {
    let mut row = draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        kind: InstrumentKind::Spot,
        multiplier: ONE,
        flags: flags::LAST | flags::LOCAL_TIME,
        ..draft::Instruments::default()
    };
    let mut modes = Modes::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"id" => row.symbol = json.text()?,
            b"display_name" => row.name = json.text_or_null()?,
            b"base_currency" => row.base = Some(json.text()?),
            b"quote_currency" => row.quote = Some(json.text()?),
            b"base_increment" => row.lot_size = json.limit()?,
            b"quote_increment" => row.tick_size = json.limit()?,
            // The sizes were taken out of the rules in 2022.
            b"base_min_size" => row.size_min = json.limit()?,
            b"base_max_size" => row.size_max = json.limit()?,
            // `max_market_funds` limits market orders alone, for which there is no column.
            b"min_market_funds" => row.notional_min = json.limit()?,
            b"margin_enabled" => row.marginable = Some(i8::from(json.boolean()?)),
            b"status" => row.status_raw = json.text_or_null()?,
            _ if !modes.read(key, json)? => json.skip()?,
            _ => {}
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("a product with `id`"));
    }
    row.multiplier_asset = json.need(row.base, "a product with `base_currency`")?;
    row.status = match row.status_raw {
        Some("online") => modes.status(),
        Some("offline" | "internal") => InstrumentStatus::Halted,
        Some("delisted") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    };
    Ok(row)
}

/// What narrows the trading of a product that is online.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Modes([bool; 6]);

impl Modes {
    /// The venue's names, the strictest first.
    const NAMES: [(&'static [u8], InstrumentStatus); 6] = [
        (b"trading_disabled", InstrumentStatus::Halted),
        (b"is_disabled", InstrumentStatus::Halted),
        (b"cancel_only", InstrumentStatus::CancelOnly),
        (b"auction_mode", InstrumentStatus::Auction),
        (b"post_only", InstrumentStatus::PostOnly),
        (b"limit_only", InstrumentStatus::LimitOnly),
    ];

    /// Reads the value of a key if it is one of these.
    pub(crate) fn read(&mut self, key: &[u8], json: &mut Json<'_>) -> Result<bool> {
        let Self(set) = self;
        for ((name, _), mode) in Self::NAMES.iter().zip(set) {
            if *name == key {
                *mode = !json.took_null()? && json.boolean()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn status(self) -> InstrumentStatus {
        let found = Self::NAMES.iter().zip(self.0).find(|(_, mode)| *mode);
        found.map_or(InstrumentStatus::Trading, |((_, status), _)| *status)
    }
}
