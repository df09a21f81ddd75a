//! Finds memcached processes and, for each distinct binary, the probe points.

mod aarch64;
pub mod accuracy;
pub(crate) mod clock;
pub(crate) mod code;
mod command;
pub(crate) mod discover;
pub(crate) mod elf;
mod entry;
mod events;
#[cfg(test)]
mod fixture;
mod load_bias;
pub(crate) mod lookup_site;
mod lookups;
mod options;
pub(crate) mod points;
pub(crate) mod recover;
mod requests;
mod resolve;
mod returns;
mod search;
mod signature;
pub(crate) mod steps;
mod symbolic;
pub(crate) mod symbols;
mod version;

pub use load_bias::load_bias;
pub use options::ResolveOptions;
pub use points::SitePreference;
#[cfg(test)]
pub(crate) use resolve::resolve_image;
pub(crate) use resolve::resolve_process;
pub use resolve::{resolve, resolve_with};

#[cfg(test)]
mod tests;
