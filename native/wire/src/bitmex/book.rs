//! Books by level, whose changes name levels by id, and pictures of the best ten levels.

use std::collections::HashMap;

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, draft, flags};

use super::{Action, BitMex, Scope, VENUE};
use crate::common::{Top, last, local_time, price_and_size, rest_of_array, word};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Sink};
use crate::json::Json;

/// Books of all instruments of a table.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Whether the partial was about all instruments, so that new ones may follow.
    all: bool,
    by_symbol: HashMap<String, Book, foldhash::fast::RandomState>,
}

/// What the ids of a book stand for. Sizes are left to whoever keeps the book.
#[derive(Debug, Default)]
struct Book {
    /// Whether its partial was there and nothing was lost since.
    live: bool,
    levels: HashMap<i64, (BookSide, Decimal), foldhash::fast::RandomState>,
}

/// A row of a table of books.
struct Row<'a> {
    symbol: &'a str,
    id: i64,
    side: Option<BookSide>,
    price: Option<Decimal>,
    size: Option<Decimal>,
    time: Option<i64>,
}

impl Books {
    /// The book of an instrument, begun anew by a partial. `None` before its partial, and after a
    /// loss until the next one.
    fn find(&mut self, symbol: &str, action: Action) -> Option<&mut Book> {
        if !self.by_symbol.contains_key(symbol) {
            if action != Action::Partial && !self.all {
                return None;
            }
            self.by_symbol.insert(symbol.to_owned(), Book { live: self.all, ..Book::default() });
        }
        let book = self.by_symbol.get_mut(symbol)?;
        if action == Action::Partial {
            book.live = true;
            book.levels.clear();
        }
        Some(book).filter(|book| book.live)
    }

    /// Forgets an instrument or all.
    pub(super) fn end(&mut self, symbol: Option<&str>) {
        match symbol {
            Some(symbol) => drop(self.by_symbol.remove(symbol)),
            None => *self = Self::default(),
        }
    }
}

impl Book {
    /// Applies a row; `Ok(false)` if it proves that something was lost.
    fn apply(
        &mut self,
        action: Action,
        row: &Row<'_>,
        json: &Json<'_>,
        out: &mut Vec<Level>,
    ) -> Result<bool> {
        let known = self.levels.get(&row.id).copied();
        match (action, known) {
            (Action::Update | Action::Delete, None) => return Ok(false),
            (Action::Delete, Some(level)) => {
                self.levels.remove(&row.id);
                out.push(gone(level));
                return Ok(true);
            }
            _ => {}
        }
        let side = row.side.or(known.map(|known| known.0));
        let price = row.price.or(known.map(|known| known.1));
        let level =
            (json.need(side, "a level with `side`")?, json.need(price, "a level with `price`")?);
        let moved = known.is_some_and(|known| known != level);
        if row.size.is_none() && action == Action::Update {
            // Without size only something may have changed that is not kept here.
            return Ok(!moved);
        }
        let size = json.need(row.size, "a level with `size`")?;
        // The id of a price goes to the other side when the market moves through it.
        out.extend(known.filter(|_| moved).map(gone));
        if known.is_none() || moved {
            self.levels.insert(row.id, level);
        }
        out.push(Level { side: level.0, price: level.1, size, count: None });
        Ok(true)
    }
}

fn gone((side, price): (BookSide, Decimal)) -> Level {
    Level { side, price, size: Decimal::ZERO, count: None }
}

impl BitMex {
    /// Rows of a book. Those of several instruments stand one instrument after the other.
    pub(super) fn book(
        &mut self,
        place: usize,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let Self { books, levels, .. } = self;
        let Some(books) = books.get_mut(place) else { return json.skip() };
        let (mut symbol, mut book, mut time, mut any) = (None, None, None, false);
        if scope.action == Action::Partial {
            if let Some(name) = scope.filter {
                // A book may be empty, and is told then by its name alone.
                symbol = scope.filter;
                book = books.find(name, Action::Partial);
            } else {
                books.end(None);
                books.all = true;
            }
        }
        levels.clear();
        json.array()?;
        while json.item()? {
            let row = read_row(json)?;
            if symbol != Some(row.symbol) {
                if book.take().is_some() {
                    hand_out(symbol, time, levels, scope, sink);
                }
                levels.clear();
                (symbol, time) = (Some(row.symbol), None);
                book = books.find(row.symbol, scope.action);
            }
            let Some(live) = &mut book else { continue };
            any = true;
            time = time.max(row.time);
            if !live.apply(scope.action, &row, json, levels)? {
                live.live = false;
                book = None;
                let detail = match scope.action {
                    Action::Delete => "delete of an unknown id",
                    _ => "update of an unknown id",
                };
                sink.control(&Control::Lost { symbol: row.symbol, detail });
            }
        }
        if book.is_some() {
            hand_out(symbol, time, levels, scope, sink);
        } else if !any {
            sink.control(&Control::Nothing);
        }
        Ok(())
    }

    /// Pictures of the best levels.
    pub(super) fn tops(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        json.array()?;
        while json.item()? {
            let symbol = json.lookup(b"symbol")?;
            let symbol = json.need(symbol, "a picture with `symbol`")?.text()?;
            if !self.is_started(scope, symbol) {
                json.skip()?;
                continue;
            }
            if !self.tops.contains_key(symbol) {
                self.tops.insert(symbol.to_owned(), Picture::default());
            }
            let Some(picture) = self.tops.get_mut(symbol) else { continue };
            // An update may leave out the side that did not change.
            if scope.action != Action::Update {
                *picture = Picture::default();
            }
            let time = picture.read(json)?;
            let [bids, asks] = picture.flags;
            sink.top(&draft::BookSnapshots {
                ts_event: time.unwrap_or(scope.ts_recv),
                ts_recv: scope.ts_recv,
                venue: VENUE,
                symbol,
                flags: flags::SNAPSHOT | bids | asks | local_time(time) | last(json),
                ..picture.top.row()
            });
        }
        Ok(())
    }
}

/// Hands out what a message says of one instrument.
fn hand_out(
    symbol: Option<&str>,
    time: Option<i64>,
    levels: &[Level],
    scope: Scope<'_>,
    sink: &mut dyn Sink,
) {
    let is_snapshot = scope.action == Action::Partial;
    if levels.is_empty() && !is_snapshot {
        return;
    }
    sink.book(&BookUpdate {
        symbol: symbol.unwrap_or_default(),
        ts_event: time.unwrap_or(scope.ts_recv),
        ts_recv: scope.ts_recv,
        is_snapshot,
        // Rows have a time since 2021.
        flags: local_time(time),
        levels,
        ..BookUpdate::default()
    });
}

fn read_row<'a>(json: &mut Json<'a>) -> Result<Row<'a>> {
    let (mut symbol, mut id, mut side) = (None, None, None);
    let (mut price, mut size, mut time) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"id" => id = Some(json.integer()?),
            b"side" => side = Some(book_side(json)?),
            b"size" => size = json.decimal_or_null()?,
            b"price" => price = json.decimal_or_null()?,
            b"timestamp" => time = Some(json.time_text()?),
            _ => json.skip()?,
        }
    }
    let symbol = json.need(symbol, "a level with `symbol`")?;
    let id = json.need(id, "a level with `id`")?;
    Ok(Row { symbol, id, side, price, size, time })
}

fn book_side(json: &mut Json<'_>) -> Result<BookSide> {
    word(json, &[(b"Buy", BookSide::Bid), (b"Sell", BookSide::Ask)], "a side of Buy or Sell")
}

/// A picture of the best levels.
#[derive(Debug, Default)]
pub(super) struct Picture {
    top: Top,
    /// Flags of each side.
    flags: [i32; 2],
}

impl Picture {
    /// Reads a picture, and gives its time.
    fn read(&mut self, json: &mut Json<'_>) -> Result<Option<i64>> {
        let mut time = None;
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"bids" => self.read_side(BookSide::Bid, json)?,
                b"asks" => self.read_side(BookSide::Ask, json)?,
                b"timestamp" => time = Some(json.time_text()?),
                _ => json.skip()?,
            }
        }
        Ok(time)
    }

    fn read_side(&mut self, side: BookSide, json: &mut Json<'_>) -> Result<()> {
        let mut floats = Floats::default();
        self.top.clear(side);
        json.array()?;
        while json.item()? {
            json.array()?;
            let (price, size) = price_and_size(json)?;
            self.top.push(side, price, size, &mut floats);
            rest_of_array(json)?;
        }
        self.flags[side as usize] = floats.flags;
        Ok(())
    }
}
