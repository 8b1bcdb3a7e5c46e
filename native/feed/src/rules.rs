//! Rules of instruments, asked of the venue now: what trading needs before the first order.

use std::collections::{BTreeMap, VecDeque};

use rustonite_core::Amount;
use rustonite_core::datasets::draft;
use rustonite_core::instrument::Instrument;
use rustonite_wire::{Control, Feed, Frame, Keys, Request, Sink};
use url::Url;

use crate::catalog::Venue;
use crate::dial::Dialler;
use crate::error::{FeedError, Result};
use crate::rest::Client;

/// The smallest part of a share, in 10^-18: nine decimals.
const SHARE_PART: i128 = 1_000_000_000;
/// Parts that an answer may have.
const PARTS_MAX: usize = 1_000;

/// Asks a venue for the rules of all its instruments, by symbol. `rest` is another root than that of
/// the catalog; some venues tell only those who have a key and its
/// secret.
///
/// # Errors
/// An unknown venue; no answer, or one that cannot be read. Nothing is left out in silence.
pub fn instruments(
    venue: &str,
    rest: Option<&str>,
    dialler: Dialler,
    keys: Option<(&str, &str)>,
) -> Result<BTreeMap<String, Instrument>> {
    let known = Venue::find(venue)?;
    let mut limits =
        known.rest.ok_or_else(|| FeedError::config(venue, "it has no REST interface"))?;
    if rest.is_some() {
        // Nothing is asked of the venue's own hosts then.
        limits.urls.clear();
    }
    let root = rest.unwrap_or(&limits.url).parse::<Url>();
    let root =
        root.map_err(|error| FeedError::config(format!("rest of {venue}"), error.to_string()))?;
    let place = root[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    let client = Client::new(dialler, root, limits);
    let system = |source| FeedError::System {
        doing: format!("asking {venue} for its instruments at {place}"),
        source,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    let keys = keys.map(|(key, secret)| Keys { key: key.to_owned(), secret: secret.to_owned() });
    let mut found = Found { venue: venue.into(), ..Found::default() };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, ask(venue, &client, keys.as_ref(), &mut found)).map_err(system)?;
    Ok(found.instruments)
}

async fn ask(
    venue: &str,
    client: &Client,
    keys: Option<&Keys>,
    found: &mut Found,
) -> std::io::Result<()> {
    let mut codec = rustonite_wire::open(venue).ok_or_else(|| std::io::Error::other("no codec"))?;
    found.more.extend(codec.requests(&Feed::Instruments));
    for _ in 0..PARTS_MAX {
        let Some(mut request) = found.more.pop_front() else { return Ok(()) };
        if let Some(keys) = keys {
            request.headers.extend(codec.key_headers(keys));
        }
        let answer = client.call(&Feed::Instruments, &request).await?;
        if answer.status != 200 {
            return Err(std::io::Error::other(format!(
                "{} was answered with {}",
                request.path, answer.status
            )));
        }
        let frame = Frame { ts_recv: answer.ts_recv, data: &answer.body };
        codec.decode_answer(&Feed::Instruments, frame, found).map_err(std::io::Error::other)?;
    }
    Err(std::io::Error::other(format!("more than {PARTS_MAX} parts")))
}

/// Takes definitions.
#[derive(Default)]
struct Found {
    venue: Box<str>,
    instruments: BTreeMap<String, Instrument>,
    more: VecDeque<Request>,
}

impl Sink for Found {
    fn instrument(&mut self, row: &draft::Instruments<'_>) {
        // Shares that can be divided have no lot of their own.
        let part = (row.fractionable == Some(1)).then_some(SHARE_PART);
        // What has no steps cannot be traded.
        let (Some(tick), Some(lot)) = (row.tick_size, row.lot_size.or(part)) else { return };
        let amount = |value: Option<i128>| value.map(Amount);
        let text = |value: Option<&str>| Box::from(value.unwrap_or_default());
        let quote = text(row.quote);
        let instrument = Instrument {
            venue: self.venue.clone(),
            symbol: row.symbol.into(),
            kind: row.kind,
            contract: row.contract,
            base: text(row.base),
            settle: row.settle.map_or_else(|| quote.clone(), Box::from),
            quote,
            tick: Amount(tick),
            lot: Amount(lot),
            multiplier: Amount(row.multiplier),
            price: (amount(row.price_min), amount(row.price_max)),
            size: (amount(row.size_min), amount(row.size_max)),
            market_size_max: amount(row.market_size_max),
            notional: (amount(row.notional_min), amount(row.notional_max)),
            status: row.status,
        };
        self.instruments.insert(row.symbol.to_owned(), instrument);
    }

    fn control(&mut self, control: &Control<'_>) {
        if let Control::More(request) = *control {
            self.more.push_back(request.clone());
        }
    }
}
