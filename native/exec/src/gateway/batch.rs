//! Several requests in one message, where a venue takes them so.

use rustonite_core::datasets::OrderEvent;
use rustonite_core::ids::InstrumentId;

use super::Outgoing;
use super::desk::Desk;
use super::dialect::Requests;
use super::flight::Asked;
use crate::report::Refusal;
use crate::request::Request;

/// How many requests of a sort go into one message; 1 if they do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// New orders.
    pub place: usize,
    /// Cancels.
    pub cancel: usize,
    /// All of them have to be of one instrument.
    pub one_instrument: bool,
}

impl Batch {
    /// Each goes alone.
    pub const NONE: Self = Self { place: 1, cancel: 1, one_instrument: false };
}

/// What became of several requests.
#[derive(Debug, Default)]
pub struct Written {
    /// What is to be sent, and which of the requests are in it.
    pub sent: Vec<(Outgoing, Vec<usize>)>,
    /// Requests that the venue has no such thing for.
    pub refused: Vec<(usize, Refusal)>,
}

impl Written {
    pub(super) fn add(&mut self, written: Result<Outgoing, Refusal>, which: Vec<usize>) {
        match written {
            Ok(outgoing) => self.sent.push((outgoing, which)),
            Err(refusal) => {
                self.refused.extend(which.into_iter().map(|at| (at, refusal.clone())));
            }
        }
    }

    /// Each in a message of its own.
    pub(super) fn alone(
        requests: &[Request],
        mut write: impl FnMut(&Request) -> Result<Outgoing, Refusal>,
    ) -> Self {
        let mut written = Self::default();
        for (at, request) in requests.iter().enumerate() {
            written.add(write(request), vec![at]);
        }
        written
    }
}

/// What its members are, if they may have company, and which they are.
type Group = (Option<(Sort, InstrumentId)>, Vec<usize>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Place,
    Cancel,
}

/// Which requests go together: places of them in the list, in the order of the list.
pub(super) fn groups(
    requests: &[Request],
    batch: Batch,
    fits: impl Fn(&Request) -> bool,
) -> Vec<Vec<usize>> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let sort = match request {
            Request::Submit { wish, .. } => Some((Sort::Place, wish.instrument)),
            Request::Cancel { instrument, .. } => Some((Sort::Cancel, *instrument)),
            Request::Replace { .. } | Request::Query { .. } => None,
        };
        let sort = sort.filter(|_| fits(request));
        let has_place = |(known, members): &&mut Group| {
            let (Some((one, here)), Some((other, there))) = (*known, sort) else { return false };
            let most = if other == Sort::Place { batch.place } else { batch.cancel };
            one == other && members.len() < most && (!batch.one_instrument || here == there)
        };
        match groups.iter_mut().find(has_place) {
            Some((_, members)) => members.push(at),
            None => groups.push((sort, vec![at])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Writes requests in as few messages as the venue takes them in. A request that is left alone goes as
/// any other.
pub(super) fn together<R: Requests, F>(
    writer: &mut R,
    requests: &[Request],
    groups: Vec<Vec<usize>>,
    now: i64,
    item: impl Fn(&R, &Request) -> Result<F, Refusal>,
    message: impl Fn(&mut R, Items<F>) -> Outgoing,
) -> Written {
    let mut written = Written::default();
    for group in groups {
        let (mut which, mut items) = (group, Items { asked: Vec::new(), fields: Vec::new() });
        if which.len() > 1 {
            which.retain(|at| match item(writer, &requests[*at]) {
                Ok(fields) => {
                    items.asked.push(asked(writer.desk(), &requests[*at]));
                    items.fields.push(fields);
                    true
                }
                Err(refusal) => {
                    written.refused.push((*at, refusal));
                    false
                }
            });
        }
        match which[..] {
            [] => {}
            [alone] => written.add(writer.request(&requests[alone], now), which),
            _ => written.sent.push((message(writer, items), which)),
        }
    }
    written
}

/// What is asked by one of several.
fn asked(desk: &Desk, request: &Request) -> Asked {
    let is_new = matches!(request, Request::Submit { .. });
    let event = if is_new { OrderEvent::Submitted } else { OrderEvent::CancelAsked };
    Asked::Order(desk.subject(request), event, 0)
}

/// What goes into one message.
pub(super) struct Items<F> {
    pub(super) asked: Vec<Asked>,
    pub(super) fields: Vec<F>,
}

impl<F> Items<F> {
    /// The instrument of the first of them.
    pub(super) fn instrument(&self) -> Option<InstrumentId> {
        match self.asked.first() {
            Some(Asked::Order(order, ..)) => Some(order.instrument),
            _ => None,
        }
    }

    /// Whether they are new orders.
    pub(super) fn are_new(&self) -> bool {
        matches!(self.asked.first(), Some(Asked::Order(_, OrderEvent::Submitted, _)))
    }
}

#[cfg(test)]
mod tests {
    use rustonite_core::ids::InstrumentId;

    use super::{Batch, groups};
    use crate::gateway::testing::{cancel, query, submit, wish};
    use crate::request::Request;
    use crate::wish::Wish;

    fn of(number: u32) -> Request {
        submit(Wish { instrument: InstrumentId(number), ..wish() })
    }

    #[test]
    fn requests_of_a_sort_go_together_as_far_as_the_venue_takes_them() {
        let requests = [of(0), cancel(), of(1), of(0), query(), cancel(), of(0)];
        let batch = Batch { place: 3, cancel: 10, one_instrument: false };
        let all = |_: &Request| true;
        let expected: [&[usize]; 4] = [&[0, 2, 3], &[1, 5], &[4], &[6]];
        assert_eq!(groups(&requests, batch, all), expected);
        let one = Batch { one_instrument: true, ..batch };
        let expected: [&[usize]; 4] = [&[0, 3, 6], &[1, 5], &[2], &[4]];
        assert_eq!(groups(&requests, one, all), expected);
        let expected: Vec<_> = (0..7).map(|at| vec![at]).collect();
        assert_eq!(groups(&requests, Batch::NONE, all), expected);
        assert_eq!(groups(&requests, batch, |_| false), expected);
    }
}
