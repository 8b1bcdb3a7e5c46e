//! Changes of orders that wait for a trigger. The venue has none: the order ends, and once it has a new
//! one is placed. What becomes of both is told as one change.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent};

use super::orders::{ALGOS, AlgoText};
use super::requests::CAPABILITIES;
use super::{BinanceUsdM, TRADING};
use crate::gateway::binance::params::Pairs;
use crate::gateway::chain::Change;
use crate::gateway::flight::{Asked, Named, Query};
use crate::gateway::parse::Parsed;
use crate::gateway::{Heard, Outgoing};
use crate::report::{Refusal, What};
use crate::request::Request;

/// The place of a new order that takes the place of one that has ended.
const ANEW: usize = 4 + ALGOS;

impl BinanceUsdM {
    /// Asks for the end of the old order. That the new one has words is seen to before.
    pub(super) fn renew(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        let Request::Replace { instrument, client_id, client_id_prev, wish, .. } = request else {
            return Err(CAPABILITIES.refuse("not a change"));
        };
        if client_id == client_id_prev {
            return Err(CAPABILITIES.refuse("the order's price has come"));
        }
        if self.chains.around(client_id_prev).is_some() {
            return Err(CAPABILITIES.refuse("an order that waits has one change at a time"));
        }
        let pairs = self.waiting_order(client_id, wish)?;
        let old = self.session.desk.named(*instrument, client_id_prev);
        let new = Named {
            client_id_prev: Some(client_id_prev.clone()),
            ..self.session.desk.named(*instrument, client_id)
        };
        let change = Change::new(old, wish.price, Amount::ZERO, wish.size);
        self.chains.begin(client_id, change);
        self.renewals.insert(client_id.clone(), pairs);
        let pairs = Pairs::from([("clientAlgoId", client_id_prev)]);
        let asked = Asked::Order(new, OrderEvent::ReplaceAsked, ALGOS);
        Ok(self.session.signed(TRADING, "algoOrder.cancel", asked, pairs, now))
    }

    /// One half of a change is done.
    pub(super) fn renewed(
        &mut self,
        new: &Named,
        place: usize,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed {
        if place == ANEW {
            let algo: AlgoText = serde_json::from_str(result)?;
            let done = self.chains.done(new, None, ts_recv, EventSource::Reply);
            heard.extend(done.map(|report| Heard::Report(algo.named_in(report))));
        } else {
            heard.extend(self.old_has_ended(new, ts_recv));
        }
        Ok(())
    }

    /// The old order is gone: the new one is placed, unless it is not wanted any more.
    fn old_has_ended(&mut self, new: &Named, ts_recv: i64) -> Option<Heard> {
        let old_id = new.client_id_prev.as_deref()?;
        self.waiting.remove(old_id);
        self.chains.change_of(old_id)?.old_is_gone(Amount::ZERO);
        if let Some(pairs) = self.renewals.remove(&new.client_id) {
            self.waiting.insert(new.client_id.clone());
            let asked = Asked::Order(new.clone(), OrderEvent::ReplaceAsked, ANEW);
            let sent = self.session.signed(TRADING, "algoOrder.place", asked, pairs, ts_recv);
            return Some(Heard::Send(sent));
        }
        let change = self.chains.end(&new.client_id)?;
        let what = What::Cancelled {
            size_filled: Some(Amount::ZERO),
            size_prevented: None,
            refusal: None,
        };
        Some(change.old.heard(ts_recv, EventSource::Reply, what))
    }

    /// Whether the end of an order is that of one that is changed: no news.
    pub(super) fn is_end_of_change(&mut self, old_id: &str) -> bool {
        self.waiting.remove(old_id);
        let Some(change) = self.chains.change_of(old_id) else {
            return self.chains.was_replaced(old_id);
        };
        change.old_is_gone(Amount::ZERO);
        true
    }

    /// The order that a cancel has to name. If it is being changed, no new one is placed any more; if
    /// that is on its way, it is the one.
    pub(super) fn ends(&mut self, client_id: &str) -> Box<str> {
        let Some((new_id, _)) = self.chains.around(client_id) else { return client_id.into() };
        if self.renewals.remove(&new_id).is_some() { client_id.into() } else { new_id }
    }

    /// A change is not done, and nothing of it will be.
    pub(super) fn forget_renewal(&mut self, new_id: &str) {
        self.renewals.remove(new_id);
        self.waiting.remove(new_id);
    }

    /// Whether a query looks for the two orders of a change whose outcome is not known.
    pub(super) fn is_about_change(query: &Query) -> bool {
        let is_chained = query.old.is_some() || query.found.is_some() || query.not_found.is_some();
        query.place == ALGOS && is_chained
    }

    /// One of the two was found.
    pub(super) fn found_of_change(
        &mut self,
        query: &mut Query,
        result: &str,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Parsed<Option<Query>> {
        let algo: AlgoText = serde_json::from_str(result)?;
        let picture = algo.picture(&query.order, ts_recv, EventSource::Rest)?;
        let next = self.chains.found(query, picture, ts_recv, heard);
        Ok(next.map(|next| Query { place: ALGOS, ..next }))
    }
}
