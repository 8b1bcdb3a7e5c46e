//! Which slots of a ring are taken: a bit each, and a bit per word of bits, so that the next taken
//! slot is found in a few instructions however far away it is.

/// Most slots that one word can sum up.
pub(crate) const SLOTS_MAX: usize = 64 * 64;

/// Bits of a ring of slots, a power of two of at least 64.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    words: Vec<u64>,
    /// Bit `n` is set where `words[n]` is not zero.
    summary: u64,
}

impl Marks {
    pub(crate) fn new(slots: usize) -> Self {
        Self { words: vec![0; slots / 64], summary: 0 }
    }

    #[inline]
    pub(crate) fn contains(&self, slot: usize) -> bool {
        self.words[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Marks a slot; whether it was marked before.
    #[inline]
    pub(crate) fn set(&mut self, slot: usize) -> bool {
        let word = &mut self.words[slot / 64];
        let before = *word;
        *word |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
        before == *word
    }

    /// Frees a slot that is marked.
    #[inline]
    pub(crate) fn clear(&mut self, slot: usize) {
        let word = &mut self.words[slot / 64];
        *word &= !(1 << (slot % 64));
        if *word == 0 {
            self.summary &= !(1 << (slot / 64));
        }
    }

    pub(crate) fn clear_all(&mut self) {
        self.words.fill(0);
        self.summary = 0;
    }

    /// The first marked slot from `start` on, going round; `None` if there is none at all.
    #[inline]
    pub(crate) fn first_from(&self, start: usize) -> Option<usize> {
        let (word, from) = (start / 64, u64::MAX << (start % 64));
        let here = self.words[word];
        if here & from != 0 {
            return Some(lowest(word, here & from));
        }
        let after = self.summary & (u64::MAX << word << 1);
        let before = self.summary & !(u64::MAX << word);
        let next = if after != 0 { after } else { before };
        if next != 0 {
            let word = next.trailing_zeros() as usize;
            return Some(lowest(word, self.words[word]));
        }
        (here != 0).then(|| lowest(word, here))
    }

    /// The last marked slot before `end`, going round backwards; `None` if there is none at all.
    #[inline]
    pub(crate) fn last_before(&self, end: usize) -> Option<usize> {
        let (word, below) = (end / 64, !(u64::MAX << (end % 64)));
        let here = self.words[word];
        if here & below != 0 {
            return Some(highest(word, here & below));
        }
        let before = self.summary & !(u64::MAX << word);
        let after = self.summary & (u64::MAX << word << 1);
        let next = if before != 0 { before } else { after };
        if next != 0 {
            let word = 63 - next.leading_zeros() as usize;
            return Some(highest(word, self.words[word]));
        }
        (here != 0).then(|| highest(word, here))
    }
}

fn lowest(word: usize, bits: u64) -> usize {
    word * 64 + bits.trailing_zeros() as usize
}

fn highest(word: usize, bits: u64) -> usize {
    word * 64 + 63 - bits.leading_zeros() as usize
}
