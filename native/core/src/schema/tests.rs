use arrow_schema::{DataType, Field, Schema as ArrowSchema, TimeUnit};

use super::*;
use crate::datasets;

#[test]
fn every_embedded_schema_survives_a_trip_through_arrow() {
    for schema in datasets::all() {
        let back = Schema::from_arrow(schema.dataset(), schema.version(), &schema.arrow());
        let back = back.unwrap_or_else(|error| panic!("{}: {error}", schema.dataset()));
        assert_eq!(back.fingerprint(), schema.fingerprint(), "{}", schema.dataset());
    }
}

#[test]
fn spellings_of_types_are_read_back() {
    for schema in datasets::all() {
        for column in schema.columns() {
            assert_eq!(ColumnType::parse(&column.kind.to_string()), Some(column.kind));
        }
    }
    for bad in
        ["", "uint8", "list<utf8>", "dictionary<int64>", "decimal128(39,1)", "list<list<int8>>"]
    {
        assert_eq!(ColumnType::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_fingerprint_covers_name_version_and_every_physical_fact() {
    let column =
        |name: &str, nullable| vec![Column::plain(name, ColumnType::Fixed(Fixed::Int64), nullable)];
    let base = Schema::new("d", 1, column("a", false)).unwrap();
    let others = [
        Schema::new("e", 1, column("a", false)),
        Schema::new("d", 2, column("a", false)),
        Schema::new("d", 1, column("b", false)),
        Schema::new("d", 1, column("a", true)),
        Schema::new("d", 1, vec![Column::plain("a", ColumnType::Fixed(Fixed::Int32), false)]),
    ];
    for other in others {
        assert_ne!(other.unwrap().fingerprint(), base.fingerprint());
    }
    let mut described = column("a", false);
    described[0].about = "words do not matter";
    assert_eq!(Schema::new("d", 1, described).unwrap().fingerprint(), base.fingerprint());
}

#[test]
fn an_older_version_is_the_columns_of_that_time() {
    let mut columns = vec![
        Column::plain("a", ColumnType::Fixed(Fixed::Int64), false),
        Column::plain("b", ColumnType::Utf8, true),
    ];
    columns[1].since = 2;
    let first = Schema::new("d", 1, columns[..1].to_vec()).unwrap();
    let second = Schema::new("d", 2, columns).unwrap();
    assert_eq!(second.at_version(1).unwrap().fingerprint(), first.fingerprint());
    assert_eq!(second.at_version(2).unwrap().fingerprint(), second.fingerprint());
    let error = second.at_version(3).unwrap_err().to_string();
    assert!(error.contains("\"d\" has no version 3: expected 1 to 2"), "{error}");
}

#[test]
fn foreign_types_are_refused_with_a_way_out() {
    let try_type = |kind: DataType| {
        let arrow = ArrowSchema::new(vec![Field::new("x", kind, true)]);
        Schema::from_arrow("mine", 1, &arrow).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(try_type(DataType::LargeUtf8), Ok(()));
    let zoned = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    assert!(try_type(zoned).unwrap_err().ends_with("convert to UTC and drop the zone"));
    let coarse = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert!(try_type(coarse).unwrap_err().ends_with("cast to nanoseconds"));
    assert!(try_type(DataType::UInt64).unwrap_err().ends_with("cast to a signed integer"));
    assert!(try_type(DataType::Boolean).unwrap_err().ends_with("store booleans as int8"));
    assert!(try_type(DataType::Float16).is_err());
}

#[test]
fn names_and_counts_have_bounds() {
    let column = |name: &str| Column::plain(name, ColumnType::Utf8, false);
    let refused = |columns| Schema::new("d", 1, columns).unwrap_err().to_string();
    assert!(refused(vec![]).contains("0 columns"));
    assert!(refused(vec![column("")]).contains("column name \"\""));
    assert!(refused(vec![column("a b")]).contains("column name \"a b\""));
    assert!(refused(vec![column(&"x".repeat(64))]).contains("1 to 63 characters"));
    assert!(refused(vec![column("a"), column("a")]).contains("\"a\" is there twice"));
    let many = (0..=COLUMNS_MAX).map(|n| column(&format!("c{n}"))).collect();
    assert!(refused(many).contains("121 columns"));
}
