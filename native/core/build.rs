//! Turns `schemas/*.toml` into Rust: a row type and a schema for each dataset, an enum for each
//! vocabulary, constants for each bitset. A mistake in a file stops the build and names its place.

#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "src/column_type.rs"]
mod column_type;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use column_type::{ColumnType, Fixed, Key};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vocabularies {
    vocabulary: Vec<VocabularyFile>,
    bitset: Vec<BitsetFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VocabularyFile {
    name: String,
    about: String,
    values: Vec<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BitsetFile {
    name: String,
    about: String,
    bits: Vec<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    name: String,
    about: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetFile {
    dataset: String,
    version: u32,
    about: String,
    time: String,
    sort: Vec<String>,
    column: Vec<ColumnFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnFile {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    nullable: bool,
    #[serde(default = "first_version")]
    since: u32,
    #[serde(default)]
    unit: String,
    about: String,
    parquet: String,
    vocabulary: Option<String>,
    bitset: Option<String>,
}

fn first_version() -> u32 {
    1
}

fn main() {
    let folder = Path::new("../../schemas");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut out = String::from(
        "use std::sync::{Arc, LazyLock};\n\
         use crate::column_type::{ColumnType, Fixed, Key};\n\
         use crate::row::{Code, Draft, Row, RowSink, Texts};\n\
         use crate::schema::{Bitset, Column, ParquetEncoding, Schema, Vocabulary};\n",
    );
    let words: Vocabularies = read(&folder.join("vocabularies.toml"));
    let words_used = Words::collect(&words, &mut out);
    let mut datasets = Vec::new();
    let mut drafts = String::new();
    for path in dataset_files(folder) {
        let dataset: DatasetFile = read(&path);
        dataset.check(&path, &words_used);
        dataset.generate(&mut out);
        dataset.generate_draft(&mut drafts);
        datasets.push(camel(&dataset.dataset));
    }
    write!(
        out,
        "
/// Rows whose codes are still texts, as decoders make them. [`Draft::bind`] gives them codes.
pub mod draft {{
    use super::{{Draft, Texts}};
{drafts}}}
"
    )
    .expect("text grows");
    out.push_str("\npub(super) static ALL: &[fn() -> &'static Arc<Schema>] = &[");
    out.extend(datasets.iter().map(|name| format!("{name}::schema, ")));
    out.push_str("];\n");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(target.join("datasets.rs"), out).expect("OUT_DIR takes files");
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn dataset_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder entry").path()).collect();
    paths.retain(|path| {
        path.extension().is_some_and(|end| end == "toml") && !path.ends_with("vocabularies.toml")
    });
    paths.sort();
    paths
}

/// Names of the vocabularies (with how many words each has) and bitsets that columns may refer to.
struct Words {
    vocabularies: BTreeMap<String, usize>,
    bitsets: BTreeMap<String, usize>,
}

impl Words {
    fn collect(words: &Vocabularies, out: &mut String) -> Self {
        words.vocabulary.iter().for_each(|vocabulary| vocabulary.generate(out));
        words.bitset.iter().for_each(|bitset| bitset.generate(out));
        let sizes = |names: Vec<(&String, usize)>| {
            names.into_iter().map(|(name, size)| (name.clone(), size)).collect()
        };
        Self {
            vocabularies: sizes(
                words.vocabulary.iter().map(|v| (&v.name, v.values.len())).collect(),
            ),
            bitsets: sizes(words.bitset.iter().map(|b| (&b.name, b.bits.len())).collect()),
        }
    }
}

fn pairs(words: &[Word]) -> String {
    words.iter().map(|word| format!("({:?}, {:?}), ", word.name, word.about)).collect()
}

impl VocabularyFile {
    fn generate(&self, out: &mut String) {
        assert!(self.values.len() <= 127, "vocabulary {}: more than 127 words", self.name);
        let (name, upper) = (camel(&self.name), self.name.to_uppercase());
        let variants: String = (self.values.iter().enumerate())
            .map(|(code, word)| {
                let default = if code == 0 { "#[default] " } else { "" };
                format!("    /// {}\n    {default}{} = {code},\n", word.about, camel(&word.name))
            })
            .collect();
        let arms: String = (self.values.iter())
            .map(|word| format!("            Self::{} => {:?},\n", camel(&word.name), word.name))
            .collect();
        let parse: String = (self.values.iter())
            .map(|word| format!("            {:?} => Self::{},\n", word.name, camel(&word.name)))
            .collect();
        let (about, values) = (&self.about, pairs(&self.values));
        write!(
            out,
            "
/// {about}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i8)]
pub enum {name} {{
{variants}}}

impl {name} {{
    /// The word that tapes and the lake show.
    pub const fn name(self) -> &'static str {{
        match self {{
{arms}        }}
    }}

    /// The value a word names.
    pub fn parse(word: &str) -> Option<Self> {{
        Some(match word {{
{parse}            _ => return None,
        }})
    }}
}}

/// {about}
pub static {upper}: Vocabulary = Vocabulary {{
    name: {:?}, about: {about:?}, values: &[{values}],
}};
",
            self.name
        )
        .expect("text grows");
    }
}

impl BitsetFile {
    fn generate(&self, out: &mut String) {
        assert!(self.bits.len() <= 31, "bitset {}: more than 31 bits", self.name);
        let constants: String = (self.bits.iter().enumerate())
            .map(|(bit, word)| {
                let upper = word.name.to_uppercase();
                format!("    /// {}\n    pub const {upper}: i32 = 1 << {bit};\n", word.about)
            })
            .collect();
        let (name, about, upper, bits) =
            (&self.name, &self.about, self.name.to_uppercase(), pairs(&self.bits));
        write!(
            out,
            "
/// {about}
pub mod {name} {{
{constants}}}

/// {about}
pub static {upper}: Bitset = Bitset {{ name: {name:?}, about: {about:?}, bits: &[{bits}] }};
"
        )
        .expect("text grows");
    }
}

impl ColumnFile {
    fn kind(&self) -> ColumnType {
        ColumnType::parse(&self.kind)
            .unwrap_or_else(|| panic!("column {}: type {:?}", self.name, self.kind))
    }

    /// Type of the field in the row struct, without `Option`.
    fn rust_type(&self) -> String {
        match self.kind() {
            ColumnType::Fixed(fixed) => rust_fixed(fixed).to_owned(),
            ColumnType::Utf8 => "&'a str".to_owned(),
            ColumnType::Binary => "&'a [u8]".to_owned(),
            ColumnType::List(item) => format!("&'a [{}]", rust_fixed(item)),
            ColumnType::Dictionary(key) => match &self.vocabulary {
                Some(vocabulary) => camel(vocabulary),
                None => format!("Code<{}>", rust_fixed(key.fixed())),
            },
        }
    }

    /// Whether the field is a code whose text is not known when this is built.
    fn is_open(&self) -> bool {
        self.vocabulary.is_none() && matches!(self.kind(), ColumnType::Dictionary(_))
    }

    /// Type of the field in the draft of a row, without `Option`.
    fn draft_type(&self) -> String {
        if self.is_open() { "&'a str".to_owned() } else { self.rust_type() }
    }

    /// The expression that makes the row's field of the draft's.
    fn bind_expression(&self, position: usize) -> String {
        let field = &self.name;
        match (self.is_open(), self.nullable) {
            (false, _) => format!("self.{field}"),
            (true, false) => format!("codes.code::<{position}, _>(self.{field})?"),
            (true, true) => format!(
                "match self.{field} {{ Some(text) => Some(codes.code::<{position}, _>(text)?), None => None }}"
            ),
        }
    }

    /// The statement that hands the field to the sink.
    fn write_statement(&self, position: usize) -> String {
        let field = &self.name;
        match (self.kind(), &self.vocabulary, self.nullable) {
            (ColumnType::Fixed(_), _, false) => {
                format!("sink.fixed::<{position}, _>(self.{field});")
            }
            (ColumnType::Fixed(_), _, true) => {
                format!("sink.fixed_or_null::<{position}, _>(self.{field});")
            }
            (ColumnType::Dictionary(_), Some(_), false) => {
                format!("sink.fixed::<{position}, i8>(self.{field} as i8);")
            }
            (ColumnType::Dictionary(_), Some(_), true) => {
                format!(
                    "sink.fixed_or_null::<{position}, i8>(self.{field}.map(|word| word as i8));"
                )
            }
            (ColumnType::Dictionary(_), None, false) => {
                format!("sink.code::<{position}, _>(self.{field})?;")
            }
            (ColumnType::Dictionary(_), None, true) => {
                format!("sink.code_or_null::<{position}, _>(self.{field})?;")
            }
            (ColumnType::Utf8, _, false) => {
                format!("sink.bytes::<{position}>(Some(self.{field}.as_bytes()))?;")
            }
            (ColumnType::Utf8, _, true) => {
                format!("sink.bytes::<{position}>(self.{field}.map(str::as_bytes))?;")
            }
            (ColumnType::Binary, _, false) => {
                format!("sink.bytes::<{position}>(Some(self.{field}))?;")
            }
            (ColumnType::Binary, _, true) => format!("sink.bytes::<{position}>(self.{field})?;"),
            (ColumnType::List(_), _, false) => {
                format!("sink.list::<{position}, _>(Some(self.{field}))?;")
            }
            (ColumnType::List(_), _, true) => format!("sink.list::<{position}, _>(self.{field})?;"),
        }
    }

    fn schema_entry(&self) -> String {
        let reference = |name: &Option<String>| match name {
            Some(name) => format!("Some(&{})", name.to_uppercase()),
            None => "None".to_owned(),
        };
        format!(
            "        Column {{ name: {:?}.to_owned(), kind: {}, nullable: {}, since: {}, unit: {:?}, \
             about: {:?}, parquet: ParquetEncoding::{}, vocabulary: {}, bitset: {} }},\n",
            self.name,
            kind_expression(self.kind()),
            self.nullable,
            self.since,
            self.unit,
            self.about,
            camel(&self.parquet),
            reference(&self.vocabulary),
            reference(&self.bitset),
        )
    }

    fn check(&self, place: &str, words: &Words) {
        let encodings = [
            "plain",
            "dictionary",
            "delta_binary_packed",
            "byte_stream_split",
            "delta_length_byte_array",
            "delta_byte_array",
        ];
        let column = &self.name;
        assert!(ColumnType::parse(&self.kind).is_some(), "{place}: {column}: type {:?}", self.kind);
        assert!(
            encodings.contains(&self.parquet.as_str()),
            "{place}: {column}: {:?}",
            self.parquet
        );
        if let Some(name) = &self.vocabulary {
            let fits = self.kind() == ColumnType::Dictionary(Key::Int8);
            assert!(fits, "{place}: {column}: a vocabulary needs dictionary<int8>");
            assert!(
                words.vocabularies.contains_key(name),
                "{place}: {column}: vocabulary {name:?}"
            );
        }
        if let Some(name) = &self.bitset {
            let bits = words.bitsets.get(name);
            assert!(bits.is_some(), "{place}: {column}: bitset {name:?}");
            let fits = self.kind() == ColumnType::Fixed(Fixed::Int32);
            assert!(fits, "{place}: {column}: a bitset needs int32");
        }
    }
}

impl DatasetFile {
    fn check(&self, path: &Path, words: &Words) {
        let place = path.display().to_string();
        assert!(
            path.file_stem().is_some_and(|stem| stem == self.dataset.as_str()),
            "{place}: name"
        );
        self.column.iter().for_each(|column| column.check(&place, words));
        let find = |name: &str| {
            self.column
                .iter()
                .find(|column| column.name == name)
                .unwrap_or_else(|| panic!("{place}: {name:?}"))
        };
        let time = find(&self.time);
        let timed = time.kind() == ColumnType::Fixed(Fixed::TimestampNs) && !time.nullable;
        assert!(timed, "{place}: time column {:?} must be a timestamp and set", self.time);
        for name in &self.sort {
            find(name);
        }
        let newest = self.column.iter().map(|column| column.since).max();
        assert!(newest <= Some(self.version), "{place}: a column is newer than the dataset");
        let in_order = self.column.is_sorted_by_key(|column| column.since);
        assert!(in_order, "{place}: new columns go last, so that old positions stay");
    }

    fn generate(&self, out: &mut String) {
        let name = camel(&self.dataset);
        let lifetime = self.column.iter().any(|column| column.rust_type().starts_with('&'));
        let (generics, anonymous, forever) =
            if lifetime { ("<'a>", "<'_>", "<'static>") } else { ("", "", "") };
        let fields: String = (self.column.iter())
            .map(|column| {
                let kind = column.rust_type();
                let kind = if column.nullable { format!("Option<{kind}>") } else { kind };
                format!("    /// {}\n    pub {}: {kind},\n", column.about, column.name)
            })
            .collect();
        let entries: String = self.column.iter().map(ColumnFile::schema_entry).collect();
        let writes: String = (self.column.iter().enumerate())
            .map(|(position, column)| format!("        {}\n", column.write_statement(position)))
            .collect();
        let (about, count) = (&self.about, self.column.len());
        write!(
            out,
            "
/// {about}
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct {name}{generics} {{
{fields}}}

impl Row for {name}{anonymous} {{
    type Static = {name}{forever};

    const COLUMNS: usize = {count};

    fn schema() -> &'static Arc<Schema> {{
        static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {{
            let columns = vec![
{entries}            ];
            let schema = Schema::new({:?}, {}, columns).expect(\"checked by the build script\");
            Arc::new(schema.described({about:?}, {:?}, &{:?}))
        }});
        &SCHEMA
    }}

    #[inline]
    fn write<S: RowSink>(&self, sink: &mut S) -> Result<(), S::Error> {{
{writes}        Ok(())
    }}
}}
",
            self.dataset, self.version, self.time, self.sort
        )
        .expect("text grows");
    }
}

impl DatasetFile {
    fn generate_draft(&self, out: &mut String) {
        let name = camel(&self.dataset);
        if !self.column.iter().any(ColumnFile::is_open) {
            return;
        }
        let row_is_generic = self.column.iter().any(|column| column.rust_type().starts_with('&'));
        let (generics, lifetime, of_row) =
            if row_is_generic { ("<'a>", "'a", "<'a>") } else { ("", "'_", "") };
        let fields: String = (self.column.iter())
            .map(|column| {
                let kind = match column.draft_type() {
                    // Vocabularies are siblings of this module.
                    word if column.vocabulary.is_some() => format!("super::{word}"),
                    kind => kind,
                };
                let kind = if column.nullable { format!("Option<{kind}>") } else { kind };
                format!("        /// {}\n        pub {}: {kind},\n", column.about, column.name)
            })
            .collect();
        let bound: String = (self.column.iter().enumerate())
            .map(|(position, column)| {
                format!("                {}: {},\n", column.name, column.bind_expression(position))
            })
            .collect();
        let about = &self.about;
        write!(
            out,
            "
    /// {about}
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct {name}<'a> {{
{fields}    }}

    impl{generics} Draft for {name}<{lifetime}> {{
        type Row = super::{name}{of_row};

        #[inline]
        fn bind<T: Texts>(&self, codes: &mut T) -> Result<Self::Row, T::Error> {{
            Ok(Self::Row {{
{bound}            }})
        }}
    }}
"
        )
        .expect("text grows");
    }
}

fn rust_fixed(fixed: Fixed) -> &'static str {
    match fixed {
        Fixed::Int8 => "i8",
        Fixed::Int16 => "i16",
        Fixed::Int32 | Fixed::Date32 => "i32",
        Fixed::Int64 | Fixed::TimestampNs => "i64",
        Fixed::Float32 => "f32",
        Fixed::Float64 => "f64",
        Fixed::Decimal128 { .. } => "i128",
        Fixed::Bytes(16) => "[u8; 16]",
        Fixed::Bytes(_) => panic!("fixed_size_binary: only 16 bytes have a row field"),
    }
}

fn kind_expression(kind: ColumnType) -> String {
    match kind {
        ColumnType::Fixed(fixed) => format!("ColumnType::Fixed(Fixed::{fixed:?})"),
        ColumnType::List(item) => format!("ColumnType::List(Fixed::{item:?})"),
        ColumnType::Dictionary(key) => format!("ColumnType::Dictionary(Key::{key:?})"),
        ColumnType::Utf8 | ColumnType::Binary => format!("ColumnType::{kind:?}"),
    }
}

fn camel(snake: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    snake.split('_').map(capital).collect()
}
