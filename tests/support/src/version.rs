//! Versions of memcached, by which the tests know which commands a server has.

pub use mctop_common::version::*;
