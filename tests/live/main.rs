//! Live tests: the real `mctop` with real eBPF uprobes on a real, stock memcached.
//!
//! They need root, a kernel with uprobes and eBPF, and `/usr/bin/memcached` or another one that `MCTOP_TEST_MEMCACHED` is the
//! command for; plain `cargo test` ignores them. What the memcached under test does not have is printed after `LEFT OUT`, and
//! must be declared in `tests/support/src/expected.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;
mod budget;
mod captures;
mod dump;
mod evictions;
mod exact;
mod expiry;
mod fallbacks;
mod generated;
mod harmless;
mod key_detail;
mod loss;
mod many;
mod misled;
mod operations;
mod proxy;
mod restart;
mod transports;
mod unattended;
mod versions;
