//! Versions of memcached, by which the tests know what a server can do.

pub use mctop_common::version::*;
