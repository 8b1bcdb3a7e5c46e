//! Levels away from the touch: a sorted list cut into short blocks. Blocks that are not needed any
//! more are kept for later, so that a book whose size has settled allocates nothing.

/// Most levels of a block. Shifting half a block must stay cheap.
const BLOCK: usize = 32;

/// A map from ranks to values in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct Far<T> {
    /// The first rank of each block.
    firsts: Vec<i128>,
    /// Blocks, none of them empty.
    blocks: Vec<Vec<(i128, T)>>,
    spare: Vec<Vec<(i128, T)>>,
    len: usize,
}

impl<T: Copy> Far<T> {
    pub(crate) fn new() -> Self {
        Self { firsts: Vec::new(), blocks: Vec::new(), spare: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first(&self) -> Option<i128> {
        self.firsts.first().copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i128, &T)> {
        self.blocks.iter().flatten().map(|(rank, value)| (*rank, value))
    }

    pub(crate) fn get_mut(&mut self, rank: i128) -> Option<&mut T> {
        let number = self.block_of(rank);
        let block = self.blocks.get_mut(number)?;
        let place = block.binary_search_by_key(&rank, |(rank, _)| *rank).ok()?;
        Some(&mut block[place].1)
    }

    pub(crate) fn get(&self, rank: i128) -> Option<&T> {
        let block = self.blocks.get(self.block_of(rank))?;
        let place = block.binary_search_by_key(&rank, |(rank, _)| *rank).ok()?;
        Some(&block[place].1)
    }

    /// Puts a value in and returns the one that it replaces.
    pub(crate) fn insert(&mut self, rank: i128, value: T) -> Option<T> {
        let number = self.block_of(rank);
        let Some(block) = self.blocks.get_mut(number) else {
            self.insert_block(0, (rank, value));
            return None;
        };
        match block.binary_search_by_key(&rank, |(rank, _)| *rank) {
            Ok(place) => return Some(std::mem::replace(&mut block[place].1, value)),
            Err(place) if block.len() < BLOCK => self.insert_at(number, place, (rank, value)),
            Err(BLOCK) => self.insert_block(number + 1, (rank, value)),
            Err(0) => self.insert_block(number, (rank, value)),
            Err(place) => self.split(number, place, (rank, value)),
        }
        None
    }

    pub(crate) fn remove(&mut self, rank: i128) -> Option<T> {
        let number = self.block_of(rank);
        let block = self.blocks.get(number)?;
        let place = block.binary_search_by_key(&rank, |(rank, _)| *rank).ok()?;
        Some(self.remove_at(number, place).1)
    }

    pub(crate) fn pop_first(&mut self) -> Option<(i128, T)> {
        (self.len > 0).then(|| self.remove_at(0, 0))
    }

    pub(crate) fn pop_last(&mut self) -> Option<(i128, T)> {
        let number = self.blocks.len().checked_sub(1)?;
        Some(self.remove_at(number, self.blocks[number].len() - 1))
    }

    pub(crate) fn clear(&mut self) {
        for mut block in self.blocks.drain(..) {
            block.clear();
            self.spare.push(block);
        }
        self.firsts.clear();
        self.len = 0;
    }

    /// The only block that can hold a rank.
    fn block_of(&self, rank: i128) -> usize {
        self.firsts.partition_point(|first| *first <= rank).saturating_sub(1)
    }

    fn insert_at(&mut self, number: usize, place: usize, entry: (i128, T)) {
        self.blocks[number].insert(place, entry);
        self.firsts[number] = self.blocks[number][0].0;
        self.len += 1;
    }

    fn insert_block(&mut self, number: usize, entry: (i128, T)) {
        let mut block = self.empty_block();
        block.push(entry);
        self.blocks.insert(number, block);
        self.firsts.insert(number, entry.0);
        self.len += 1;
    }

    /// Makes room in a full block by moving its upper half to a new one.
    fn split(&mut self, number: usize, place: usize, entry: (i128, T)) {
        let mut upper = self.empty_block();
        upper.extend(self.blocks[number].drain(BLOCK / 2..));
        self.firsts.insert(number + 1, upper[0].0);
        self.blocks.insert(number + 1, upper);
        match place.checked_sub(BLOCK / 2) {
            Some(place) => self.insert_at(number + 1, place, entry),
            None => self.insert_at(number, place, entry),
        }
    }

    fn remove_at(&mut self, number: usize, place: usize) -> (i128, T) {
        let entry = self.blocks[number].remove(place);
        self.len -= 1;
        if self.blocks[number].is_empty() {
            self.drop_block(number);
        } else {
            self.firsts[number] = self.blocks[number][0].0;
            self.join(number);
        }
        entry
    }

    /// Joins a block that became short with the next one, if both together are short, too.
    fn join(&mut self, number: usize) {
        let mine = self.blocks[number].len();
        let next = self.blocks.get(number + 1).map_or(BLOCK, Vec::len);
        if mine < BLOCK / 4 && mine + next <= BLOCK / 2 {
            let mut next = std::mem::take(&mut self.blocks[number + 1]);
            self.blocks[number].append(&mut next);
            self.blocks[number + 1] = next;
            self.drop_block(number + 1);
        }
    }

    fn drop_block(&mut self, number: usize) {
        let mut block = self.blocks.remove(number);
        block.clear();
        self.spare.push(block);
        self.firsts.remove(number);
    }

    fn empty_block(&mut self) -> Vec<(i128, T)> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }
}
