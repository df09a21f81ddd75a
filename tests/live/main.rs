//! Live tests: the real `mctop` with real eBPF uprobes on a real, stock memcached.
//!
//! They need root, a kernel with uprobes and eBPF, and `/usr/bin/memcached` or another one that `MCTOP_TEST_MEMCACHED` is the
//! command for. Where that is missing they print `SKIPPED` with the reason, or fail when `MCTOP_TEST_LIVE=required`, as
//! `cargo xtask test` sets it in CI. What the memcached at hand is too old for is printed after `LEFT OUT`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;
mod budget;
mod captures;
mod client;
mod dump;
mod evictions;
mod exact;
mod expiry;
mod fallbacks;
mod generated;
mod harmless;
mod key_detail;
#[path = "../loopback.rs"]
mod loopback;
mod loss;
mod many;
mod misled;
mod observer;
mod operations;
mod proxy;
mod restart;
#[allow(dead_code, reason = "shared with another test program, which needs the rest")]
#[path = "../schema.rs"]
mod schema;
mod server;
mod transports;
mod unattended;
mod version;
mod versions;
