//! The texts of dictionary columns: one pool per column for a whole operation, so that rows carry
//! codes that mean the same everywhere and nothing is hashed per row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::error::{InKernel, LakeError, Result};
use crate::layout::Layout;

/// Rows with the same text from which on the text is copied for all of them at once.
const LONG_RUN: usize = 16;
/// Most texts that are made ready to be put down one by one.
const WORDS_MAX: usize = 256;

/// Distinct texts of one column, in order of appearance; a text's position is its code.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    codes: HashMap<Box<str>, i32>,
    texts: Vec<Box<str>>,
    array: Option<Arc<StringArray>>,
}

impl Pool {
    /// The code of a text.
    pub(crate) fn code(&mut self, column: &str, text: &str) -> Result<i32> {
        if let Some(&code) = self.codes.get(text) {
            return Ok(code);
        }
        let code = i32::try_from(self.texts.len()).map_err(|_| {
            LakeError::value(None, column, None, "more distinct texts", "at most 2,147,483,647")
        })?;
        self.texts.push(text.into());
        self.codes.insert(text.into(), code);
        Ok(code)
    }

    pub(crate) fn text(&self, code: i32) -> &str {
        usize::try_from(code).ok().and_then(|code| self.texts.get(code)).map_or("", |text| text)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// For each code its place in the order of texts, byte by byte.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        ranks(&self.texts)
    }

    /// All texts as an Arrow array, made again only after some were added.
    pub(crate) fn array(&mut self) -> Arc<StringArray> {
        if let Some(array) = &self.array
            && array.len() == self.texts.len()
        {
            return Arc::clone(array);
        }
        let mut builder = StringBuilder::new();
        self.texts.iter().for_each(|text| builder.append_value(text));
        let array = Arc::new(builder.finish());
        self.array = Some(Arc::clone(&array));
        array
    }
}

/// For each text its place in the order of all, byte by byte.
pub(crate) fn ranks<T: AsRef<str>>(texts: &[T]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..).take(texts.len()).collect();
    order.sort_unstable_by_key(|&at| texts[at as usize].as_ref());
    let mut ranks = vec![0; order.len()];
    for (rank, &at) in (0..).zip(&order) {
        ranks[at as usize] = rank;
    }
    ranks
}

/// The pools of all columns; `None` where rows carry their values themselves.
#[derive(Debug)]
pub(crate) struct Texts(Vec<Option<Pool>>);

impl Texts {
    pub(crate) fn new(layout: &Layout) -> Self {
        let pool = |coded: bool| coded.then(Pool::default);
        Self(layout.columns.iter().map(|column| pool(column.is_coded())).collect())
    }

    pub(crate) fn pool(&self, column: usize) -> Option<&Pool> {
        self.0[column].as_ref()
    }

    pub(crate) fn pool_mut(&mut self, column: usize) -> Option<&mut Pool> {
        self.0[column].as_mut()
    }

    /// Snapshots of all pools for those that hand rows out.
    pub(crate) fn arrays(&mut self) -> Vec<Option<Arc<StringArray>>> {
        self.0.iter_mut().map(|pool| pool.as_mut().map(Pool::array)).collect()
    }
}

/// Codes with the texts they stand for; other columns as they are.
pub(crate) fn with_texts(array: ArrayRef, texts: Option<&Arc<StringArray>>) -> Result<ArrayRef> {
    let Some(texts) = texts else { return Ok(array) };
    let codes = array.as_primitive::<Int32Type>().clone();
    let texts = Arc::clone(texts);
    Ok(Arc::new(DictionaryArray::try_new(codes, texts).kernel("texts of codes")?))
}

/// Texts instead of codes; other columns as they are.
pub(crate) fn plain_texts(array: ArrayRef, texts: Option<&Arc<StringArray>>) -> Result<ArrayRef> {
    if texts.is_none() {
        return Ok(array);
    }
    spelled(&with_texts(array, texts)?)
}

/// The texts of a dictionary column.
pub(crate) fn spelled(dictionary: &ArrayRef) -> Result<ArrayRef> {
    if let Some(coded) = dictionary.as_dictionary_opt::<Int32Type>()
        && let Some(texts) = coded.values().as_string_opt::<i32>()
        && texts.null_count() == 0
        && let Some(spelled) = spelled_in_runs(coded.keys(), texts)
    {
        return Ok(Arc::new(spelled));
    }
    cast(dictionary, &DataType::Utf8).kernel("texts of codes")
}

/// Rows of files mostly have the text of the row before, so a long run is copied at once. `None` if
/// the texts are too long for one array, or codes are wrong.
fn spelled_in_runs(codes: &Int32Array, texts: &StringArray) -> Option<StringArray> {
    let nulls = codes.nulls();
    let place = |row: usize| {
        let is_null = nulls.is_some_and(|nulls| nulls.is_null(row));
        let code = usize::try_from(codes.value(row)).ok().filter(|code| *code < texts.len());
        if is_null { Some(None) } else { code.map(Some) }
    };
    let words = Words::of(texts);
    let mut offsets = Vec::with_capacity(codes.len() + 1);
    let mut values = Vec::new();
    offsets.push(0);
    for run in runs_of(codes.values(), nulls) {
        let code = place(run.start)?;
        let text = code.map_or(&[][..], |code| texts.value(code).as_bytes());
        let number = |count: usize| i32::try_from(count).ok();
        let (start, rows, length) =
            (number(values.len())?, number(run.len())?, number(text.len())?);
        // No offset is larger than the last.
        rows.checked_mul(length)?.checked_add(start)?;
        offsets.extend((1..=rows).map(|row| start + row * length));
        match words.get(code).filter(|_| run.len() < LONG_RUN) {
            Some(word) => run.for_each(|_| word.put(&mut values)),
            None => repeat(&mut values, text, run.len()),
        }
    }
    let offsets = OffsetBuffer::new(offsets.into());
    StringArray::try_new(offsets, values.into(), nulls.cloned()).ok()
}

/// Short texts, which are put down as eight bytes of which some are taken back: that is less work
/// than to copy so many bytes as a text has.
struct Words(Vec<Option<Word>>);

#[derive(Clone, Copy)]
struct Word {
    bytes: [u8; 8],
    length: usize,
}

impl Words {
    /// No words if it takes long to make them.
    fn of(texts: &StringArray) -> Self {
        let few = if texts.len() <= WORDS_MAX { texts.len() } else { 0 };
        Self((0..few).map(|code| Word::of(texts.value(code).as_bytes())).collect())
    }

    fn get(&self, code: Option<usize>) -> Option<Word> {
        self.0.get(code?).copied().flatten()
    }
}

impl Word {
    fn of(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 8];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, length: text.len() })
    }

    fn put(self, values: &mut Vec<u8>) {
        let end = values.len() + self.length;
        values.extend_from_slice(&self.bytes);
        values.truncate(end);
    }
}

/// Neighbouring rows of one code; where there are nulls, each row is alone.
fn runs_of<'a>(
    codes: &'a [i32],
    nulls: Option<&'a NullBuffer>,
) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let code = codes.get(start)?;
        let same = codes[start..].iter().take_while(|other| *other == code).count();
        next = start + if nulls.is_some() { 1 } else { same };
        Some(start..next)
    })
}

fn repeat(values: &mut Vec<u8>, text: &[u8], times: usize) {
    let start = values.len();
    values.extend_from_slice(text);
    let wanted = text.len() * times;
    while values.len() - start < wanted {
        let more = (values.len() - start).min(wanted - (values.len() - start));
        values.extend_from_within(start..start + more);
    }
}
