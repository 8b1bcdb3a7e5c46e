//! Reading orders.

use rustonite_core::Decimal;
use rustonite_sim::{
    AccountId, Amount, Expiry, InstrumentId, NewOrder, PositionSide, Quantity, SelfTrade, Side,
    Trailing, Trigger, TriggerSource,
};

use super::fields::Fields;
use super::orders::{Class, Facts, Kind, Trail};
use super::refusal::Refusal;
use super::words::{self, is_crypto};
use super::{holdings, times};
use crate::floor::{Floor, Listed};

/// Longest name that a client gives an order.
const CLIENT_ID_MAX: usize = 128;
/// Decimals of dollars.
const CENTS: i32 = 2;
/// Prices from here on have no parts of a cent.
const ONE_DOLLAR: i128 = 1;
const PPM_OF_PERCENT: i32 = 4;

/// An order as a client gives it, with the others of its list.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) order: NewOrder,
    pub(crate) facts: Facts,
    pub(crate) client_id: String,
    pub(crate) legs: Vec<(NewOrder, Facts)>,
}

/// What an order is made of before it is one.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) floor: &'a Floor,
    pub(crate) fields: &'a Fields,
    pub(crate) now: i64,
    pub(crate) account: AccountId,
    pub(crate) id: InstrumentId,
    pub(crate) side: Side,
    pub(crate) kind: Kind,
    pub(crate) class: Class,
    pub(crate) time_in_force: &'static str,
    pub(crate) extended_hours: bool,
}

/// An order of a body.
pub(crate) fn draft(
    floor: &Floor,
    account: AccountId,
    fields: &Fields,
    now: i64,
) -> Result<Draft, Refusal> {
    let parts = Parts::read(floor, account, fields, now)?;
    parts.check_hours()?;
    parts.check_fields()?;
    let quantity = parts.quantity()?;
    let client_id = client_id(floor, account, fields)?;
    let trail = parts.trail()?;
    let order = parts.order(parts.kind, parts.limit()?, parts.stop()?, trail, quantity)?;
    let facts = parts.facts(parts.kind, trail);
    let facts = Facts { notional: fields.decimal("notional")?, ..facts };
    let mut draft = Draft { order, facts, client_id, legs: Vec::new() };
    match parts.class {
        Class::Simple => {}
        Class::Oco => parts.make_pair(&mut draft)?,
        Class::Oto | Class::Bracket => parts.add_exits(&mut draft)?,
    }
    check_cost(floor, &draft)?;
    Ok(draft)
}

pub(crate) fn instrument(floor: &Floor, symbol: &str) -> Result<InstrumentId, Refusal> {
    let found = words::instrument(floor, symbol);
    found.ok_or_else(|| Refusal::invalid(format!("asset \"{symbol}\" not found")))
}

pub(crate) fn side(fields: &Fields) -> Result<Option<Side>, Refusal> {
    match fields.text("side")? {
        None => Ok(None),
        Some("buy") => Ok(Some(Side::Buy)),
        Some("sell") => Ok(Some(Side::Sell)),
        Some(_) => Err(Refusal::malformed("side must be buy or sell")),
    }
}

/// How long an order may wait, and what each class of assets knows of it.
pub(crate) fn time_in_force(
    listed: &Listed,
    kind: Kind,
    name: &str,
) -> Result<&'static str, Refusal> {
    let known = ["day", "gtc", "ioc", "fok", "opg", "cls"].into_iter().find(|one| *one == name);
    let name = known.ok_or_else(|| Refusal::malformed("invalid time_in_force"))?;
    let waits = matches!(name, "day" | "gtc");
    match kind {
        _ if is_crypto(listed) && !matches!(name, "gtc" | "ioc") => {
            Err(Refusal::invalid("invalid crypto time_in_force"))
        }
        _ if matches!(name, "opg" | "cls") => {
            Err(Refusal::invalid("orders for the auctions are not accepted at this time"))
        }
        Kind::Stop | Kind::TrailingStop if !waits => {
            Err(Refusal::invalid(format!("{} orders must be DAY or GTC orders", kind.name())))
        }
        _ => Ok(name),
    }
}

pub(crate) fn client_id(
    floor: &Floor,
    account: AccountId,
    fields: &Fields,
) -> Result<String, Refusal> {
    let Some(name) = fields.text("client_order_id")? else { return Ok(made_up_id(floor)) };
    if name.len() > CLIENT_ID_MAX {
        let text = format!("client_order_id must be no more than {CLIENT_ID_MAX} characters");
        return Err(Refusal::malformed(text));
    }
    let known = floor.accounts.all.get(&account).and_then(|account| account.named(name));
    if known.is_some() {
        return Err(Refusal::malformed("client_order_id must be unique"));
    }
    Ok(name.to_owned())
}

/// A name for what has none.
pub(crate) fn made_up_id(floor: &Floor) -> String {
    uuid::Builder::from_random_bytes(floor.made_up_number().to_be_bytes()).into_uuid().to_string()
}

/// A price in ticks.
pub(crate) fn ticks(listed: &Listed, name: &str, price: Decimal) -> Result<i64, Refusal> {
    let is_large = Decimal::from_scale(ONE_DOLLAR, 0).is_ok_and(|dollar| price >= dollar);
    let below_cents = !is_crypto(listed) && is_large && price.to_scale(CENTS).is_err();
    let ticks = price.to_ticks(listed.rules.tick);
    if let Ok(ticks) = ticks
        && !below_cents
    {
        return Ok(ticks);
    }
    let why = if is_crypto(listed) {
        format!("increment does not fulfill minimum pricing criteria of {}", listed.listing.tick)
    } else {
        "sub-penny increment does not fulfill minimum pricing criteria".to_owned()
    };
    Err(Refusal::invalid(format!("invalid {name} {price}. {why}")))
}

/// A quantity in lots.
pub(crate) fn lots(listed: &Listed, quantity: Decimal) -> Result<i64, Refusal> {
    quantity.to_ticks(listed.rules.lot).map_err(|_| {
        let step = listed.listing.lot.normalised();
        Refusal::invalid(format!("invalid qty {quantity}. it is no multiple of {step}"))
    })
}

/// A stop waits for a rise to buy, and for a fall to sell.
pub(crate) fn trigger(side: Side, price: i64, trailing: Option<Trailing>) -> Trigger {
    Trigger { price, rises: side == Side::Buy, source: TriggerSource::Last, trailing }
}

/// How far behind the best price an order follows.
pub(crate) fn trailing(listed: &Listed, trail: Trail) -> Result<Trailing, Refusal> {
    let (ppm, ticks) = match trail {
        Trail::Percent(percent) => (percent.to_scale(PPM_OF_PERCENT).ok(), Some(0)),
        Trail::Price(price) => (Some(0), Some(ticks(listed, "trail_price", price)?)),
    };
    let ppm = ppm.and_then(|ppm| i64::try_from(ppm).ok()).filter(|ppm| *ppm < 1_000_000);
    let (Some(distance_ppm), Some(distance_ticks)) = (ppm, ticks) else {
        return Err(Refusal::invalid("trail_percent must be less than 100"));
    };
    Ok(Trailing { distance_ppm, distance_ticks, activation: None, begins_at_rise: false })
}

impl<'a> Parts<'a> {
    fn read(
        floor: &'a Floor,
        account: AccountId,
        fields: &'a Fields,
        now: i64,
    ) -> Result<Self, Refusal> {
        let need = |what: &str| Refusal::malformed(format!("{what} is required"));
        let symbol = fields.text("symbol")?.ok_or_else(|| need("symbol"))?;
        let id = instrument(floor, symbol)?;
        let listed = floor.listed(id);
        let side = side(fields)?.ok_or_else(|| need("side"))?;
        let kind = fields.text("type")?.ok_or_else(|| need("order type"))?;
        let kind = Kind::named(kind).ok_or_else(|| Refusal::malformed("invalid order type"))?;
        if is_crypto(listed) && matches!(kind, Kind::Stop | Kind::TrailingStop) {
            return Err(Refusal::malformed("invalid order type for crypto order"));
        }
        let class = fields.text("order_class")?.unwrap_or_default();
        let class = Class::named(class).ok_or_else(|| Refusal::malformed("invalid order_class"))?;
        let tif = fields.text("time_in_force")?.ok_or_else(|| need("time_in_force"))?;
        Ok(Self {
            floor,
            fields,
            now,
            account,
            id,
            side,
            kind,
            class,
            time_in_force: time_in_force(listed, kind, tif)?,
            extended_hours: fields.flag("extended_hours")?,
        })
    }

    pub(crate) fn listed(&self) -> &'a Listed {
        self.floor.listed(self.id)
    }

    fn check_hours(&self) -> Result<(), Refusal> {
        let fits = self.kind == Kind::Limit && self.time_in_force == "day";
        if self.extended_hours && !fits {
            return Err(Refusal::invalid("extended hours order must be DAY limit orders"));
        }
        Ok(())
    }

    fn check_fields(&self) -> Result<(), Refusal> {
        let has = |name| self.fields.has(name);
        let (limit, stop) = (has("limit_price"), has("stop_price"));
        let wrong = |text: &str| Err(Refusal::malformed(text));
        match self.kind {
            Kind::Market if limit || stop => {
                return wrong("market orders require no stop or limit price");
            }
            Kind::Limit if stop || (!limit && self.class != Class::Oco) => {
                return wrong("limit orders require only limit price");
            }
            Kind::Stop if limit || !stop => return wrong("stop orders require only stop price"),
            Kind::StopLimit if !limit || !stop => {
                return wrong("stop limit orders require both stop and limit price");
            }
            Kind::TrailingStop if has("trail_price") == has("trail_percent") => {
                return wrong(
                    "trailing stop orders must specify one of trail_price or trail_percent",
                );
            }
            _ => {}
        }
        if self.kind != Kind::TrailingStop && (has("trail_price") || has("trail_percent")) {
            return wrong("only trailing stop orders have trail_price or trail_percent");
        }
        if self.class != Class::Simple && is_crypto(self.listed()) {
            return wrong("crypto orders not allowed for advanced order_class");
        }
        if self.class == Class::Simple && (has("take_profit") || has("stop_loss")) {
            return wrong("take_profit and stop_loss require an order_class");
        }
        Ok(())
    }

    fn quantity(&self) -> Result<Quantity, Refusal> {
        let qty = self.fields.decimal("qty")?;
        let Some(notional) = self.fields.decimal("notional")? else {
            let qty = qty.ok_or_else(|| Refusal::malformed("qty or notional is required"))?;
            if !is_crypto(self.listed()) && qty.to_scale(0).is_err() {
                self.check_fraction()?;
            }
            return Ok(Quantity::Lots(lots(self.listed(), qty)?));
        };
        if qty.is_some() {
            return Err(Refusal::malformed("only one of qty or notional is accepted"));
        }
        if self.kind != Kind::Market {
            return Err(Refusal::malformed("notional is accepted for market orders only"));
        }
        if notional.to_scale(CENTS).is_err() {
            let text = "notional value must be limited to 2 decimal places";
            return Err(Refusal::invalid(text));
        }
        if !is_crypto(self.listed()) {
            self.check_fraction()?;
        }
        let amount = Amount::from_decimal(notional);
        Ok(Quantity::Quote(amount.map_err(|_| Refusal::invalid("notional is too large"))?))
    }

    fn check_fraction(&self) -> Result<(), Refusal> {
        if self.time_in_force != "day" {
            return Err(Refusal::invalid("fractional orders must be DAY orders"));
        }
        if self.class != Class::Simple {
            return Err(Refusal::invalid("fractional orders must be simple orders"));
        }
        Ok(())
    }

    pub(crate) fn ticks_of(&self, fields: &Fields, name: &str) -> Result<Option<i64>, Refusal> {
        let price = fields.decimal(name)?;
        price.map(|price| ticks(self.listed(), name, price)).transpose()
    }

    fn limit(&self) -> Result<Option<i64>, Refusal> {
        if self.kind.has_limit() { self.ticks_of(self.fields, "limit_price") } else { Ok(None) }
    }

    fn stop(&self) -> Result<Option<i64>, Refusal> {
        if self.kind.has_stop() { self.ticks_of(self.fields, "stop_price") } else { Ok(None) }
    }

    fn trail(&self) -> Result<Option<Trail>, Refusal> {
        if self.kind != Kind::TrailingStop {
            return Ok(None);
        }
        let percent = self.fields.decimal("trail_percent")?.map(Trail::Percent);
        Ok(percent.or(self.fields.decimal("trail_price")?.map(Trail::Price)))
    }

    fn close(&self) -> i64 {
        times::next_close(self.now, self.extended_hours)
    }

    pub(crate) fn order(
        &self,
        kind: Kind,
        limit: Option<i64>,
        stop: Option<i64>,
        trail: Option<Trail>,
        quantity: Quantity,
    ) -> Result<NewOrder, Refusal> {
        let trailing = trail.map(|trail| trailing(self.listed(), trail)).transpose()?;
        let triggered = stop.or(trailing.map(|_| 0));
        Ok(NewOrder {
            account: self.account,
            instrument: self.id,
            side: self.side,
            price: limit,
            quantity,
            expiry: expiry(kind, self.time_in_force, self.close()),
            post_only: false,
            reduce_only: false,
            display: None,
            trigger: triggered.map(|price| trigger(self.side, price, trailing)),
            // What is known before is refused; the rest met a stop that was hit.
            self_trade: SelfTrade::ExpireTaker,
            position: PositionSide::Net,
        })
    }

    pub(crate) fn facts(&self, kind: Kind, trail: Option<Trail>) -> Facts {
        let waits_unseen = matches!(kind, Kind::Stop | Kind::TrailingStop);
        Facts {
            kind,
            time_in_force: self.time_in_force.into(),
            class: self.class,
            extended_hours: self.extended_hours,
            notional: None,
            trail,
            parent: None,
            legs: Vec::new(),
            replaces: None,
            replaced_by: None,
            expires_at: (waits_unseen && self.time_in_force == "day").then(|| self.close()),
            is_expired: false,
        }
    }
}

/// How long the engine lets an order wait.
pub(crate) fn expiry(kind: Kind, time_in_force: &str, close: i64) -> Expiry {
    match time_in_force {
        "fok" => Expiry::AllOrNothing,
        "day" if kind.has_limit() => Expiry::At(close),
        "gtc" if kind.has_limit() => Expiry::Never,
        // What has no limit does not wait once it comes.
        _ => Expiry::Immediate,
    }
}

/// Least worth of what is bought of crypto for dollars, and of any order in dollars.
const COST_MIN: i128 = 10;

fn check_cost(floor: &Floor, draft: &Draft) -> Result<(), Refusal> {
    let order = &draft.order;
    let listed = floor.listed(order.instrument);
    let dollars = |count: i128| Amount(count * 10_i128.pow(18));
    if let Quantity::Quote(amount) = order.quantity
        && amount < dollars(1)
    {
        return Err(Refusal::forbidden("notional amount must be >= 1.00"));
    }
    check_stop(floor, order)?;
    let counts = is_crypto(listed) && listed.listing.quote == holdings::CASH;
    if !counts || order.side == Side::Sell {
        return Ok(());
    }
    let cost = cost(floor, order);
    if cost > Amount::ZERO && cost < dollars(COST_MIN) {
        let text = format!("cost basis must be >= minimal amount of order {COST_MIN}");
        return Err(Refusal::forbidden(text));
    }
    Ok(())
}

/// The engine asks for the money of a stop only once that is hit; the venue at once.
fn check_stop(floor: &Floor, order: &NewOrder) -> Result<(), Refusal> {
    let (Some(trigger), None, Side::Buy) = (order.trigger, order.price, order.side) else {
        return Ok(());
    };
    let Quantity::Lots(lots) = order.quantity else { return Ok(()) };
    let quote = floor.listed(order.instrument).rules.quote;
    let (free, _) = floor.exchange.balance(order.account, quote);
    let needed = floor.exchange.worth(order.instrument, trigger.price, lots);
    if needed <= free {
        return Ok(());
    }
    Err(Refusal::forbidden("insufficient buying power")
        .with_number("buying_power", free.to_decimal())
        .with_number("cost_basis", needed.to_decimal()))
}

/// What an order is worth: at its limit, or else at the price of the moment.
pub(crate) fn cost(floor: &Floor, order: &NewOrder) -> Amount {
    let lots = match order.quantity {
        Quantity::Quote(amount) => return amount,
        Quantity::Lots(lots) => lots,
        Quantity::Position => 0,
    };
    if let Some(price) = order.price {
        return floor.exchange.worth(order.instrument, price, lots);
    }
    let size = Amount::from_decimal(floor.listed(order.instrument).size(lots)).unwrap_or_default();
    crate::figures::product(holdings::price(floor, order.instrument), size)
}
