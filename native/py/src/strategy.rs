//! Strategies written in Python, and what they can do.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustonite_core::datasets::{
    ContractKind, OFFSET_UNIT, ORDER_FLAGS, ORDER_KIND, ORDER_SIDE, OffsetUnit, OrderKind,
    OrderSide, POSITION_SIDE, PositionSide, STP, Stp, TIF, TRIGGER_SOURCE, Tif, TriggerDirection,
    TriggerSource,
};
use rustonite_core::hint::hint;
use rustonite_core::ids::InstrumentId;
use rustonite_core::schema::Vocabulary;
use rustonite_core::{Amount, Decimal, ErrorKind};
use rustonite_exec::{OrderId, Trail, Trigger, Wish};
use rustonite_tape::Batch as TapeBatch;
use rustonite_trade::{
    Bars, Broker, Changes, Denied, Failed, FillNews, GapNews, Group, OrderNews, OrderView, Quotes,
    StateNews, Strategy, Told, Trades, on_lot, on_tick,
};

use crate::batch::{Batch, Gap, Shared};
use crate::book::Book;
use crate::error::{invalid, raise};

/// What a strategy can do.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeBroker {
    broker: Arc<dyn Broker + Send + Sync>,
}

/// An order as Python words it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Asked {
    venue: Option<String>,
    symbol: String,
    side: String,
    kind: String,
    tif: Option<String>,
    size: Option<String>,
    size_quote: Option<String>,
    size_min: Option<String>,
    price: Option<String>,
    price_protect: Option<String>,
    trigger: Option<String>,
    trigger_by: String,
    trail: Option<String>,
    trail_unit: String,
    limit_offset: Option<String>,
    activation: Option<String>,
    expires: Option<i64>,
    size_display: Option<String>,
    position_side: Option<String>,
    stp: Option<String>,
    /// Words of the column `order_flags` of `orders`.
    flags: Vec<String>,
    tags: Option<String>,
}

/// What of an order is to be different, as Python words it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Changed {
    price: Option<String>,
    size: Option<String>,
    trigger: Option<String>,
    trail: Option<String>,
}

/// Numbers of a group that was placed: the entry's, and of each set the parent's and its orders'.
type Numbers = (Option<i64>, Vec<(i64, Vec<i64>)>);

fn amount(name: &str, text: &str) -> PyResult<Amount> {
    let value = Decimal::parse(text.as_bytes()).and_then(Amount::from_decimal);
    value.map_err(|error| invalid(format!("{name}: {error}")))
}

fn optional(name: &str, text: Option<&String>) -> PyResult<Option<Amount>> {
    text.map(|text| amount(name, text)).transpose()
}

fn word<T>(
    name: &str,
    text: &str,
    words: &Vocabulary,
    parse: impl Fn(&str) -> Option<T>,
) -> PyResult<T> {
    let meant = || hint(text, words.values.iter().map(|(word, _)| *word));
    parse(text).ok_or_else(|| invalid(format!("{name}: found {text:?}; {}", meant())))
}

fn optional_word<T>(
    name: &str,
    text: Option<&String>,
    words: &Vocabulary,
    parse: impl Fn(&str) -> Option<T>,
) -> PyResult<Option<T>> {
    text.map(|text| word(name, text, words, parse)).transpose()
}

/// A denial as an exception, with its figures.
fn denied(py: Python<'_>, denied: &Denied) -> PyErr {
    let error = raise(ErrorKind::RiskRejected, denied.to_string());
    let tell = || {
        let (value, decimal) = (error.value(py), py.import("decimal")?.getattr("Decimal")?);
        if let Some(figures) = denied.figures {
            for (name, amount) in [("limit", figures.limit), ("value", figures.value)] {
                value.setattr(name, decimal.call1((amount.to_string(),))?)?;
            }
        }
        value.setattr("market_seq", denied.market_seq)
    };
    tell().err().unwrap_or(error)
}

/// Which way a trigger of a kind waits.
fn direction(kind: OrderKind, side: OrderSide) -> TriggerDirection {
    let is_stop = !matches!(kind, OrderKind::MarketIfTouched | OrderKind::LimitIfTouched);
    if (side == OrderSide::Buy) == is_stop { TriggerDirection::Up } else { TriggerDirection::Down }
}

fn flags(words: &[String]) -> PyResult<i32> {
    let place = |text: &str| ORDER_FLAGS.bits.iter().position(|(name, _)| *name == text);
    let bit = |text: &str| place(text).map(|place| 1_i32 << place);
    let odd = |text: &str| invalid(format!("flags: found {text:?}, expected a bit of `orders`"));
    words.iter().try_fold(0, |all, text| Ok(all | bit(text).ok_or_else(|| odd(text))?))
}

/// What starts an order, if it waits for a price.
fn trigger(asked: &Asked, kind: OrderKind, side: OrderSide) -> PyResult<Option<Trigger>> {
    let price = optional("trigger", asked.trigger.as_ref())?;
    let offset = optional("trail", asked.trail.as_ref())?;
    if price.is_none() && offset.is_none() {
        return Ok(None);
    }
    let unit = word("trail_unit", &asked.trail_unit, &OFFSET_UNIT, OffsetUnit::parse)?;
    let activation = optional("activation", asked.activation.as_ref())?;
    Ok(Some(Trigger {
        price: price.unwrap_or(Amount::ZERO),
        source: word("trigger_by", &asked.trigger_by, &TRIGGER_SOURCE, TriggerSource::parse)?,
        direction: direction(kind, side),
        trail: offset.map(|offset| Trail { offset, unit, activation }),
    }))
}

impl NativeBroker {
    fn find(&self, venue: Option<&str>, symbol: &str) -> PyResult<InstrumentId> {
        let why = || self.broker.directory().not_found(venue, symbol);
        self.broker.find(venue, symbol).ok_or_else(|| raise(ErrorKind::NotFound, why()))
    }

    fn wish(&self, asked: &Asked) -> PyResult<Wish> {
        let instrument = self.find(asked.venue.as_deref(), &asked.symbol)?;
        let account = self.broker.account(instrument).ok_or_else(|| {
            raise(ErrorKind::NotFound, format!("no account trades {}", asked.symbol))
        })?;
        let side = word("side", &asked.side, &ORDER_SIDE, OrderSide::parse)?;
        let kind = word("kind", &asked.kind, &ORDER_KIND, OrderKind::parse)?;
        let mut wish = Wish {
            account,
            strategy: None,
            instrument,
            side,
            kind,
            tif: optional_word("tif", asked.tif.as_ref(), &TIF, Tif::parse)?,
            price: optional("price", asked.price.as_ref())?,
            price_protect: optional("price_protect", asked.price_protect.as_ref())?,
            size: optional("size", asked.size.as_ref())?.unwrap_or(Amount::ZERO),
            size_quote: optional("size_quote", asked.size_quote.as_ref())?,
            size_display: optional("size_display", asked.size_display.as_ref())?,
            size_min: optional("size_min", asked.size_min.as_ref())?,
            trigger: trigger(asked, kind, side)?,
            flags: flags(&asked.flags)?,
            position_side: optional_word(
                "position_side",
                asked.position_side.as_ref(),
                &POSITION_SIDE,
                PositionSide::parse,
            )?,
            stp: optional_word("stp", asked.stp.as_ref(), &STP, Stp::parse)?,
            ts_expire: asked.expires,
            tags: asked.tags.as_deref().map(Box::from),
        };
        if let Some(offset) = optional("limit_offset", asked.limit_offset.as_ref())? {
            wish.set_limit_behind(offset);
        }
        Ok(wish)
    }

    /// What `Instrument` of `rustonite_exec` is made of.
    fn rules<'py>(&self, py: Python<'py>, id: InstrumentId) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let Some(one) = self.broker.instrument(id) else { return Ok(dict) };
        let texts = [
            ("venue", &*one.venue),
            ("symbol", &*one.symbol),
            ("kind", one.kind.name()),
            ("base", &*one.base),
            ("quote", &*one.quote),
            ("settle", &*one.settle),
            ("status", self.broker.status(id).unwrap_or(one.status).name()),
        ];
        let amounts = [
            ("tick", Some(one.tick)),
            ("lot", Some(one.lot)),
            ("multiplier", Some(one.multiplier)),
            ("price_min", one.price.0),
            ("price_max", one.price.1),
            ("size_min", one.size.0),
            ("size_max", one.size.1),
            ("market_size_max", one.market_size_max),
            ("notional_min", one.notional.0),
            ("notional_max", one.notional.1),
        ];
        texts.iter().try_for_each(|(name, text)| dict.set_item(name, text))?;
        dict.set_item("contract", one.contract.map(ContractKind::name))?;
        let decimal = py.import("decimal")?.getattr("Decimal")?;
        for (name, amount) in amounts {
            let exact = amount.map(|one| decimal.call1((one.to_string(),))).transpose()?;
            dict.set_item(name, exact)?;
        }
        Ok(dict)
    }

    fn view<'py>(&self, py: Python<'py>, order: &OrderView) -> PyResult<Bound<'py, PyDict>> {
        view(py, &*self.broker, order)
    }
}

fn view<'py>(
    py: Python<'py>,
    broker: &dyn Broker,
    order: &OrderView,
) -> PyResult<Bound<'py, PyDict>> {
    let listed = broker.instrument(order.instrument);
    let dict = PyDict::new(py);
    dict.set_item("id", order.order.0)?;
    dict.set_item("state", order.state.name())?;
    dict.set_item("venue", listed.map(|one| &*one.venue))?;
    dict.set_item("symbol", listed.map(|one| &*one.symbol))?;
    dict.set_item("side", order.side.name())?;
    dict.set_item("position_side", order.position_side.map(PositionSide::name))?;
    dict.set_item("kind", order.kind.name())?;
    dict.set_item("price", order.price.map(|price| price.to_string()))?;
    dict.set_item("trigger", order.trigger.map(|price| price.to_string()))?;
    dict.set_item("tags", order.tags.as_deref())?;
    dict.set_item("size", order.size.to_string())?;
    dict.set_item("size_filled", order.size_filled.to_string())?;
    dict.set_item("is_pending", order.is_pending)?;
    dict.set_item("parent", order.parent.map(|parent| parent.0))?;
    Ok(dict)
}

#[pymethods]
impl NativeBroker {
    /// The time in nanoseconds since 1970.
    fn now(&self) -> i64 {
        self.broker.now()
    }

    /// Places an order and returns its number.
    fn submit(&self, py: Python<'_>, asked: Asked) -> PyResult<i64> {
        let wish = self.wish(&asked)?;
        let placed = py.detach(|| self.broker.submit(wish));
        placed.map(|order| order.0).map_err(|error| denied(py, &error))
    }

    /// Places orders that depend on each other; returns the entry's number, and of each set the
    /// parent's and those of its orders.
    fn submit_group(
        &self,
        py: Python<'_>,
        entry: Option<Asked>,
        exits: Vec<Vec<Asked>>,
        when_full: bool,
    ) -> PyResult<Numbers> {
        let entry = entry.map(|asked| self.wish(&asked)).transpose()?;
        let set = |asked: &Vec<Asked>| asked.iter().map(|one| self.wish(one)).collect();
        let exits = exits.iter().map(set).collect::<PyResult<_>>()?;
        let group = Group { entry, when_full, exits };
        let placed = py.detach(|| self.broker.submit_group(group));
        let placed = placed.map_err(|error| denied(py, &error))?;
        let numbers = |orders: Vec<OrderId>| orders.into_iter().map(|order| order.0).collect();
        let sets = placed.exits.into_iter().map(|(parent, orders)| (parent.0, numbers(orders)));
        Ok((placed.entry.map(|order| order.0), sets.collect()))
    }

    /// Places several orders; returns of each its number, or the error of a denial.
    fn submit_many<'py>(
        &self,
        py: Python<'py>,
        asked: Vec<Asked>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let wishes = asked.iter().map(|one| self.wish(one)).collect::<PyResult<_>>()?;
        let placed = py.detach(|| self.broker.submit_many(wishes));
        let outcome = |one: Result<OrderId, Denied>| match one {
            Ok(order) => order.0.into_bound_py_any(py),
            Err(error) => denied(py, &error).into_bound_py_any(py),
        };
        placed.into_iter().map(outcome).collect()
    }

    /// The limits that an order would meet now; nothing is placed.
    fn would_fail(&self, py: Python<'_>, asked: Asked) -> PyResult<Vec<PyErr>> {
        let wish = self.wish(&asked)?;
        let failed = py.detach(|| self.broker.would_fail(wish));
        Ok(failed.iter().map(|error| denied(py, error)).collect())
    }

    /// Changes an order; what is not given stays.
    fn replace(&self, py: Python<'_>, order: i64, changed: Changed) -> PyResult<()> {
        let changes = Changes {
            price: optional("price", changed.price.as_ref())?,
            size: optional("size", changed.size.as_ref())?,
            trigger: optional("trigger", changed.trigger.as_ref())?,
            trail: optional("trail", changed.trail.as_ref())?,
        };
        let done = py.detach(|| self.broker.change(OrderId(order), changes));
        done.map_err(|error| denied(py, &error))
    }

    /// Cancels an order.
    fn cancel(&self, py: Python<'_>, order: i64) -> PyResult<()> {
        py.detach(|| self.broker.cancel(OrderId(order))).map_err(|error| denied(py, &error))
    }

    /// Cancels all open orders of an instrument, or all.
    fn cancel_all(
        &self,
        py: Python<'_>,
        venue: Option<&str>,
        symbol: Option<&str>,
    ) -> PyResult<()> {
        let instrument = symbol.map(|symbol| self.find(venue, symbol)).transpose()?;
        py.detach(|| self.broker.cancel_all(instrument));
        Ok(())
    }

    /// An order by its number.
    fn order<'py>(&self, py: Python<'py>, order: i64) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.broker.order(OrderId(order)).map(|order| self.view(py, &order)).transpose()
    }

    /// Orders of an instrument that are open.
    fn open_orders<'py>(
        &self,
        py: Python<'py>,
        venue: Option<&str>,
        symbol: &str,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let instrument = self.find(venue, symbol)?;
        self.broker.open_orders(instrument).iter().map(|order| self.view(py, order)).collect()
    }

    /// Our position in an instrument, or one side of it.
    fn position(
        &self,
        venue: Option<&str>,
        symbol: &str,
        side: Option<String>,
    ) -> PyResult<String> {
        let side =
            optional_word("position_side", side.as_ref(), &POSITION_SIDE, PositionSide::parse)?;
        Ok(self.broker.position(self.find(venue, symbol)?, side).to_string())
    }

    /// Positions that are not flat: venue, symbol, side and size.
    fn positions(&self) -> Vec<(String, String, &'static str, String)> {
        let told = self.broker.positions().into_iter().filter_map(|(id, side, size)| {
            let one = self.broker.instrument(id)?;
            Some((one.venue.to_string(), one.symbol.to_string(), side.name(), size.to_string()))
        });
        told.collect()
    }

    /// What is owned: the asset, all of it, and what of that can be used.
    fn balances(&self) -> Vec<(String, String, String)> {
        let name = |asset| self.broker.directory().asset_name(asset).to_owned();
        let told = self.broker.balances().into_iter();
        told.map(|(asset, all, free)| (name(asset), all.to_string(), free.to_string())).collect()
    }

    /// What can be used of an asset.
    fn available(&self, asset: &str) -> Option<String> {
        self.broker.available(asset).map(|amount| amount.to_string())
    }

    /// The nearest price on the tick that is no worse for us.
    fn on_tick(
        &self,
        venue: Option<&str>,
        symbol: &str,
        side: &str,
        price: f64,
    ) -> PyResult<Option<String>> {
        let side = word("side", side, &ORDER_SIDE, OrderSide::parse)?;
        let listed = self.broker.instrument(self.find(venue, symbol)?);
        let price = listed.and_then(|listed| on_tick(listed, side, price));
        Ok(price.map(|price| price.to_string()))
    }

    /// The largest size on the lot that is not above another.
    fn on_lot(&self, venue: Option<&str>, symbol: &str, size: f64) -> PyResult<Option<String>> {
        let listed = self.broker.instrument(self.find(venue, symbol)?);
        Ok(listed.and_then(|listed| on_lot(listed, size)).map(|size| size.to_string()))
    }

    /// The rules of an instrument.
    fn instrument<'py>(
        &self,
        py: Python<'py>,
        venue: Option<&str>,
        symbol: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.rules(py, self.find(venue, symbol)?)
    }

    /// The rules of all instruments that are traded.
    fn instruments<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let all = self.broker.directory().instruments();
        all.map(|(id, _)| self.rules(py, id)).collect()
    }

    /// Has `on_timer` called once after so many nanoseconds.
    fn wake_after(&self, nanoseconds: i64) {
        self.broker.wake_after(nanoseconds);
    }
}

/// A strategy in Python. Its methods are called one after another from the trader's thread.
pub(crate) struct PyStrategy {
    strategy: Py<PyAny>,
    broker: Arc<dyn Broker + Send + Sync>,
    /// What batches of a dataset share, by its schema's name.
    shared: Vec<(String, Arc<Shared>)>,
    /// Its books, if it wants to hear of them.
    books: Option<BTreeMap<InstrumentId, Py<Book>>>,
    /// The exception that ended it.
    raised: Option<PyErr>,
}

impl PyStrategy {
    /// With the broker that its attribute `broker` is to wrap.
    pub(crate) fn new(strategy: Py<PyAny>, broker: Arc<dyn Broker + Send + Sync>) -> Self {
        Self { strategy, broker, shared: Vec::new(), books: None, raised: None }
    }

    /// The exception that ended it, once.
    pub(crate) fn take_raised(&mut self) -> Option<PyErr> {
        self.raised.take()
    }

    fn call(&mut self, work: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<()>) -> Told {
        Python::attach(|py| match work(py, self.strategy.bind(py)) {
            Ok(()) => Ok(()),
            // Ctrl-C came during the call and is nothing of the strategy's: the next beat sees it.
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
                let again = py.import("_thread").and_then(|one| one.call_method0("interrupt_main"));
                again.map(drop).map_err(|error| Failed(error.to_string()))
            }
            Err(error) => {
                let shown = error.to_string();
                self.raised = Some(error);
                Err(Failed(shown))
            }
        })
    }

    fn batch(&mut self, rows: &TapeBatch) -> Batch {
        let name = rows.schema().dataset();
        let known = self.shared.iter().find(|(dataset, _)| dataset == name);
        let known = known.map(|(_, shared)| Arc::clone(shared));
        let shared = known.unwrap_or_else(|| {
            let shared = Shared::new(rows.schema());
            self.shared.push((name.to_owned(), Arc::clone(&shared)));
            shared
        });
        Batch { batch: rows.clone(), shared }
    }
}

impl Strategy for PyStrategy {
    fn on_start(&mut self, _broker: &dyn Broker) -> Told {
        let broker = NativeBroker { broker: Arc::clone(&self.broker) };
        let mut hears_books = false;
        let told = self.call(|py, strategy| {
            let module = py.import("rustonite_exec.strategy")?;
            let usual = module.getattr("Strategy")?.getattr("on_book")?;
            hears_books = !strategy.get_type().getattr("on_book")?.is(&usual);
            strategy.setattr("broker", module.getattr("Broker")?.call1((broker,))?)?;
            strategy.call_method0("on_start").map(drop)
        });
        self.books = hears_books.then(BTreeMap::new);
        told
    }

    fn on_quotes(&mut self, _broker: &dyn Broker, rows: &Quotes<'_>) -> Told {
        let batch = self.batch(rows.batch);
        self.call(|_, strategy| strategy.call_method1("on_quotes", (batch,)).map(drop))
    }

    fn on_trades(&mut self, _broker: &dyn Broker, rows: &Trades<'_>) -> Told {
        let batch = self.batch(rows.batch);
        self.call(|_, strategy| strategy.call_method1("on_trades", (batch,)).map(drop))
    }

    fn on_bars(&mut self, _broker: &dyn Broker, rows: &Bars<'_>) -> Told {
        let batch = self.batch(rows.batch);
        self.call(|_, strategy| strategy.call_method1("on_bars", (batch,)).map(drop))
    }

    fn on_book(&mut self, broker: &dyn Broker, book: &rustonite_trade::Book) -> Told {
        let Some(mut books) = self.books.take() else { return Ok(()) };
        let id = book.instrument();
        let told = self.call(|py, strategy| {
            let known = match books.get(&id) {
                Some(known) => known.clone_ref(py),
                None => Py::new(py, Book::new(book.clone(), broker.instrument(id)))?,
            };
            let known = books.entry(id).or_insert(known);
            strategy.call_method1("on_book", (&*known,)).map(drop)
        });
        self.books = Some(books);
        told
    }

    fn on_rows(&mut self, _broker: &dyn Broker, dataset: &str, rows: &TapeBatch) -> Told {
        let batch = self.batch(rows);
        self.call(|_, strategy| strategy.call_method1("on_rows", (dataset, batch)).map(drop))
    }

    fn on_gap(&mut self, broker: &dyn Broker, gap: &GapNews<'_>) -> Told {
        self.call(|py, strategy| {
            let listed = gap.instrument.and_then(|one| broker.instrument(one));
            let symbol = listed.map(|one| &*one.symbol);
            let told = (gap.venue, gap.dataset, symbol, gap.rows.map(Gap::from));
            let wrap = py.import("rustonite_exec.strategy")?.getattr("GapNews")?;
            strategy.call_method1("on_gap", (wrap.call1(told)?,)).map(drop)
        })
    }

    fn on_state(&mut self, _broker: &dyn Broker, news: &StateNews) -> Told {
        self.call(|py, strategy| {
            let decimal = py.import("decimal")?.getattr("Decimal")?;
            let exact = |amount: Amount| decimal.call1((amount.to_string(),));
            let told = (
                news.scope.name(),
                &news.name,
                news.state.name(),
                news.is_lifted,
                news.code,
                news.figures.map(|one| exact(one.limit)).transpose()?,
                news.figures.map(|one| exact(one.value)).transpose()?,
            );
            let wrap = py.import("rustonite_exec.strategy")?.getattr("StateNews")?;
            strategy.call_method1("on_state", (wrap.call1(told)?,)).map(drop)
        })
    }

    fn on_timer(&mut self, _broker: &dyn Broker) -> Told {
        self.call(|_, strategy| strategy.call_method0("on_timer").map(drop))
    }

    fn on_order(&mut self, broker: &dyn Broker, news: &OrderNews) -> Told {
        self.call(|py, strategy| {
            let order = view(py, broker, &news.order)?;
            let told = (news.event.name(), order, news.reason.as_deref());
            let wrap = py.import("rustonite_exec.strategy")?.getattr("order_news")?;
            strategy.call_method1("on_order", (wrap.call1(told)?,)).map(drop)
        })
    }

    fn on_fill(&mut self, broker: &dyn Broker, news: &FillNews) -> Told {
        self.call(|py, strategy| {
            let told = PyDict::new(py);
            told.set_item("order", view(py, broker, &news.order)?)?;
            told.set_item("kind", news.kind.name())?;
            told.set_item("fill_id", &*news.fill_id)?;
            told.set_item("fill_id_prev", news.fill_id_prev.as_deref())?;
            told.set_item("price", news.price.to_string())?;
            told.set_item("size", news.size.to_string())?;
            told.set_item("fee", news.fee.map(|(fee, _)| fee.to_string()))?;
            let asset = news.fee.map(|(_, asset)| broker.directory().asset_name(asset));
            told.set_item("fee_asset", asset)?;
            told.set_item("liquidity", news.liquidity.name())?;
            told.set_item("position", news.position.to_string())?;
            let wrap = py.import("rustonite_exec.strategy")?.getattr("fill_news")?;
            strategy.call_method1("on_fill", (wrap.call1((told,))?,)).map(drop)
        })
    }

    fn on_stop(&mut self, _broker: &dyn Broker) -> Told {
        self.call(|_, strategy| strategy.call_method0("on_stop").map(drop))
    }
}
