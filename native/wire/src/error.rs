use std::fmt::Write as _;

/// Longest part of a message that an error quotes.
const QUOTED_BYTES: usize = 40;

/// Where a message stopped being what its venue sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {position}: found {found}, expected {expected}")]
pub struct Malformed {
    /// Byte offset in the message.
    pub position: usize,
    /// What stands there, escaped and cut.
    pub found: String,
    /// What would have been accepted.
    pub expected: &'static str,
}

/// What codecs return.
pub type Result<T> = std::result::Result<T, Malformed>;

impl Malformed {
    /// An error at a place of a message.
    #[cold]
    pub(crate) fn at(bytes: &[u8], position: usize, expected: &'static str) -> Self {
        let rest = bytes.get(position..).unwrap_or_default();
        let mut found = String::new();
        for &byte in rest.iter().take(QUOTED_BYTES) {
            let printable = byte == b' ' || byte.is_ascii_graphic();
            let _ = if printable {
                write!(found, "{}", char::from(byte))
            } else {
                write!(found, "{}", byte.escape_ascii())
            };
        }
        let found = match rest.len() {
            0 => "the end".to_owned(),
            len if len > QUOTED_BYTES => format!("`{found}…`"),
            _ => format!("`{found}`"),
        };
        Self { position, found, expected }
    }
}
