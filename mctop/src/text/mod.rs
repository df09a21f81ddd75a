//! Text for people, shared by several outputs: figures with units, table cells, hints, summaries, and fitting them into a width.
//! Pure functions.

pub(crate) mod cell;
pub(crate) mod fit;
pub(crate) mod format;
pub(crate) mod glyphs;
pub(crate) mod hint;
pub(crate) mod json;
pub(crate) mod range;
pub(crate) mod summary;
