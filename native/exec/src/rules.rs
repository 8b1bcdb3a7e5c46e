//! How accounts are traded: what differs from venue to venue.

use rustonite_core::ids::VenueId;

use crate::client_ids::ClientIds;
use crate::order::Order;

/// How an account is traded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRules {
    /// Its market.
    pub venue: VenueId,
    /// Makes its client ids.
    pub client_ids: ClientIds,
    /// What becomes of the client id when an order is changed.
    pub changes: ChangeIds,
    /// What cumulative figures of its venue count.
    pub figures: Figures,
    /// What is done with orders that others placed.
    pub external: External,
}

/// What becomes of the client id when an order is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeIds {
    /// The change has an id of its own: FIX, and wherever a change is a cancel and a new order.
    #[default]
    New,
    /// It stays: the venue changes in place.
    Same,
    /// It stays, but of an order that waits at the venue for its trigger: that one ends, and a new
    /// one takes its place.
    NewIfWaiting,
}

impl AccountRules {
    /// Whether a change of an order makes a client id.
    pub fn renames(&self, order: &Order) -> bool {
        match self.changes {
            ChangeIds::New => true,
            ChangeIds::Same => false,
            ChangeIds::NewIfWaiting => order.waits_at_venue(),
        }
    }
}

/// What cumulative figures of a venue count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Figures {
    /// The whole order.
    #[default]
    Order,
    /// What happened under one client id.
    Leg,
}

/// What is done with orders that others placed on an account of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum External {
    /// They are watched, because their fills move our positions, and not touched.
    #[default]
    Watched,
    /// They are managed like our own.
    Adopted,
}
