//! What was sent lately: client ids, and orders that look alike. Both forget the oldest.

/// Spreads the bits of two numbers over one.
#[inline]
pub(crate) fn mixed(one: u64, other: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let wide = u128::from(one ^ ODD) * u128::from(other ^ ODD.rotate_left(32));
    let low = u64::try_from(wide & u128::from(u64::MAX)).unwrap_or_default();
    low ^ u64::try_from(wide >> 64).unwrap_or_default()
}

/// Which set a number belongs to.
#[inline]
fn set_of(number: u64, mask: u64) -> usize {
    // Numbers that count up fall into sets in turn, mixed ones anywhere.
    usize::try_from((number ^ number >> 32) & mask).unwrap_or_default()
}

fn sets(places: usize, each: usize) -> (usize, u64) {
    let count = places.div_ceil(each).max(1).next_power_of_two();
    (count, count as u64 - 1)
}

/// The last client ids.
#[derive(Clone, Debug)]
pub(crate) struct ClientIds {
    sets: Vec<[u64; 8]>,
    oldest: Vec<u8>,
    mask: u64,
}

impl ClientIds {
    pub(crate) fn new(remembered: usize) -> Self {
        // Ids do not fill the sets evenly, so there are twice as many places.
        let (count, mask) = sets(remembered.saturating_mul(2), 8);
        Self { sets: vec![[0; 8]; count], oldest: vec![0; count], mask }
    }

    /// Whether it was seen; 0 always was.
    #[inline]
    pub(crate) fn has(&self, id: u64) -> bool {
        let is_in = |set: &[u64; 8]| set.iter().map(|other| u8::from(*other == id)).sum::<u8>() > 0;
        id == 0 || self.sets.get(set_of(id, self.mask)).is_none_or(is_in)
    }

    pub(crate) fn insert(&mut self, id: u64) {
        let at = set_of(id, self.mask);
        let (Some(set), Some(oldest)) = (self.sets.get_mut(at), self.oldest.get_mut(at)) else {
            return;
        };
        set[usize::from(*oldest & 7)] = id;
        *oldest = oldest.wrapping_add(1);
    }
}

/// When orders that look like another were sent.
#[derive(Clone, Debug)]
pub(crate) struct Likes {
    sets: Vec<[(u64, i64); 4]>,
    mask: u64,
}

impl Likes {
    pub(crate) fn new(remembered: usize) -> Self {
        let (count, mask) = sets(remembered.saturating_mul(2), 4);
        Self { sets: vec![[(0, i64::MIN); 4]; count], mask }
    }

    /// When one like it was sent last, or `i64::MIN`.
    #[inline]
    pub(crate) fn last(&self, look: u64) -> i64 {
        let Some(set) = self.sets.get(set_of(look, self.mask)) else { return i64::MIN };
        set.iter().fold(i64::MIN, |last, (other, ts)| if *other == look { *ts } else { last })
    }

    pub(crate) fn insert(&mut self, look: u64, now: i64) {
        let Some(set) = self.sets.get_mut(set_of(look, self.mask)) else { return };
        let same = set.iter().position(|(other, _)| *other == look);
        let oldest = || (0..set.len()).min_by_key(|at| set[*at].1).unwrap_or_default();
        let at = same.unwrap_or_else(oldest);
        set[at] = (look, now);
    }
}
