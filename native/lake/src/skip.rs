//! Pages of sorted files that cannot hold the newest row of any key: all their rows have one key,
//! and the next page goes on with it.

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use crate::error::Result;
use crate::last::Newness;
use crate::layout::Layout;
use crate::metadata::Opened;

/// Bytes from which a bound may be cut off.
const BOUND_BYTES_SURE: usize = 64;

/// A page of the key columns.
struct Page {
    group: usize,
    rows: usize,
    /// The one key of all its rows, if they have one.
    key: Option<Vec<Vec<u8>>>,
}

/// Row groups and the rows of them that may be the newest; `None` is all.
pub(crate) fn outer_pages(
    file: &Opened,
    layout: &Layout,
    newness: &Newness,
) -> Result<Vec<(usize, Option<RowSelection>)>> {
    let groups = 0..file.metadata.num_row_groups();
    let Some(leaves) = sorted_leaves(file, layout, newness) else {
        return Ok(groups.map(|group| (group, None)).collect());
    };
    let indexed = file.with_page_index(&leaves, &leaves)?;
    let mut pages = Vec::new();
    for group in groups {
        pages.extend(pages_of(&indexed, &leaves, group, file.group_rows(group)));
    }
    let mut outer: Vec<(usize, Vec<RowSelector>)> = Vec::new();
    for (at, page) in pages.iter().enumerate() {
        let next = pages.get(at + 1).and_then(|next| next.key.as_ref());
        let inner = page.key.is_some() && page.key.as_ref() == next;
        let rows =
            if inner { RowSelector::skip(page.rows) } else { RowSelector::select(page.rows) };
        match outer.last_mut() {
            Some((group, selectors)) if *group == page.group => selectors.push(rows),
            _ => outer.push((page.group, vec![rows])),
        }
    }
    outer.retain(|(_, rows)| rows.iter().any(|rows| !rows.skip));
    Ok(outer.into_iter().map(|(group, rows)| (group, Some(RowSelection::from(rows)))).collect())
}

/// Leaves of the key columns that differ within a file, and behind them the arrival's, if the file
/// says that it is sorted by just these.
fn sorted_leaves(file: &Opened, layout: &Layout, newness: &Newness) -> Option<Vec<usize>> {
    let descriptor = file.metadata.file_metadata().schema_descr();
    let leaf = |position: usize| {
        let name = &layout.column(position).name;
        (0..descriptor.num_columns())
            .find(|&leaf| descriptor.column(leaf).path().parts() == std::slice::from_ref(name))
    };
    let differ = newness.key.iter().filter(|at| !layout.partition.contains(at));
    let mut leaves = differ.map(|&at| leaf(at)).collect::<Option<Vec<_>>>()?;
    let keys = leaves.len();
    leaves.push(leaf(newness.arrival?)?);
    for group in file.metadata.row_groups() {
        let sorted = group.sorting_columns()?.iter();
        let sorted = sorted.take_while(|column| !column.descending && !column.nulls_first);
        let sorted: Vec<_> = sorted.map(|column| usize::try_from(column.column_idx).ok()).collect();
        let front = sorted.get(..keys)?;
        let same = leaves[..keys].iter().all(|&leaf| front.contains(&Some(leaf)));
        if !same || sorted.get(keys) != Some(&Some(leaves[keys])) {
            return None;
        }
    }
    Some(leaves)
}

/// The pages of a row group; a single one without a key if the index does not tell.
fn pages_of(metadata: &ParquetMetaData, leaves: &[usize], group: usize, rows: usize) -> Vec<Page> {
    let index = metadata.page_index_for_row_group(group);
    let whole = || vec![Page { group, rows, key: None }];
    let (Some((_, keys)), Some(first)) = (leaves.split_last(), leaves.first()) else {
        return whole();
    };
    let starts = |leaf: usize| {
        let pages = index.page_locations(leaf)?.iter();
        pages.map(|page| usize::try_from(page.first_row_index).ok()).collect::<Option<Vec<_>>>()
    };
    let Some(bounds) = starts(*first) else { return whole() };
    if leaves.iter().any(|&leaf| starts(leaf).as_ref() != Some(&bounds)) {
        return whole();
    }
    let ends = bounds.iter().skip(1).copied().chain([rows]);
    let page = |(page, (&start, end)): (usize, (&usize, usize))| {
        // A null arrival sorts last and is no arrival at all.
        let certain = leaves.iter().all(|&leaf| {
            index.column_index(leaf).is_some_and(|index| index.null_count(page) == Some(0))
        });
        let key = keys.iter().map(|&leaf| only_value(index.column_index(leaf)?, page));
        let key = if certain { key.collect() } else { None };
        Page { group, rows: end - start, key }
    };
    bounds.iter().zip(ends).enumerate().map(page).collect()
}

/// The value of all rows of a page, if its bounds are equal.
fn only_value(index: &ColumnIndexMetaData, page: usize) -> Option<Vec<u8>> {
    match index {
        ColumnIndexMetaData::INT32(index) => {
            let (least, most) = (index.min_value(page)?, index.max_value(page)?);
            (least == most).then(|| least.to_le_bytes().to_vec())
        }
        ColumnIndexMetaData::INT64(index) => {
            let (least, most) = (index.min_value(page)?, index.max_value(page)?);
            (least == most).then(|| least.to_le_bytes().to_vec())
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            let (least, most) = (index.min_value(page)?, index.max_value(page)?);
            (least == most && least.len() < BOUND_BYTES_SURE).then(|| least.to_vec())
        }
        _ => None,
    }
}
