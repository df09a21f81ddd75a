//! Finds memcached processes and, for each distinct binary, the probe points.

mod aarch64;
pub mod accuracy;
pub mod clock;
pub mod code;
mod command;
pub mod discover;
pub mod elf;
mod entry;
mod events;
#[cfg(test)]
mod fixture;
mod load_bias;
pub mod lookup_site;
mod lookups;
mod options;
pub mod points;
pub mod recover;
mod requests;
mod resolve;
mod returns;
mod search;
mod signature;
pub mod steps;
mod symbolic;
pub mod symbols;
pub(crate) mod version;

pub use load_bias::load_bias;
pub use options::{ResolveOptions, SitePreference};
pub use resolve::{resolve, resolve_image, resolve_process, resolve_with};
pub use returns::ReturnProbeSafety;

#[cfg(test)]
mod tests;
