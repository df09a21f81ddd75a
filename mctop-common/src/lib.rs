//! What mctop's eBPF programs and user space share: record layouts, the key hash, the verbs of memcached's text protocol,
//! differences between its releases, and limits. `no_std` and without dependencies, so that all of it is tested natively.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod binary;
pub mod hash;
pub mod item;
pub mod key_detail;
pub mod limits;
pub mod records;
pub mod store;
pub mod table;
pub mod verb;
pub mod verifier;
pub mod version;

#[cfg(feature = "user")]
mod user {
    use crate::{hash, key_detail, records, table};

    macro_rules! pod {
        ($($record:path),* $(,)?) => {
            // SAFETY: plain old data without padding, valid for any bit pattern (the modules assert their sizes).
            $(unsafe impl aya::Pod for $record {})*
        };
    }

    pod!(
        records::Stats,
        records::ExtraStats,
        records::Name,
        records::Site,
        records::Evidence,
        records::CurrentCommand,
        records::CurrentLookup,
        key_detail::WatchedKey,
        key_detail::Connection,
        key_detail::PendingReplies,
        table::StatsBucket,
        hash::Seed,
    );
}
