//! Whatever a venue says: nothing breaks, nothing is made up, and each request ends once.

use proptest::prelude::*;
use rustonite_core::datasets::EventSource;

use super::testing::{FIRST, NOW, cancel, gateway_of, market, query, replace_with, submit, wish};
use super::{CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, capabilities};
use crate::report::{Report, What};

/// What is done to a gateway.
#[derive(Clone, Debug)]
enum Deed {
    Write(u8),
    Ask(u8),
    /// The answer to what was sent so many steps ago, with a body of this sort.
    Answer(u8, u8),
    Fail(u8, bool),
    Close(u8),
    Tick,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..5_u8).prop_map(Deed::Write),
        2 => (0..4_u8).prop_map(Deed::Ask),
        6 => (any::<u8>(), 0..8_u8).prop_map(|(which, sort)| Deed::Answer(which, sort)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(which, not_sent)| Deed::Fail(which, not_sent)),
        1 => (0..3_u8).prop_map(Deed::Close),
        1 => Just(Deed::Tick),
    ]
}

/// Something that went out and may be answered.
#[derive(Clone, Debug)]
enum Sent {
    Text(usize, u64),
    Call(u64),
}

fn number(text: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let id = ["id", "reqId", "req_id"].iter().find_map(|name| value.get(*name))?;
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

/// One of the things a venue may answer, most of which make no sense.
fn body(sort: u8) -> &'static str {
    match sort {
        0 => {
            r#"{"symbol":"BTCUSDT","orderId":77,"clientOrderId":"r-1","transactTime":1,"price":"1",
            "origQty":"1","executedQty":"0","cummulativeQuoteQty":"0","status":"NEW","side":"BUY",
            "updateTime":1,"listenKey":"abc","algoId":1,"clientAlgoId":"r-1","algoStatus":"NEW",
            "id":"aaaa","client_order_id":"r-1","qty":"1","cancelResponse":{"executedQty":"0"},
            "newOrderResponse":{"orderId":78,"transactTime":1}}"#
        }
        1 => "[]",
        2 => r#"{"code":-2013,"msg":"Order does not exist.","message":"order not found"}"#,
        3 => "null",
        4 => "<html>",
        5 => r#"{"code":-1007,"msg":"Timeout"}"#,
        6 => "",
        _ => r#"{"code":-2010,"msg":"Duplicate order sent.","message":"must be unique"}"#,
    }
}

struct Bench {
    gateway: Box<dyn Gateway>,
    sent: Vec<Sent>,
    heard: Vec<Heard>,
    /// Requests and questions.
    begun: usize,
}

impl Bench {
    fn send(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Text { line, text } => {
                self.sent.extend(number(&text).map(|id| Sent::Text(line, id)));
            }
            Outgoing::Call(call) => self.sent.push(Sent::Call(call.id)),
            Outgoing::Open { .. } => {}
        }
    }

    fn take_sent(&mut self) {
        let is_next = |one: &Heard| matches!(one, Heard::Send(_) | Heard::Ask(_));
        while let Some(at) = self.heard.iter().position(is_next) {
            let outgoing = match self.heard.remove(at) {
                Heard::Send(outgoing) => outgoing,
                Heard::Ask(question) => self.gateway.ask(question, NOW),
                _ => unreachable!(),
            };
            self.send(outgoing);
        }
    }

    fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Write(which) => {
                let request = match which {
                    0 => submit(wish()),
                    1 => submit(market()),
                    // Each new order has a name of its own.
                    2 => replace_with("0", &format!("r-{}", self.begun + 2), wish()),
                    3 => cancel(),
                    _ => query(),
                };
                if let Ok(outgoing) = self.gateway.write(&request, NOW) {
                    self.begun += 1;
                    self.send(outgoing);
                }
            }
            Deed::Ask(which) => {
                let questions = [
                    Question::OpenOrders,
                    Question::Fills(FIRST, NOW),
                    Question::Balances,
                    Question::Positions,
                ];
                self.begun += 1;
                let outgoing = self.gateway.ask(questions[usize::from(*which)], NOW);
                self.send(outgoing);
            }
            Deed::Answer(which, sort) => self.answer(*which, *sort),
            Deed::Fail(which, not_sent) => {
                if let Some(Sent::Call(id)) = self.pick(*which) {
                    let error = CallError { not_sent: *not_sent, detail: String::new() };
                    let _ = self.gateway.answered(id, Err(&error), NOW, &mut self.heard);
                }
            }
            Deed::Close(line) => self.gateway.closed(usize::from(*line), NOW, &mut self.heard),
            Deed::Tick => {
                let sent = self.gateway.tick(i64::MAX, NOW, &mut self.heard);
                sent.into_iter().for_each(|outgoing| self.send(outgoing));
            }
        }
        self.take_sent();
    }

    /// Something that was sent; answers may come twice.
    fn pick(&self, which: u8) -> Option<Sent> {
        let count = self.sent.len();
        (count > 0).then(|| self.sent[usize::from(which) % count].clone())
    }

    fn answer(&mut self, which: u8, sort: u8) {
        let status: u16 = match sort {
            0 | 1 | 3 | 6 => 200,
            5 => 503,
            4 => 502,
            _ => 400,
        };
        let body = body(sort);
        match self.pick(which) {
            None => {}
            Some(Sent::Call(id)) => {
                let answer = HttpAnswer { status, headers: &[], body: body.as_bytes() };
                let _ = self.gateway.answered(id, Ok(answer), NOW, &mut self.heard);
            }
            Some(Sent::Text(line, id)) => {
                let name = if status == 200 { "result" } else { "error" };
                let value = if matches!(sort, 4 | 6) { "{}" } else { body };
                let texts = [
                    format!(r#"{{"id":{id},"status":{status},"{name}":{value}}}"#),
                    format!(
                        r#"{{"id":"{id}","op":"order","code":"{}","data":[{value}]}}"#,
                        status % 200
                    ),
                    format!(
                        r#"{{"reqId":"{id}","op":"order.create","retCode":{},"retMsg":"","data":{value}}}"#,
                        status % 200
                    ),
                    format!(
                        r#"{{"req_id":{id},"method":"add_order","success":{},"error":"EOrder:Unknown order","result":{value}}}"#,
                        status == 200
                    ),
                ];
                for text in texts {
                    let _ = self.gateway.read(line, text.as_bytes(), NOW, &mut self.heard);
                }
            }
        }
    }

    /// Ends of requests and questions. That a query also settles a change is no end of its own.
    fn ended(&self) -> usize {
        let ends = |one: &&Heard| match one {
            Heard::Report(Report { source: EventSource::Rest, what, .. }) => {
                !matches!(what, What::Replaced { .. } | What::ReplaceRejected(_))
            }
            other => matches!(other, Heard::Answer(..) | Heard::Report(_)),
        };
        self.heard.iter().filter(ends).count()
    }
}

fn bench(venue: &str) -> Bench {
    Bench { gateway: gateway_of(venue), sent: Vec::new(), heard: Vec::new(), begun: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_harm(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        line in 0..3_usize,
        id in 0..5_u64,
        status in 0..600_u16,
    ) {
        for venue in capabilities() {
            let mut bench = bench(venue.venue);
            bench.begun = 1;
            let _ = bench.gateway.write(&submit(wish()), NOW);
            bench.heard.clear();
            let _ = bench.gateway.read(line, &bytes, NOW, &mut bench.heard);
            let answer = HttpAnswer { status, headers: &[], body: &bytes };
            let _ = bench.gateway.answered(id, Ok(answer), NOW, &mut bench.heard);
            let says_something = bench.heard.iter().any(|one| match one {
                // What is not understood leaves open what became of a request, or refuses it.
                Heard::Report(report) => {
                    !matches!(report.what, What::Ended { .. } | What::Rejected(_))
                }
                Heard::Balance(_) | Heard::Position(_) => true,
                _ => false,
            });
            prop_assert!(!says_something, "{} {:?}", venue.venue, bench.heard);
        }
    }

    #[test]
    fn messages_that_are_a_little_wrong_break_nothing(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        which in any::<prop::sample::Index>(),
    ) {
        let samples = super::testing::SAMPLES;
        let (venue, line, text) = samples[which.index(samples.len())];
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut bench = bench(venue);
        let _ = bench.gateway.read(line, &bytes, NOW, &mut bench.heard);
        bytes.truncate(at);
        let heard = bench.heard.len();
        let _ = bench.gateway.read(line, &bytes, NOW, &mut bench.heard);
        prop_assert_eq!(bench.heard.len(), heard, "half a message says nothing");
    }

    #[test]
    fn each_request_ends_once(deeds in proptest::collection::vec(deed(), 1..60)) {
        for venue in capabilities() {
            let mut bench = bench(venue.venue);
            deeds.iter().for_each(|deed| bench.act(deed));
            // Whatever is left ends now, with the questions that follow from it.
            for _ in 0..4 {
                bench.act(&Deed::Tick);
            }
            prop_assert_eq!(bench.begun, bench.ended(), "{} {:?}", venue.venue, bench.heard);
        }
    }
}
