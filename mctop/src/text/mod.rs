//! Text for people that several outputs share: figures with units, cells of tables, hints, and how all of it fits a width. Pure.

pub mod cell;
pub mod fit;
pub mod format;
pub mod glyphs;
pub mod hint;
pub mod spread;
pub mod summary;
