//! What the markets of Binance have in common: signatures, parameters, refusals, calls, streams, and
//! the WebSocket interface.

pub(crate) mod auth;
pub(crate) mod calls;
pub(crate) mod channels;
pub(crate) mod market;
pub(crate) mod orders;
pub(crate) mod params;
pub(crate) mod refusal;
pub(crate) mod streams;
pub(crate) mod words;
pub(crate) mod ws_api;
