//! What the run before recorded, so that a restart neither doubles trades that a venue repeats nor
//! hides those that came while nobody recorded.

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use rustonite_tape::{Batch, Polled, TapeError};

use crate::catalog::Venue;
use crate::recording::Recording;
use crate::trade_ids::TradeKey;

/// The oldest id of each instrument that counts its trades.
type Oldest = Vec<Option<i64>>;

impl Recording {
    /// Notes the trades that are still on the tape.
    pub(crate) fn recall_trades(&mut self, venue: &Venue) -> Result<(), TapeError> {
        let Some(mut reader) = self.tapes.trades_before()? else { return Ok(()) };
        let counts = |channel: &crate::catalog::Channel| {
            channel.dataset == "trades" && channel.integrity == "counter"
        };
        let venue_counts = venue.channels.iter().any(counts);
        let mut oldest = Oldest::new();
        loop {
            match reader.poll(usize::MAX)? {
                Polled::Rows(batch) => drop(self.recall(&batch, venue_counts, &mut oldest)),
                Polled::Gap(_) => {}
                Polled::Empty => break,
            }
        }
        for (instrument, oldest) in self.instruments.iter_mut().zip(oldest) {
            oldest.into_iter().for_each(|oldest| instrument.trades.recalled(oldest));
        }
        Ok(())
    }

    /// `None` if the tape has other columns than ours.
    fn recall(&mut self, batch: &Batch, venue_counts: bool, oldest: &mut Oldest) -> Option<()> {
        let column = |name: &str| batch.schema().index_of(name);
        let symbol = column("symbol")?;
        let symbols = batch.values::<i32>(symbol)?;
        let (received, times) =
            (batch.values::<i64>(column("ts_recv")?)?, batch.values::<i64>(column("ts_event")?)?);
        let flags = batch.values::<i32>(column("flags")?)?;
        let ids = batch.values::<i64>(column("trade_id")?)?;
        let has_id = batch.validity(column("trade_id")?)?;
        // Only trades that a venue put together have it, and those do not count up by one.
        let has_count = batch.validity(column("count")?)?;
        let uids = batch.array(column("trade_uid")?);
        let uids = uids.as_string::<i32>();
        for row in 0..batch.len() {
            let Some(symbol) = batch.text(symbol, symbols[row].into()) else { continue };
            let place = self.instrument(symbol);
            let instrument = &mut self.instruments[place];
            instrument.trades_until = received[row];
            let id = has_id.is_valid(row).then_some(ids[row]);
            if let Some(id) = id.filter(|_| venue_counts && has_count.is_null(row)) {
                instrument.trades.number(id);
                oldest.resize(self.instruments.len(), None);
                let first = oldest[place].get_or_insert(id);
                *first = id.min(*first);
            } else {
                let uid = uids.is_valid(row).then(|| uids.value(row));
                instrument.trades.key(TradeKey::new(times[row], id, uid, flags[row]));
            }
        }
        Some(())
    }
}
