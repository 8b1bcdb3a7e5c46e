//! Positions that have lost their margin: orders end, and the market takes what is held.

use std::collections::{BTreeSet, VecDeque};

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderKind, OrderSide, OrderState, PositionSide, order_flags};
use rustonite_core::ids::InstrumentId;

use super::money::Place;
use super::orders::{Asked, Key, Own, Venue};
use super::words::{self, refusal};
use crate::gateway::Heard;
use crate::report::RefusalKind;
use crate::wish::Wish;

impl Own {
    /// An order of the venue, not of ours.
    pub(super) fn is_forced(&self) -> bool {
        self.wish.flags & order_flags::VENUE_MADE != 0
    }
}

impl Venue {
    /// Closes what has lost its margin, at what the market gives. What it does not take is left to
    /// the next mark.
    pub(super) fn judge(&mut self, now: i64) {
        let lost = self.money.lost();
        let instruments: BTreeSet<_> =
            lost.iter().map(|((instrument, _), _)| *instrument).collect();
        instruments.into_iter().for_each(|instrument| self.end_all(instrument, now));
        for (place, size) in lost {
            self.close(place, size, now);
        }
    }

    /// Ends the orders of an instrument at once, as the venue does it. Those that are on their way
    /// come into the market all the same.
    fn end_all(&mut self, instrument: InstrumentId, now: i64) {
        let why = || refusal(RefusalKind::Balance, "the margin of the position is lost");
        let (early, others) =
            std::mem::take(&mut self.early).into_iter().partition(|key: &Key| key.0 == instrument);
        self.early = others;
        let early: Vec<Key> = early;
        early.into_iter().for_each(|key| self.end(key, now, Some(why())));
        for (key, own) in &mut self.orders {
            let is_there = own.is_open() && own.state != OrderState::PendingSubmit;
            if key.0 != instrument || !is_there || own.is_forced() {
                continue;
            }
            // It overtakes what is on its way.
            own.asked.push_front(Asked::Cancel);
            if let Some(book) = self.books.get_mut(&instrument) {
                book.desk(now).cancel_at_once(key.1);
                book.until(now);
            }
        }
    }

    fn close(&mut self, (instrument, side): Place, size: Amount, now: i64) {
        let position_side = Some(side).filter(|side| *side != PositionSide::Net);
        let is_ours = |(key, own): (&Key, &Own)| {
            let is_here = key.0 == instrument && own.wish.position_side == position_side;
            is_here && own.is_forced() && own.is_open()
        };
        if self.orders.iter().any(is_ours) {
            return;
        }
        let wish = Wish { position_side, ..self.forced(instrument, size) };
        let Some(book) =
            self.book(instrument).filter(|book| book.has(words::side(wish.side).opposite()))
        else {
            return;
        };
        let Ok(order) = words::order(book, &wish) else { return };
        let key = (instrument, book.desk(now).place_at_once(order));
        book.until(now);
        let number = self.number();
        let client_id = format!("liquidation-{number}");
        let own = Own {
            state: OrderState::Accepted,
            asked: VecDeque::from([Asked::Enter]),
            ..Own::new(&client_id, number, &wish)
        };
        self.names.insert(client_id.into(), key);
        self.orders.insert(key, own);
        let symbol = self.directory.listed(instrument).map_or("", |listed| &*listed.symbol);
        let text = format!("{symbol}: the margin is lost, {} is closed by force", size.abs());
        self.say(Heard::Notice(text));
    }

    fn forced(&self, instrument: InstrumentId, size: Amount) -> Wish {
        Wish {
            account: self.account,
            strategy: None,
            instrument,
            side: if size > Amount::ZERO { OrderSide::Sell } else { OrderSide::Buy },
            kind: OrderKind::Market,
            tif: None,
            price: None,
            price_protect: None,
            size: size.abs(),
            size_quote: None,
            size_display: None,
            size_min: None,
            trigger: None,
            flags: order_flags::VENUE_MADE,
            position_side: None,
            stp: None,
            ts_expire: None,
            tags: None,
        }
    }
}
