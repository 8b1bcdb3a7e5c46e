//! Which call does what, what it weighs, and who may make it.

use super::{State, account, algo, batch, history, listen, public, settings, trade};
use crate::binance::shared::calls::{
    Interface, Route, Security, Window, by_symbol, open, order, signed,
};
use crate::binance::shared::market;
use crate::faults::Sort;

pub(crate) static INTERFACE: Interface<State> = Interface {
    routes: &ROUTES,
    known: &KNOWN,
    windows: [
        Window { header: "x-mbx-order-count-10s", interval: "SECOND", count: 10, place: 0 },
        Window { header: "x-mbx-order-count-1m", interval: "MINUTE", count: 1, place: 1 },
    ],
    has_user_streams: false,
};

const KNOWN: [&str; 54] = [
    "symbol",
    "symbols",
    "pair",
    "limit",
    "fromId",
    "startTime",
    "endTime",
    "interval",
    "page",
    "type",
    "side",
    "positionSide",
    "timeInForce",
    "quantity",
    "reduceOnly",
    "price",
    "newClientOrderId",
    "stopPrice",
    "closePosition",
    "activationPrice",
    "activatePrice",
    "callbackRate",
    "workingType",
    "priceProtect",
    "newOrderRespType",
    "priceMatch",
    "selfTradePreventionMode",
    "goodTillDate",
    "orderId",
    "origClientOrderId",
    "orderIdList",
    "orderidlist",
    "origClientOrderIdList",
    "origclientorderidlist",
    "batchOrders",
    "countdownTime",
    "recvWindow",
    "timestamp",
    "signature",
    "apiKey",
    "leverage",
    "marginType",
    "dualSidePosition",
    "multiAssetsMargin",
    "amount",
    "incomeType",
    "asset",
    "algoType",
    "algoId",
    "clientAlgoId",
    "triggerPrice",
    "listenKey",
    "contractType",
    "autoCloseType",
];

const fn key(
    method: &'static str,
    name: &'static str,
    run: fn(&mut super::Call<'_>) -> crate::binance::shared::calls::Answer,
) -> Route<State> {
    Route { method, security: Security::Key, ..open("/fapi/v1/listenKey", name, 1, run) }
}

const fn read(
    path: &'static str,
    name: &'static str,
    weight: u32,
    run: fn(&mut super::Call<'_>) -> crate::binance::shared::calls::Answer,
) -> Route<State> {
    signed("GET", path, name, weight, Sort::Read, run)
}

/// It is counted as an order alone.
const fn new_order(
    path: &'static str,
    name: &'static str,
    run: fn(&mut super::Call<'_>) -> crate::binance::shared::calls::Answer,
) -> Route<State> {
    Route { weight: 0, ..order("POST", path, name, Sort::Place, run) }
}

const fn klines(
    path: &'static str,
    run: fn(&mut super::Call<'_>) -> crate::binance::shared::calls::Answer,
) -> Route<State> {
    Route { weigh: Some(public::klines_weight), ..open(path, "", 5, run) }
}

static ROUTES: [Route<State>; 65] = [
    open("/fapi/v1/ping", "ping", 1, public::ping),
    open("/fapi/v1/time", "time", 1, public::time),
    open("/fapi/v1/exchangeInfo", "exchangeInfo", 1, public::exchange_info),
    Route {
        weigh: Some(public::depth_weight),
        ..open("/fapi/v1/depth", "depth", 10, public::depth)
    },
    open("/fapi/v1/trades", "", 5, public::trades),
    Route { security: Security::Key, ..open("/fapi/v1/historicalTrades", "", 20, public::trades) },
    open("/fapi/v1/aggTrades", "", 20, public::agg_trades),
    klines("/fapi/v1/klines", market::klines::<_, { public::KLINES_MAX }>),
    klines("/fapi/v1/continuousKlines", public::continuous_klines),
    klines("/fapi/v1/markPriceKlines", public::mark_klines),
    klines("/fapi/v1/indexPriceKlines", public::index_klines),
    Route {
        weigh: Some(|params| by_symbol(params, [1, 10])),
        ..open("/fapi/v1/premiumIndex", "", 1, public::premium_index)
    },
    open("/fapi/v1/fundingRate", "", 1, public::funding_rates),
    open("/fapi/v1/fundingInfo", "", 0, public::funding_info),
    open("/fapi/v1/openInterest", "", 1, public::open_interest),
    Route {
        weigh: Some(|params| by_symbol(params, [1, 40])),
        ..open("/fapi/v1/ticker/24hr", "", 1, public::ticker_day)
    },
    Route {
        weigh: Some(|params| by_symbol(params, [1, 2])),
        ..open("/fapi/v1/ticker/price", "", 1, public::ticker_price)
    },
    Route {
        weigh: Some(|params| by_symbol(params, [1, 2])),
        ..open("/fapi/v2/ticker/price", "ticker.price", 1, public::ticker_price)
    },
    Route {
        weigh: Some(|params| by_symbol(params, [2, 5])),
        ..open("/fapi/v1/ticker/bookTicker", "ticker.book", 2, public::ticker_book)
    },
    new_order("/fapi/v1/order", "order.place", trade::place),
    signed("POST", "/fapi/v1/order/test", "", 1, Sort::Read, trade::test),
    signed("PUT", "/fapi/v1/order", "order.modify", 1, Sort::Amend, trade::modify),
    signed("DELETE", "/fapi/v1/order", "order.cancel", 1, Sort::Cancel, trade::cancel),
    read("/fapi/v1/order", "order.status", 1, history::order),
    Route {
        orders: batch::COUNTED,
        ..signed("POST", "/fapi/v1/batchOrders", "", 5, Sort::Place, batch::place)
    },
    signed("PUT", "/fapi/v1/batchOrders", "", 5, Sort::Amend, batch::modify),
    signed("DELETE", "/fapi/v1/batchOrders", "", 1, Sort::Cancel, batch::cancel),
    read("/fapi/v1/openOrder", "", 1, history::open_order),
    Route {
        weigh: Some(|params| by_symbol(params, [1, 40])),
        ..read("/fapi/v1/openOrders", "", 1, history::open_orders)
    },
    signed("DELETE", "/fapi/v1/allOpenOrders", "", 1, Sort::Cancel, trade::cancel_all),
    signed("POST", "/fapi/v1/countdownCancelAll", "", 10, Sort::Cancel, trade::count_down),
    read("/fapi/v1/allOrders", "", 5, history::all_orders),
    read("/fapi/v1/orderAmendment", "", 1, history::amendments),
    read("/fapi/v1/userTrades", "", 5, history::trades),
    read("/fapi/v1/income", "", 30, history::incomes),
    Route {
        weigh: Some(|params| by_symbol(params, [20, 50])),
        ..read("/fapi/v1/forceOrders", "", 20, history::forced)
    },
    new_order("/fapi/v1/algoOrder", "algoOrder.place", algo::place),
    signed("DELETE", "/fapi/v1/algoOrder", "", 1, Sort::Cancel, algo::cancel),
    // The WebSocket interface answers with the order.
    signed("", "", "algoOrder.cancel", 1, Sort::Cancel, algo::cancel_by_socket),
    read("/fapi/v1/algoOrder", "", 1, algo::query),
    Route {
        weigh: Some(|params| by_symbol(params, [1, 40])),
        ..read("/fapi/v1/openAlgoOrders", "", 1, algo::open)
    },
    read("/fapi/v1/allAlgoOrders", "", 5, algo::all),
    signed("DELETE", "/fapi/v1/algoOpenOrders", "", 1, Sort::Cancel, algo::cancel_all),
    signed("POST", "/fapi/v1/leverage", "", 1, Sort::Read, settings::leverage),
    read("/fapi/v1/leverageBracket", "", 1, settings::brackets),
    signed("POST", "/fapi/v1/marginType", "", 1, Sort::Read, settings::margin_type),
    read("/fapi/v1/positionSide/dual", "", 30, settings::is_dual),
    signed("POST", "/fapi/v1/positionSide/dual", "", 1, Sort::Read, settings::set_dual),
    signed("POST", "/fapi/v1/positionMargin", "", 1, Sort::Read, settings::position_margin),
    read("/fapi/v1/positionMargin/history", "", 1, settings::margin_moves),
    read("/fapi/v1/multiAssetsMargin", "", 30, settings::multi_assets),
    signed("POST", "/fapi/v1/multiAssetsMargin", "", 1, Sort::Read, settings::set_multi_assets),
    read("/fapi/v1/commissionRate", "", 20, settings::commission),
    read("/fapi/v1/accountConfig", "", 5, settings::account_config),
    read("/fapi/v1/symbolConfig", "", 5, settings::symbol_config),
    read("/fapi/v1/rateLimit/order", "", 1, settings::order_limits),
    read("/fapi/v2/account", "account.status", 5, account::account_v2),
    read("/fapi/v3/account", "v2/account.status", 5, account::account_v3),
    read("/fapi/v2/balance", "account.balance", 5, account::balance),
    read("/fapi/v3/balance", "v2/account.balance", 5, account::balance),
    read("/fapi/v2/positionRisk", "account.position", 5, account::risk_v2),
    read("/fapi/v3/positionRisk", "v2/account.position", 5, account::risk_v3),
    key("POST", "userDataStream.start", listen::start),
    key("PUT", "userDataStream.ping", listen::keep_alive),
    key("DELETE", "userDataStream.stop", listen::stop),
];
