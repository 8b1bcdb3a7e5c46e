//! What a paper account can do with orders: the rest is emulated as at a venue that lacks it.

use rustonite_core::datasets::{OrderKind, PositionSide, Tif, order_flags};

use crate::gateway::batch::Batch;
use crate::gateway::capability::{Capabilities, KindRule, Part, Replace};

const FLAGS: i32 = order_flags::POST_ONLY | order_flags::REDUCE_ONLY;

/// The table.
pub(super) static CAPABILITIES: Capabilities = Capabilities {
    venue: "paper",
    kinds: &[
        KindRule {
            kind: OrderKind::Limit,
            word: "limit",
            tifs: &[Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::Gtd, Tif::Gtx],
            flags: FLAGS,
            parts: &[],
            replace: Replace::InPlace,
        },
        KindRule {
            kind: OrderKind::Market,
            word: "market",
            tifs: &[Tif::Ioc],
            flags: order_flags::REDUCE_ONLY,
            parts: &[Part::PriceProtect],
            replace: Replace::Never,
        },
    ],
    tifs: &[],
    post_only: &[Tif::Gtc, Tif::Gtd, Tif::Gtx],
    stps: &[],
    sources: &[],
    trails: &[],
    has_activation: false,
    positions: &[PositionSide::Net, PositionSide::Long, PositionSide::Short],
    batch: Batch::NONE,
};
