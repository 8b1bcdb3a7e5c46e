//! Rows of books: of a message, or of a whole book as it is held.

use rustonite_book::{L2Book, L3Book, OrderEvent, OrderId};
use rustonite_core::datasets::{self, BookSide, LevelAction, OrderAction, draft, flags};
use rustonite_tape::TapeError;
use rustonite_wire::{BookUpdate, Level, Order, OrdersUpdate};

use crate::instrument::Kept;
use crate::recording::Recording;

impl Recording {
    /// The rows of a message, and of what it pushed off the book.
    pub(crate) fn write_levels(
        &mut self,
        update: &BookUpdate<'_>,
        cut_off: &[Level],
        more_flags: i32,
    ) -> Result<u64, TapeError> {
        let mut row = self.level_template(update, update.flags | more_flags, update.seq)?;
        row.seq_prev = update.seq_prev.or(update.seq_first.map(|first| first - 1));
        let mut rows = LevelRows { recording: self, row, pending: None };
        if update.is_snapshot {
            rows.clear()?;
        }
        update.levels.iter().try_for_each(|level| rows.level(level, 0))?;
        cut_off.iter().try_for_each(|level| rows.removal(level))?;
        rows.finish()
    }

    /// The whole book.
    pub(crate) fn write_picture(
        &mut self,
        place: usize,
        kept: &mut Kept<L2Book>,
        update: &BookUpdate<'_>,
        more_flags: i32,
    ) -> Result<u64, TapeError> {
        let symbol = self.instruments[place].symbol.clone();
        let update = BookUpdate { symbol: &symbol, ..*update };
        let row_flags = update.flags | flags::SNAPSHOT | more_flags;
        let row = self.level_template(&update, row_flags, kept.keeper.seq())?;
        let mut rows = LevelRows { recording: self, row, pending: None };
        rows.clear()?;
        kept.keeper.book().iter().try_for_each(|level| rows.level(&level, 0))?;
        let written = rows.finish()?;
        kept.state.anchored = update.ts_recv;
        Ok(written)
    }

    fn level_template(
        &mut self,
        update: &BookUpdate<'_>,
        row_flags: i32,
        seq: Option<i64>,
    ) -> Result<datasets::BookDeltas, TapeError> {
        let venue = self.venue;
        self.tapes.bind_book(&draft::BookDeltas {
            ts_event: update.ts_event,
            ts_recv: update.ts_recv,
            venue,
            symbol: update.symbol,
            seq,
            flags: row_flags,
            ..draft::BookDeltas::default()
        })
    }

    /// The rows of a message about orders, and of what it pushed off the book.
    pub(crate) fn write_orders(
        &mut self,
        update: &OrdersUpdate<'_>,
        cut_off: &[OrderEvent],
        more_flags: i32,
    ) -> Result<u64, TapeError> {
        let mut rows = OrderRows::new(self, update, update.flags | more_flags, update.seq);
        if update.is_snapshot {
            rows.clear()?;
        }
        update.orders.iter().try_for_each(|order| rows.order(order, 0))?;
        for event in cut_off {
            let order = Order { action: OrderAction::Remove, ..borrowed(event) };
            rows.order(&order, flags::INFERRED)?;
        }
        rows.finish()
    }

    pub(crate) fn write_orders_picture(
        &mut self,
        place: usize,
        kept: &mut Kept<L3Book>,
        update: &OrdersUpdate<'_>,
        more_flags: i32,
    ) -> Result<u64, TapeError> {
        let symbol = self.instruments[place].symbol.clone();
        let update = OrdersUpdate { symbol: &symbol, ..*update };
        let row_flags = update.flags | flags::SNAPSHOT | more_flags;
        let mut rows = OrderRows::new(self, &update, row_flags, kept.keeper.seq());
        rows.clear()?;
        for side in [BookSide::Bid, BookSide::Ask] {
            for resting in kept.keeper.book().orders(side) {
                let (order_id, order_uid) = ids(resting.id);
                let order = Order {
                    action: OrderAction::Add,
                    side: Some(side),
                    order_id,
                    order_uid,
                    price: Some(resting.price),
                    size: Some(resting.size),
                    ts_order: resting.ts_order,
                    ..Order::default()
                };
                rows.order(&order, 0)?;
            }
        }
        let written = rows.finish()?;
        kept.state.anchored = update.ts_recv;
        Ok(written)
    }
}

/// Rows of one message of a book. The last one is marked, so each waits for the next.
struct LevelRows<'a> {
    recording: &'a mut Recording,
    row: datasets::BookDeltas,
    pending: Option<datasets::BookDeltas>,
}

impl LevelRows<'_> {
    fn push(&mut self, row: datasets::BookDeltas) -> Result<(), TapeError> {
        self.row.position += 1;
        match self.pending.replace(row) {
            Some(before) => self.recording.tapes.bound_book(&before),
            None => Ok(()),
        }
    }

    fn clear(&mut self) -> Result<(), TapeError> {
        let flags = self.row.flags | flags::SNAPSHOT;
        self.push(datasets::BookDeltas { action: LevelAction::Clear, flags, ..self.row })
    }

    #[inline]
    fn level(&mut self, level: &Level, more_flags: i32) -> Result<(), TapeError> {
        let (price, inexact_price) = level.price.to_f64_flagged();
        let (size, inexact_size) = level.size.to_f64_flagged();
        let inexact = if inexact_price || inexact_size { flags::INEXACT } else { 0 };
        let action = if level.size.is_zero() { LevelAction::Remove } else { LevelAction::Set };
        self.push(datasets::BookDeltas {
            action,
            side: Some(level.side),
            price: Some(price),
            size: Some(size),
            count: level.count,
            flags: self.row.flags | inexact | more_flags,
            ..self.row
        })
    }

    /// A level that fell off the subscribed depth unannounced.
    fn removal(&mut self, level: &Level) -> Result<(), TapeError> {
        let gone = Level { size: rustonite_core::Decimal::ZERO, count: None, ..*level };
        self.level(&gone, flags::INFERRED)
    }

    fn finish(self) -> Result<u64, TapeError> {
        let rows = u64::try_from(self.row.position).unwrap_or(0);
        if let Some(mut last) = self.pending {
            last.flags |= flags::LAST;
            self.recording.tapes.bound_book(&last)?;
        }
        Ok(rows)
    }
}

/// The same for books of orders, whose rows hold texts.
struct OrderRows<'a, 'r> {
    recording: &'a mut Recording,
    row: draft::BookOrders<'r>,
    pending: Option<draft::BookOrders<'r>>,
}

impl<'a, 'r> OrderRows<'a, 'r> {
    fn new(
        recording: &'a mut Recording,
        update: &OrdersUpdate<'r>,
        row_flags: i32,
        seq: Option<i64>,
    ) -> Self {
        let row = draft::BookOrders {
            ts_event: update.ts_event,
            ts_recv: update.ts_recv,
            venue: recording.venue,
            symbol: update.symbol,
            seq,
            flags: row_flags,
            ..draft::BookOrders::default()
        };
        Self { recording, row, pending: None }
    }

    fn clear(&mut self) -> Result<(), TapeError> {
        let flags = self.row.flags | flags::SNAPSHOT;
        self.push(draft::BookOrders { action: OrderAction::Clear, flags, ..self.row })
    }

    fn order(&mut self, order: &Order<'r>, more_flags: i32) -> Result<(), TapeError> {
        let mut inexact = 0;
        let mut float = |value: Option<rustonite_core::Decimal>| {
            let (float, rounded) = value?.to_f64_flagged();
            inexact |= if rounded { flags::INEXACT } else { 0 };
            Some(float)
        };
        let (price, size) = (float(order.price), float(order.size));
        let size_filled = float(order.size_filled);
        self.push(draft::BookOrders {
            action: order.action,
            side: order.side,
            order_id: order.order_id,
            order_uid: order.order_uid,
            counter_uid: order.counter_uid,
            price,
            size: if order.action == OrderAction::Remove { Some(0.0) } else { size },
            size_filled,
            trade_id: order.trade_id,
            ts_order: order.ts_order,
            reason: order.reason,
            flags: self.row.flags | inexact | more_flags,
            ..self.row
        })
    }

    fn push(&mut self, row: draft::BookOrders<'r>) -> Result<(), TapeError> {
        self.row.position += 1;
        match self.pending.replace(row) {
            Some(before) => self.recording.tapes.book_orders(&before),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<u64, TapeError> {
        if let Some(mut last) = self.pending {
            last.flags |= flags::LAST;
            self.recording.tapes.book_orders(&last)?;
        }
        Ok(u64::try_from(self.row.position).unwrap_or(0))
    }
}

fn ids(id: &OrderId) -> (Option<i64>, Option<&str>) {
    match id {
        OrderId::Number(number) => (Some(*number), None),
        OrderId::Text(text) => (None, Some(text.as_str())),
    }
}

fn borrowed(event: &OrderEvent) -> Order<'_> {
    let (order_id, order_uid) = event.id.as_ref().map_or((None, None), ids);
    Order {
        action: event.action,
        side: event.side,
        order_id,
        order_uid,
        price: event.price,
        size: event.size,
        size_filled: event.size_filled,
        ts_order: event.ts_order,
        ..Order::default()
    }
}
