//! Segments through the Arrow C data interface, without building Arrow arrays first.
//!
//! Two forms: exactly the rows of a batch, and the whole segment at once. The second is for
//! consumers that poll: they import a segment once and slice what each poll announces. Rows behind
//! the committed ones are in the export but mean nothing until a poll names them.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use arrow_array::{Array, StringArray};
use rustonite_core::ColumnType;

use crate::batch::Batch;
use crate::segment::Segment;

/// `struct ArrowArray` of the Arrow C data interface.
#[derive(Debug)]
#[repr(C)]
pub struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

// SAFETY: the pointers lead into immutable memory that `private_data` keeps alive by `Arc`s.
unsafe impl Send for ArrowArray {}

impl Drop for ArrowArray {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: not released yet, and released once.
            unsafe { release(self) };
        }
    }
}

/// What an exported node keeps alive until it is released.
struct Node {
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    dictionary: Option<Box<ArrowArray>>,
    _segment: Option<Arc<Segment>>,
    _texts: Option<Arc<StringArray>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        for &child in &self.children {
            // SAFETY: made by `Box::into_raw` in `ArrowArray::new` and owned by this node; a child
            // that the consumer moved away has no release callback any more.
            drop(unsafe { Box::from_raw(child) });
        }
    }
}

unsafe extern "C" fn release(array: *mut ArrowArray) {
    // SAFETY: the consumer passes the array that this module made, once.
    let array = unsafe { &mut *array };
    array.release = None;
    // SAFETY: `private_data` came from `Box::into_raw` in `ArrowArray::new`.
    drop(unsafe { Box::from_raw(array.private_data.cast::<Node>()) });
}

impl ArrowArray {
    fn new(rows: Rows, nullable: bool, node: Node) -> Self {
        let mut node = Box::new(node);
        let dictionary = node.dictionary.as_deref_mut().map_or(null_mut(), std::ptr::from_mut);
        Self {
            length: as_i64(rows.len),
            // -1 lets the consumer count; in a whole segment the count is not known yet.
            null_count: if nullable { -1 } else { 0 },
            offset: as_i64(rows.start),
            n_buffers: as_i64(node.buffers.len()),
            n_children: as_i64(node.children.len()),
            buffers: node.buffers.as_mut_ptr(),
            children: node.children.as_mut_ptr(),
            dictionary,
            release: Some(release),
            private_data: Box::into_raw(node).cast(),
        }
    }
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[derive(Clone, Copy)]
struct Rows {
    start: usize,
    len: usize,
}

/// The rows of a batch as a struct array.
impl From<&Batch> for ArrowArray {
    fn from(batch: &Batch) -> Self {
        export(batch, Rows { start: batch.start, len: batch.len })
    }
}

/// The whole segment that a batch lies in, as a struct array.
pub fn export_segment(batch: &Batch) -> ArrowArray {
    export(batch, Rows { start: 0, len: batch.segment.layout.rows })
}

fn export(batch: &Batch, rows: Rows) -> ArrowArray {
    let columns = 0..batch.schema().columns().len();
    let children =
        columns.map(|column| Box::into_raw(Box::new(export_column(batch, column, rows))));
    let node = Node {
        buffers: vec![std::ptr::null()],
        children: children.collect(),
        dictionary: None,
        _segment: None,
        _texts: None,
    };
    ArrowArray::new(Rows { start: 0, len: rows.len }, false, node)
}

fn export_column(batch: &Batch, column: usize, rows: Rows) -> ArrowArray {
    let segment = &batch.segment;
    let definition = &segment.schema().columns()[column];
    let validity = segment.validity(column).map_or(null_mut(), NonNull::as_ptr);
    let values = segment.values(column).as_ptr().cast_const().cast();
    let mut buffers = vec![validity.cast_const().cast()];
    buffers.extend(segment.offsets(column).map(|start| start.as_ptr().cast_const().cast()));
    let mut children = Vec::new();
    if let ColumnType::List(_) = definition.kind {
        // A whole segment says how many items there may be; a batch, how many there are.
        let last = rows.start + rows.len;
        let items = if last == segment.layout.rows {
            segment.layout.items_max(column)
        } else {
            let ends = segment.committed_offsets(column, last).unwrap_or(&[0]);
            usize::try_from(ends[ends.len() - 1]).unwrap_or(0)
        };
        let node = Node {
            buffers: vec![std::ptr::null(), values],
            children: Vec::new(),
            dictionary: None,
            _segment: Some(Arc::clone(segment)),
            _texts: None,
        };
        let items = ArrowArray::new(Rows { start: 0, len: items }, false, node);
        children.push(Box::into_raw(Box::new(items)));
    } else {
        buffers.push(values);
    }
    let dictionary = batch.texts[column].as_ref().map(|texts| Box::new(export_texts(texts)));
    let node =
        Node { buffers, children, dictionary, _segment: Some(Arc::clone(segment)), _texts: None };
    ArrowArray::new(rows, definition.nullable, node)
}

fn export_texts(texts: &Arc<StringArray>) -> ArrowArray {
    let node = Node {
        buffers: vec![
            std::ptr::null(),
            texts.value_offsets().as_ptr().cast(),
            texts.value_data().as_ptr().cast(),
        ],
        children: Vec::new(),
        dictionary: None,
        _segment: None,
        _texts: Some(Arc::clone(texts)),
    };
    ArrowArray::new(Rows { start: 0, len: texts.len() }, false, node)
}
