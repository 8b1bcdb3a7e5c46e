//! Data of one stock, whose symbol is in the path: the same as of several, but for what is around it.

use serde_json::{Value, json};

use super::data;
use super::refusal::Refusal;
use super::routes::{Answer, Call, Run};

/// The call of several stocks that a path is the short form of, and the name of what it answers.
fn call_of(path: &str) -> Option<(Run, &'static str)> {
    Some(match path {
        "bars" => (data::bars, "bars"),
        "trades" => (data::trades, "trades"),
        "quotes" => (data::quotes, "quotes"),
        "bars/latest" => (data::latest_bars, "bars"),
        "trades/latest" => (data::latest_trades, "trades"),
        "quotes/latest" => (data::latest_quotes, "quotes"),
        "snapshot" => (data::stock_snapshots, ""),
        _ => return None,
    })
}

pub(crate) fn stock(call: &mut Call<'_>) -> Answer {
    let unknown = || Refusal::plain(404, "endpoint not found.");
    let (symbol, rest) = call.name.split_once('/').ok_or_else(unknown)?;
    let (run, key) = call_of(rest).ok_or_else(unknown)?;
    call.query.set("symbols", symbol);
    let mut found = run(call)?;
    if key.is_empty() {
        let mut row = found[symbol].take();
        row["symbol"] = json!(symbol);
        return Ok(row);
    }
    let of_one = found[key][symbol].take();
    if rest.ends_with("/latest") {
        return Ok(json!({"symbol": symbol, key.trim_end_matches('s'): of_one}));
    }
    let next = found["next_page_token"].take();
    let rows = if of_one.is_null() { Value::Array(Vec::new()) } else { of_one };
    Ok(json!({"symbol": symbol, key: rows, "next_page_token": next}))
}
