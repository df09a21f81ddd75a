//! Text for people that several outputs share: figures with units, cells of tables, hints, and how all of it fits a width. Pure.

pub(crate) mod cell;
pub(crate) mod fit;
pub(crate) mod format;
pub(crate) mod glyphs;
pub(crate) mod hint;
pub(crate) mod spread;
pub(crate) mod summary;
