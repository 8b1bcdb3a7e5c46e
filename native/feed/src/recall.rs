//! What the run before recorded, so that a restart neither doubles trades that a venue repeats nor
//! hides those that came while nobody recorded.

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use rustonite_tape::{Batch, Polled, TapeError};

use crate::recording::Recording;

impl Recording {
    /// Notes the trades that are still on the tape.
    pub(crate) fn recall_trades(&mut self) -> Result<(), TapeError> {
        let Some(mut reader) = self.tapes.trades_before()? else { return Ok(()) };
        let mut oldest = vec![None; self.instruments.len()];
        loop {
            match reader.poll(usize::MAX)? {
                Polled::Rows(batch) => self.recall(&batch, &mut oldest),
                Polled::Gap(_) => {}
                Polled::Empty => break,
            }
        }
        for (instrument, oldest) in self.instruments.iter_mut().zip(oldest) {
            oldest.into_iter().for_each(|oldest| instrument.trades.recalled(oldest));
        }
        Ok(())
    }

    fn recall(&mut self, batch: &Batch, oldest: &mut Vec<Option<i64>>) {
        let column = |name: &str| batch.schema().index_of(name);
        let (Some(symbol), Some(id), Some(uid), Some(ts_recv)) =
            (column("symbol"), column("trade_id"), column("trade_uid"), column("ts_recv"))
        else {
            return;
        };
        let (Some(symbols), Some(numbers), Some(times)) =
            (batch.values::<i32>(symbol), batch.values::<i64>(id), batch.values::<i64>(ts_recv))
        else {
            return;
        };
        let numbered = batch.validity(id);
        let texts = batch.array(uid);
        let texts = texts.as_string::<i32>();
        for row in 0..batch.len() {
            let Some(symbol) = batch.text(symbol, symbols[row].into()) else { continue };
            let place = self.instrument(symbol);
            oldest.resize(self.instruments.len(), None);
            let instrument = &mut self.instruments[place];
            instrument.trades_until = times[row];
            if numbered.as_ref().is_none_or(|set| set.is_valid(row)) {
                instrument.trades.number(numbers[row]);
                let first = oldest[place].get_or_insert(numbers[row]);
                *first = numbers[row].min(*first);
            } else if texts.is_valid(row) {
                instrument.trades.text(texts.value(row));
            }
        }
    }
}
