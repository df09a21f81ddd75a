//! What mctop's eBPF programs and its user side must agree on: record layouts, the key hash, the verbs of
//! memcached's text protocol, what differs between its releases, and limits. `no_std`, without dependencies, so that all of it is tested natively.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod binary;
pub mod focus;
pub mod hash;
pub mod item;
pub mod limits;
pub mod records;
pub mod store;
pub mod table;
pub mod verb;
pub mod verifier;
pub mod version;

#[cfg(feature = "user")]
mod user {
    use crate::{focus, hash, records, table};

    // SAFETY: plain old data without padding, any bit pattern valid (sizes asserted beside each).
    unsafe impl aya::Pod for records::Stats {}
    // SAFETY: as above.
    unsafe impl aya::Pod for records::RareStats {}
    // SAFETY: as above.
    unsafe impl aya::Pod for records::Name {}
    // SAFETY: as above.
    unsafe impl aya::Pod for focus::Focus {}
    // SAFETY: as above.
    unsafe impl aya::Pod for focus::Client {}
    // SAFETY: as above.
    unsafe impl aya::Pod for focus::Waiting {}
    // SAFETY: as above.
    unsafe impl aya::Pod for records::Site {}
    // SAFETY: as above.
    unsafe impl aya::Pod for records::Evidence {}
    // SAFETY: as above.
    unsafe impl aya::Pod for records::Command {}
    // SAFETY: as above.
    unsafe impl aya::Pod for records::Pending {}
    // SAFETY: as above.
    unsafe impl aya::Pod for table::StatsBucket {}
    // SAFETY: as above.
    unsafe impl aya::Pod for hash::Seed {}
}
