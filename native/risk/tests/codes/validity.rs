use rustonite_core::datasets::{
    InstrumentStatus, OrderKind, OrderSide, PositionSide, RiskScope, Tif, order_flags,
};
use rustonite_core::instrument::Instrument;
use rustonite_risk::{Code, Intent};

use crate::provoke;
use crate::world::{HEDGE, MS, PERP, SPOT, START, World, amount, directory, instrument};

/// A world whose first instrument is changed.
fn with(change: impl Fn(&mut Instrument)) -> World {
    let mut directory = directory();
    change(&mut directory.instruments[0]);
    World::of(directory, "")
}

provoke! {
    the_status_of_the_instrument_says_what_goes(
        NotTrading InstrumentHalted Auction StatusPostOnly StatusLimitOnly StatusCancelOnly
        StatusReduceOnly
    ) {
        use InstrumentStatus as Is;
        let mut world = World::new("");
        world.hold(SPOT, "1");
        let limit = world.plain();
        let market = world.market(OrderSide::Buy, SPOT, "1");
        let rests = Intent { flags: order_flags::POST_ONLY, ..limit };
        let auction = Intent { tif: Some(Tif::AtOpen), ..limit };
        let sell = world.sell(SPOT, "101", "1");
        let reduces = Intent { flags: order_flags::REDUCE_ONLY, ..sell };
        for (status, code, fine, denied) in [
            (Is::Halted, Code::InstrumentHalted, None, &limit),
            (Is::Auction, Code::Auction, Some(&auction), &limit),
            (Is::PostOnly, Code::StatusPostOnly, Some(&rests), &limit),
            (Is::LimitOnly, Code::StatusLimitOnly, Some(&limit), &market),
            (Is::CancelOnly, Code::StatusCancelOnly, None, &reduces),
            (Is::ReduceOnly, Code::StatusReduceOnly, Some(&reduces), &limit),
            (Is::PreOpen, Code::NotTrading, None, &limit),
            (Is::Closed, Code::NotTrading, None, &limit),
            (Is::Settling, Code::NotTrading, None, &limit),
            (Is::Delisted, Code::NotTrading, None, &limit),
            (Is::Unknown, Code::NotTrading, None, &limit),
        ] {
            world.risk.status(SPOT, status);
            assert_eq!(world.denies(denied, code).scope, RiskScope::Instrument);
            fine.into_iter().for_each(|fine| world.passes(fine));
        }
        world.risk.status(SPOT, Is::Trading);
        world.passes(&limit);
    }

    the_venue_can_do_what_is_asked(
        KindUnsupported TifUnsupported FlagUnsupported PositionSideUnsupported
    ) {
        let mut world = World::new("");
        let order = world.plain();
        let scope = RiskScope::Venue;
        let iceberg = Intent { kind: OrderKind::PeggedPrimary, ..order };
        assert_eq!(world.denies(&iceberg, Code::KindUnsupported).scope, scope);
        let unknown = Intent { kind: OrderKind::Unknown, ..order };
        world.denies(&unknown, Code::KindUnsupported);
        assert_eq!(world.denies(&Intent { tif: Some(Tif::Fok), ..order }, Code::TifUnsupported).scope, scope);
        world.denies(&Intent { tif: None, ..order }, Code::TifUnsupported);
        let hidden = Intent { flags: order_flags::HIDDEN | order_flags::POST_ONLY, ..order };
        assert_eq!(world.denies(&hidden, Code::FlagUnsupported).scope, scope);
        // A fact is no wish.
        world.passes(&Intent { flags: order_flags::EMULATED | order_flags::POST_ONLY, ..order });
        world.passes(&Intent { position_side: Some(PositionSide::Net), ..order });
        let long = Intent { position_side: Some(PositionSide::Long), ..order };
        world.denies(&long, Code::PositionSideUnsupported);
        world.passes(&Intent { account: HEDGE, ..long });
        world.denies(&Intent { account: HEDGE, ..order }, Code::PositionSideUnsupported);
    }

    a_kind_has_the_prices_that_it_needs(PriceNeeded) {
        let mut world = World::new("");
        let order = world.plain();
        world.denies(&Intent { price: None, ..order }, Code::PriceNeeded);
        let stop = Intent { kind: OrderKind::StopLimit, ..order };
        world.denies(&stop, Code::PriceNeeded);
        world.denies(&Intent { price: None, trigger: order.price, ..stop }, Code::PriceNeeded);
        world.passes(&Intent { trigger: order.price, ..stop });
        let stop = Intent { kind: OrderKind::StopMarket, price: None, ..order };
        world.denies(&stop, Code::PriceNeeded);
        world.passes(&Intent { trigger: order.price, ..stop });
    }

    amounts_have_no_more_decimals_than_the_instrument(TooManyDecimals) {
        let world = World::new("");
        let rules = world.risk.rules(SPOT).unwrap();
        assert_eq!(rules.price(amount("1.23")), Ok(123));
        assert_eq!(rules.price(amount("1.234")), Err(Code::TooManyDecimals));
        assert_eq!(rules.size(amount("0.001")), Ok(1));
        assert_eq!(rules.size(amount("0.0001")), Err(Code::TooManyDecimals));
        assert_eq!(rules.size(amount("99999999999999999")), Err(Code::TooManyDecimals));
        assert_eq!(rules.size(amount("-99999999999999999")), Err(Code::TooManyDecimals));
    }

    prices_are_positive(PriceInvalid) {
        let mut world = World::new("");
        let order = world.plain();
        world.passes(&Intent { price: Some(1), ..order });
        for price in [0, -1, i64::MIN] {
            world.denies(&Intent { price: Some(price), ..order }, Code::PriceInvalid);
            world.denies(&Intent { price_protect: Some(price), ..order }, Code::PriceInvalid);
            world.denies(&Intent { trigger: Some(price), ..order }, Code::PriceInvalid);
        }
    }

    prices_are_on_the_tick(PriceOffTick) {
        let mut world = World::new("");
        let order = world.buy(PERP, "99.5", "1");
        world.passes(&order);
        for price in [994, 996, 999] {
            let order = Intent { price: Some(price), ..order };
            let shown = format!("{}.{}", price / 10, price % 10);
            world.meets(&order, Code::PriceOffTick, RiskScope::Instrument, "0.5", &shown);
        }
        world.denies(&Intent { trigger: Some(994), ..order }, Code::PriceOffTick);
        world.denies(&Intent { price_protect: Some(994), ..order }, Code::PriceOffTick);
    }

    prices_are_within_those_of_the_venue(PriceMin PriceMax) {
        let mut world = with(|instrument| {
            instrument.price = (Some(amount("99.005")), Some(amount("100.995")));
        });
        for (fine, denied, code) in
            [("99.01", "99", Code::PriceMin), ("100.99", "101", Code::PriceMax)]
        {
            let order = world.buy(SPOT, fine, "1");
            world.passes(&order);
            let order = world.buy(SPOT, denied, "1");
            world.meets(&order, code, RiskScope::Instrument, fine, denied);
        }
    }

    sizes_are_positive(SizeInvalid) {
        let mut world = World::new("");
        let order = world.plain();
        world.passes(&Intent { size: 1, ..order });
        for size in [0, -1, i64::MIN] {
            world.denies(&Intent { size, ..order }, Code::SizeInvalid);
        }
        // A change leaves something to fill.
        for instrument in [SPOT, PERP] {
            let order = world.buy(instrument, "100", "1");
            world.send(&order);
            world.fill(&order, "0.6");
            let change = Intent { size_filled: 600, ..world.replacing(&order, "99", "0.601") };
            world.passes(&change);
            world.denies(&Intent { size: 600, ..change }, Code::SizeInvalid);
            world.denies(&Intent { size_filled: -1, ..change }, Code::SizeInvalid);
        }
    }

    sizes_are_on_the_lot(SizeOffLot) {
        let mut world = with(|instrument| instrument.lot = amount("0.025"));
        let order = world.buy(SPOT, "100", "0.075");
        world.passes(&order);
        let off = world.buy(SPOT, "100", "0.076");
        world.meets(&off, Code::SizeOffLot, RiskScope::Instrument, "0.025", "0.076");
        world.denies(&Intent { size_display: Some(26), ..order }, Code::SizeOffLot);
        world.passes(&Intent { size_display: Some(25), ..order });
        // What a sum of money buys is no lot.
        world.passes(&Intent { by_money: true, ..off });
    }

    sizes_are_within_those_of_the_venue(SizeMin SizeMax MarketSizeMax) {
        let mut world = with(|instrument| {
            instrument.size = (Some(amount("0.01")), Some(amount("5")));
            instrument.market_size_max = Some(amount("2"));
        });
        for (fine, denied, code) in
            [("0.01", "0.009", Code::SizeMin), ("5", "5.001", Code::SizeMax)]
        {
            let order = world.buy(SPOT, "100", fine);
            world.passes(&order);
            let order = world.buy(SPOT, "100", denied);
            world.meets(&order, code, RiskScope::Instrument, fine, denied);
        }
        let order = world.market(OrderSide::Buy, SPOT, "2");
        world.passes(&order);
        let order = world.market(OrderSide::Buy, SPOT, "2.001");
        world.meets(&order, Code::MarketSizeMax, RiskScope::Instrument, "2", "2.001");
        let price_protect = Some(world.price(SPOT, "100.5"));
        world.denies(&Intent { price_protect, ..order }, Code::MarketSizeMax);
        world.passes(&Intent { price_protect, size: 2000, ..order });
    }

    parts_are_no_larger_than_the_order(DisplaySize) {
        let mut world = World::new("");
        let order = world.plain();
        for (part, other) in [(1000, 1001), (0, -1)] {
            world.passes(&Intent { size_display: Some(part), ..order });
            world.denies(&Intent { size_display: Some(other), ..order }, Code::DisplaySize);
            world.passes(&Intent { size_min: Some(part), ..order });
            world.denies(&Intent { size_min: Some(other), ..order }, Code::DisplaySize);
        }
    }

    a_product_can_be_counted(Overflow) {
        let mut world = World::new("");
        let order = world.plain();
        world.denies(&Intent { size: i64::MAX, ..order }, Code::Overflow);
        world.denies(&Intent { price: Some(i64::MAX), ..order }, Code::Overflow);
        let both = Intent { price: Some(i64::MAX), size: i64::MAX, ..order };
        world.denies(&both, Code::Overflow);
        world.denies(&Intent { side: OrderSide::Sell, ..both }, Code::Overflow);
    }

    the_notional_is_within_that_of_the_venue(NotionalMin NotionalMax) {
        let mut world = with(|instrument| {
            instrument.notional = (Some(amount("10")), Some(amount("500")));
        });
        for (fine, denied, code, limit, value) in [
            ("0.1", "0.099", Code::NotionalMin, "10", "9.9"),
            ("5", "5.001", Code::NotionalMax, "500", "500.1"),
        ] {
            let order = world.buy(SPOT, "100", fine);
            world.passes(&order);
            let order = world.buy(SPOT, "100", denied);
            world.meets(&order, code, RiskScope::Instrument, limit, value);
        }
    }

    what_closes_a_contract_may_be_small(NotionalMin) {
        let mut directory = directory();
        directory.instruments[PERP.index()].notional.0 = Some(amount("100"));
        let mut world = World::of(directory, "");
        world.hold(PERP, "0.5");
        let small = world.sell(PERP, "100", "0.5");
        world.denies(&small, Code::NotionalMin);
        world.passes(&Intent { flags: order_flags::REDUCE_ONLY, ..small });
    }

    an_expiry_is_in_the_future(ExpiryMissing ExpiryPast) {
        let mut world = World::new("");
        let order = Intent { tif: Some(Tif::Gtd), ..world.plain() };
        world.denies(&order, Code::ExpiryMissing);
        world.passes(&Intent { ts_expire: Some(START + 1), ..order });
        world.denies(&Intent { ts_expire: Some(START), ..order }, Code::ExpiryPast);
        let late = Intent { ts_expire: Some(START - 3 * MS), ..order };
        world.meets(&late, Code::ExpiryPast, RiskScope::Order, "0", "3");
    }

    reduce_only_is_true(ReduceOnlyUntrue) {
        let mut world = World::new("");
        let flags = order_flags::REDUCE_ONLY;
        world.hold(PERP, "1");
        let order = Intent { flags, ..world.sell(PERP, "101", "1") };
        world.passes(&order);
        let more = Intent { size: 1001, ..order };
        world.meets(&more, Code::ReduceOnlyUntrue, RiskScope::Account, "1", "1.001");
        world.denies(&Intent { side: OrderSide::Buy, size: 1, ..order }, Code::ReduceOnlyUntrue);
        // Two that close the same position are both true: the venue shrinks the later.
        world.send(&order);
        let other = Intent { flags, ..world.sell(PERP, "102", "1") };
        world.passes(&other);
    }

    a_side_closes_in_hedge_mode(ReduceOnlyUntrue) {
        let mut world = World::new("");
        let short = Some(PositionSide::Short);
        let opens = Intent { account: HEDGE, position_side: short, ..world.sell(PERP, "101", "1") };
        let closes = Intent { account: HEDGE, position_side: short, ..world.buy(PERP, "99", "1") };
        world.denies(&closes, Code::ReduceOnlyUntrue);
        world.send(&opens);
        world.fill(&opens, "1");
        world.passes(&closes);
        world.denies(&Intent { size: 1001, ..closes }, Code::ReduceOnlyUntrue);
    }
}

#[test]
fn a_tick_finer_than_the_lexeme_is_counted_in_its_own_decimals() {
    let mut directory = directory();
    directory.instruments[0] = instrument("sim", "BTCUSD", "0.00025", "10");
    let world = World::of(directory, "");
    let rules = world.risk.rules(SPOT).unwrap();
    assert_eq!(rules.price(amount("0.00025")), Ok(25));
    assert_eq!(rules.size(amount("10")), Ok(10));
    assert_eq!(rules.price_amount(25), amount("0.00025"));
    assert_eq!(rules.size_amount(10), amount("10"));
}
