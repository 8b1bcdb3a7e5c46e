use rustonite_core::Decimal;

/// Why a level or an order cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// One book cannot count this price and its others in ticks of one size.
    #[error("price {0} is too far from, or too much finer than, the other prices of its book")]
    Price(Box<Decimal>),
    /// The sum of the quantities at a price has more digits than a decimal holds.
    #[error("quantity {0} has too many digits to be added to the others at its price")]
    Size(Box<Decimal>),
    /// An event of an order that lacks its id, side, price or size.
    #[error("an order's event without {0}")]
    Incomplete(&'static str),
}
