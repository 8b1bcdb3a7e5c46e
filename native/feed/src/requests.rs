//! The requests of a connection that may still be answered.

use std::collections::{HashMap, HashSet};

use rustonite_wire::Topic;

#[derive(Debug)]
pub(crate) struct Requests {
    next: i64,
    topics: HashMap<i64, Vec<Topic>>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { next: 1, topics: HashMap::new() }
    }
}

impl Requests {
    /// The number of the next request.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Requests were made, with numbers from the next one on.
    pub(crate) fn passed(&mut self, count: usize) {
        // A number is spent even where the venue is told nothing.
        self.next += i64::try_from(count).unwrap_or(0).max(1);
    }

    /// Topics were asked for in so many messages. Where one message becomes several, any of them may
    /// be answered. What was asked for the same topics before is over.
    pub(crate) fn asked(&mut self, topics: &[Topic], messages: usize) {
        self.forget(topics);
        for number in (self.next..).take(messages) {
            self.topics.insert(number, topics.to_vec());
        }
        self.passed(messages);
    }

    /// Nobody waits for an answer about these topics any more.
    pub(crate) fn forget(&mut self, topics: &[Topic]) {
        let ended: HashSet<&Topic> = topics.iter().collect();
        self.topics.retain(|_, known| {
            known.retain(|topic| !ended.contains(topic));
            !known.is_empty()
        });
    }

    /// Topics of a request.
    pub(crate) fn topics(&self, request: i64) -> Option<&[Topic]> {
        self.topics.get(&request).map(Vec::as_slice)
    }

    /// Topics of a request that was answered for good.
    pub(crate) fn end(&mut self, request: i64) -> Vec<Topic> {
        self.topics.remove(&request).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(symbol: &str) -> Topic {
        Topic { channel: "trade".to_owned(), symbol: Some(symbol.to_owned()) }
    }

    #[test]
    fn asking_again_and_again_keeps_one_request() {
        let mut requests = Requests::default();
        requests.asked(&[topic("A"), topic("B")], 1);
        for _ in 0..1_000 {
            requests.asked(&[topic("A")], 2);
        }
        assert_eq!(requests.topics.len(), 3);
        assert_eq!(requests.topics(1), Some(&[topic("B")][..]));
        let last = requests.next() - 1;
        assert_eq!(requests.end(last), [topic("A")]);
        assert_eq!(requests.topics(last), None);
        requests.forget(&[topic("A"), topic("B")]);
        assert!(requests.topics.is_empty());
    }

    #[test]
    fn every_request_has_a_number_of_its_own() {
        let mut requests = Requests::default();
        requests.asked(&[topic("A")], 3);
        requests.passed(0);
        requests.asked(&[topic("B")], 1);
        assert_eq!(requests.topics(3), Some(&[topic("A")][..]));
        assert_eq!(requests.topics(4), None);
        assert_eq!(requests.topics(5), Some(&[topic("B")][..]));
    }
}
