//! Changes that wait for a picture.

use std::collections::VecDeque;
use std::mem::size_of;

use crate::numbers::Numbers;

/// How much may wait for a picture. What came first is given up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Most messages.
    pub(crate) messages: usize,
    /// Most bytes.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages: 20_000, bytes: 16 << 20 }
    }
}

/// A message without its items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) connection: i64,
    pub(crate) numbers: Numbers,
    pub(crate) checksum: Option<i64>,
    pub(crate) depth: Option<usize>,
    /// How many items it has.
    pub(crate) items: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Held<T> {
    limits: Limits,
    heads: VecDeque<Head>,
    items: VecDeque<T>,
}

impl<T: Clone> Held<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, heads: VecDeque::new(), items: VecDeque::new() }
    }

    pub(crate) fn heads(&self) -> impl Iterator<Item = &Head> {
        self.heads.iter()
    }

    pub(crate) fn push(&mut self, head: Head, items: &[T]) {
        self.heads.push_back(head);
        self.items.extend(items.iter().cloned());
        self.keep_within_limits();
    }

    fn keep_within_limits(&mut self) {
        while self.heads.len() > self.limits.messages || self.bytes() > self.limits.bytes {
            let Some(head) = self.heads.pop_front() else { break };
            self.items.drain(..head.items);
        }
    }

    /// Puts a message before those that wait.
    pub(crate) fn push_front(&mut self, head: Head, items: &[T]) {
        self.heads.push_front(head);
        items.iter().rev().for_each(|item| self.items.push_front(item.clone()));
        self.keep_within_limits();
    }

    /// Takes the first message out; its items replace those in `items`.
    pub(crate) fn pop(&mut self, items: &mut Vec<T>) -> Option<Head> {
        let head = self.heads.pop_front()?;
        items.clear();
        items.extend(self.items.drain(..head.items));
        Some(head)
    }

    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.items.clear();
    }

    fn bytes(&self) -> usize {
        self.heads.len() * size_of::<Head>() + self.items.len() * size_of::<T>()
    }
}
