//! A picture of a venue's state: the same as its log would come to, without doing it again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dialect::Hall;
use crate::venue::Venue;

pub(crate) type EncodeError = rmp_serde::encode::Error;
pub(crate) type DecodeError = rmp_serde::decode::Error;

/// Writes a part of a picture behind the others.
pub(crate) fn push(picture: &mut Vec<u8>, part: &impl Serialize) -> Result<(), EncodeError> {
    rmp_serde::encode::write(picture, part)
}

/// Reads a part of a picture; what is left is behind it.
pub(crate) fn take<T: DeserializeOwned>(picture: &mut &[u8]) -> Result<T, DecodeError> {
    T::deserialize(&mut rmp_serde::Deserializer::new(picture))
}

/// The same once more, but for what no picture has.
pub(crate) fn copy<T: Serialize + DeserializeOwned>(part: &T) -> Option<T> {
    let mut picture = Vec::new();
    push(&mut picture, part).ok()?;
    take(&mut picture.as_slice()).ok()
}

impl Venue {
    pub(crate) fn picture(&self) -> Result<Vec<u8>, EncodeError> {
        let mut picture = Vec::new();
        push(&mut picture, &self.hall)?;
        push(&mut picture, &self.others)?;
        push(&mut picture, &self.played)?;
        self.dialect.keep(&mut picture)?;
        Ok(picture)
    }

    /// Becomes what a picture shows. Listed is the same.
    pub(crate) fn become_as(&mut self, mut picture: &[u8]) -> Result<(), DecodeError> {
        let hall: Hall = take(&mut picture)?;
        self.others = take(&mut picture)?;
        self.played = take(&mut picture)?;
        self.dialect.restore(&mut picture)?;
        self.hall.become_as(hall);
        Ok(())
    }
}
