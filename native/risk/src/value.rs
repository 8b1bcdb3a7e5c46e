//! Worth: of points, of positions, of everything that adds them up.

use rustonite_core::Amount;
use rustonite_core::amount::SCALE;
use rustonite_core::ids::{AssetId, InstrumentId};

use crate::exposure::{Cell, Share};
use crate::risk::{Risk, Traded, Worth};
use crate::rules::{Class, MONEY_MAX, Rules, ten_to};

impl Risk {
    /// Values an instrument by its present prices and rates, and all positions in it with it.
    pub(crate) fn revalue(&mut self, instrument: InstrumentId) {
        let Some(traded) = self.instruments.get(instrument.index()) else { return };
        let worth = self.worth_of(traded);
        let (was, venue) = (*traded.worth, traded.venue);
        let (in_venue, settle) = (traded.in_venue, traded.settle);
        for account in 0..self.accounts.len() {
            let state = &self.accounts[account];
            if state.venue != venue {
                continue;
            }
            let cells = self.account_cells[state.cells_from + in_venue];
            let share = change(&cells, &was, &worth);
            self.add_to_account(account, settle, share);
        }
        for strategy in 0..self.strategies.len() {
            let cells = self.strategy_cells[self.strategy_cell(strategy, instrument)];
            let share = change(&cells, &was, &worth);
            self.strategies[strategy].add(&share);
        }
        let traded = &mut self.instruments[instrument.index()];
        *traded.worth = worth;
        traded.market.valued2 = traded.market.value2();
        traded.prepare();
    }

    fn worth_of(&self, traded: &Traded) -> Worth {
        let rate = |asset: AssetId| self.rates.get(asset.index()).copied().flatten();
        let (Some(rules), Some(quote)) = (traded.rules.as_deref(), rate(traded.quote)) else {
            return Worth { is_margined: traded.worth.is_margined, ..Worth::default() };
        };
        let worth = computed(rules, traded.market.value2(), quote, rate(traded.settle));
        Worth { is_margined: traded.worth.is_margined, ..worth.unwrap_or_default() }
    }

    /// Changes cells of an account and a strategy and what adds them up.
    pub(crate) fn change_cells(
        &mut self,
        account: usize,
        strategy: usize,
        instrument: InstrumentId,
        leg: usize,
        change: impl Fn(&mut Cell),
    ) {
        let traded = &mut self.instruments[instrument.index()];
        let (worth, settle) = (*traded.worth, traded.settle);
        change(&mut traded.total);
        traded.total.clamp();
        let at = self.accounts[account].cells_from + traded.in_venue;
        let share = changed(&mut self.account_cells[at][leg], &worth, &change);
        self.add_to_account(account, settle, share);
        let at = self.strategy_cell(strategy, instrument);
        let share = changed(&mut self.strategy_cells[at][leg], &worth, &change);
        self.strategies[strategy].add(&share);
    }

    pub(crate) fn add_to_account(&mut self, account: usize, settle: AssetId, share: Share) {
        let state = &mut self.accounts[account];
        state.seat.add(&share);
        let venue = state.venue;
        if let Some(purse) = self.purses.get_mut(account * self.rates.len() + settle.index()) {
            purse.reserved = purse.reserved.saturating_add(share.margin);
            purse.unmargined += share.unmargined;
        }
        self.venues[venue.index()].seat.add(&share);
        self.all.add(&share);
    }
}

/// Changes a cell; says what that adds to the sums of its scopes.
pub(crate) fn changed(cell: &mut Cell, worth: &Worth, change: impl Fn(&mut Cell)) -> Share {
    let before = Share::of(cell, worth);
    change(cell);
    cell.clamp();
    Share::of(cell, worth).less(before)
}

fn change(cells: &[Cell; 2], from: &Worth, to: &Worth) -> Share {
    let legs = cells.map(|cell| Share::of(&cell, to).less(Share::of(&cell, from)));
    Share {
        gross: legs[0].gross.saturating_add(legs[1].gross),
        high: legs[0].high.saturating_add(legs[1].high),
        low: legs[0].low.saturating_add(legs[1].low),
        margin: legs[0].margin.saturating_add(legs[1].margin),
        unmargined: legs[0].unmargined + legs[1].unmargined,
    }
}

/// `None` while something is missing or too large.
fn computed(rules: &Rules, price2: i64, quote: Amount, settle: Option<Amount>) -> Option<Worth> {
    // A doubled price is brought back at the end, rounded up.
    let price = price2 / 2 + price2 % 2;
    if price <= 0 || quote.0 <= 0 {
        return None;
    }
    let one = Amount(ten_to(SCALE.unsigned_abs()));
    let size = rules.per_size(price, quote)?;
    let product = rules.per_product(quote)?;
    let product_quote = rules.per_product(one)?;
    let margin = match (rules.class, settle) {
        (Class::Spot, _) => 0,
        (_, Some(settle)) if settle.0 > 0 => ratio_up(size, settle.0)?,
        _ => return None,
    };
    let largest = size.max(margin).max(rules.base_per_size());
    let size_cap = i64::try_from(MONEY_MAX / largest).unwrap_or(i64::MAX);
    let product_cap = MONEY_MAX / product.max(product_quote);
    let known = Worth { product, product_quote, size, margin, ..Worth::default() };
    Some(Worth { product_cap, size_cap, ..known })
}

/// `dividend / divisor` in 10^-18, rounded up: nine decimals at a time, so that nothing overflows.
fn ratio_up(dividend: i128, divisor: i128) -> Option<i128> {
    let nine = ten_to(9);
    let (mut quotient, mut rest) = (dividend / divisor, dividend % divisor);
    for _ in 0..2 {
        rest = rest.checked_mul(nine)?;
        quotient = quotient.checked_mul(nine)?.checked_add(rest / divisor)?;
        rest %= divisor;
    }
    quotient.checked_add(i128::from(rest > 0))
}
