//! Order books that are proven right as far as their venue allows.

mod error;
mod far;
mod grid;
mod l2;
mod ladder;
mod marks;

pub use self::{
    error::BookError,
    l2::{Change, L2Book},
};
