//! What mctop's eBPF programs and its user side must agree on: record layouts, the key hash, the verbs of
//! memcached's text protocol, and limits. `no_std`, without dependencies, so that all of it is tested natively.
#![cfg_attr(not(test), no_std)]

pub mod hash;
pub mod item;
pub mod limits;
pub mod records;
pub mod verb;
