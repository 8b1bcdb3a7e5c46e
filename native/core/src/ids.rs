//! Numbers that stand for names while a process runs. A directory gives them out from 0; files and
//! tapes hold the names.

macro_rules! ids {
    ($($(#[doc = $about:literal])+ $name:ident($kind:ty);)*) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub $kind);

            impl $name {
                /// As a place in a list.
                pub const fn index(self) -> usize {
                    self.0 as usize
                }
            }
        )*
    };
}

ids! {
    /// An account at a venue.
    AccountId(u16);
    /// A strategy of ours.
    StrategyId(u16);
    /// A market.
    VenueId(u16);
    /// An instrument of a venue.
    InstrumentId(u32);
    /// An asset.
    AssetId(u32);
}
