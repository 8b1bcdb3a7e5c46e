//! Rows of the past, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustonite_sim::InstrumentId;
use serde_json::{Map, Value, json};

use super::data::named;
use super::refusal::Refusal;
use super::routes::{Answer, Call};
use super::rows::Row;

const ROWS_USUAL: usize = 1_000;
const ROWS_MAX: usize = 10_000;

/// Rows of one instrument with their times, oldest first.
type Rows = Vec<(i64, Row)>;

/// Where a page has ended, so that the next one begins there although rows come and are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    symbol: String,
    at: i64,
    /// Rows of that moment that were given.
    given: usize,
}

impl Mark {
    fn read(token: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let mut parts = text.split('|');
        let (symbol, at, given) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { symbol: symbol.to_owned(), at: at.parse().ok()?, given: given.parse().ok()? })
    }

    fn token(&self) -> String {
        STANDARD.encode(format!("{}|{}|{}", self.symbol, self.at, self.given))
    }

    /// The mark once another row was given.
    fn after(last: Option<Self>, symbol: &str, at: i64) -> Self {
        let given = match last {
            Some(last) if last.symbol == symbol && last.at == at => last.given + 1,
            _ => 1,
        };
        Self { symbol: symbol.to_owned(), at, given }
    }

    /// Drops what comes before it from the rows of its symbol.
    fn cut(&self, rows: &mut Rows, descending: bool) {
        let is_before = |at: i64| if descending { at > self.at } else { at < self.at };
        let mut left = self.given;
        rows.retain(|(at, _)| {
            let is_given = *at == self.at && left > 0;
            left -= usize::from(is_given);
            !is_before(*at) && !is_given
        });
    }
}

/// What a call wants of all that there is.
struct Wish {
    since: i64,
    until: i64,
    limit: usize,
    descending: bool,
    mark: Option<Mark>,
}

impl Wish {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let query = &call.query;
        let refused = |text: &str| Refusal::plain(400, text);
        let since = query.time("start")?.unwrap_or(i64::MIN);
        let until = query.time("end")?.unwrap_or(i64::MAX);
        if since > until {
            return Err(refused("end should not be before start"));
        }
        let limit = query.count("limit", ROWS_USUAL, ROWS_MAX);
        let mark = query
            .word("page_token")
            .map(|token| Mark::read(token).ok_or_else(|| refused("invalid page_token")));
        Ok(Self {
            since,
            until,
            limit: limit.map_err(|_| refused("invalid limit"))?,
            descending: query.word("sort") == Some("desc"),
            mark: mark.transpose()?,
        })
    }

    /// Of the rows of a symbol those that are wanted, in order.
    fn of(&self, symbol: &str, mut rows: Rows) -> Rows {
        rows.retain(|(at, _)| (self.since..=self.until).contains(at));
        if self.descending {
            rows.reverse();
        }
        if let Some(mark) = self.mark.as_ref().filter(|mark| mark.symbol == symbol) {
            mark.cut(&mut rows, self.descending);
        }
        rows
    }
}

/// Rows of all named instruments, one instrument after the other.
pub(crate) fn pages(
    call: &mut Call<'_>,
    key: &str,
    rows: impl Fn(&mut Call<'_>, InstrumentId) -> Rows,
) -> Answer {
    let mut named = named(call)?;
    let wish = Wish::read(call)?;
    if let Some(mark) = &wish.mark {
        let place = named.iter().position(|(symbol, _)| *symbol == mark.symbol);
        named.drain(..place.unwrap_or(0));
    }
    let (mut found, mut last, mut left) = (Map::new(), wish.mark.clone(), wish.limit);
    let mut is_more = false;
    for (symbol, id) in named {
        let rows = rows(call, id);
        let rows = wish.of(&symbol, rows);
        is_more |= rows.len() > left;
        let taken: Vec<_> = rows.into_iter().take(left).collect();
        left -= taken.len();
        for (at, _) in &taken {
            last = Some(Mark::after(last, &symbol, *at));
        }
        if !taken.is_empty() {
            found.insert(symbol, taken.iter().map(|(_, row)| row.json()).collect::<Value>());
        }
    }
    let next = last.filter(|_| is_more).map(|mark| mark.token());
    Ok(json!({key: found, "next_page_token": next}))
}

#[cfg(test)]
mod tests {
    use super::Mark;

    #[test]
    fn a_token_is_read_again() {
        let mark = Mark::after(None, "BTC/USD", 7);
        let mark = Mark::after(Some(mark), "BTC/USD", 7);
        assert_eq!(mark.given, 2);
        assert_eq!(Mark::read(&mark.token()), Some(mark));
        assert_eq!(Mark::read("no token"), None);
    }
}
