//! String constants that only one function of memcached refers to. They are matched by content, which survives the
//! merging of equal strings and of strings that end alike.

/// Of `do_item_get`: its debug output, in the wording up to 1.6.39 and of today.
pub const LOOKUP: &[&str] = &[
    "> NOT FOUND ",
    "> FOUND KEY ",
    " -nuked by flush",
    " -nuked by expire",
    " -removed by flush",
    " -removed by expire",
];

/// Of `do_store_item`.
pub const STORE: &[&str] = &["CAS:  failure: expected %llu, got %llu\n"];

/// Of `do_add_delta`.
pub const DELTA: &[&str] = &["Tried to do incr/decr on invalid item\n"];

/// Of `process_command_ascii` from 1.6.40 on.
pub const COMMAND: &[&str] = &["COMMAND: %s\n"];

/// Commands that the text dispatcher compares with up to 1.6.39. Administrative ones, because the proxy's dispatcher
/// knows the data commands too.
pub const ADMINISTRATION: &[&str] = &[
    "verbosity",
    "flush_all",
    "cache_memlimit",
    "shutdown",
    "lru_crawler",
    "slabs",
    "watch",
    "HTTP/",
    "extstore",
    "refresh_certs",
    "bget",
    "quit",
    "lru",
    "config",
];

/// Of `conn_new`.
pub const CONNECTION: &[&str] = &["Failed to allocate connection object\n"];

/// All of them.
#[must_use]
pub fn all() -> Vec<&'static str> {
    [LOOKUP, STORE, DELTA, COMMAND, ADMINISTRATION, CONNECTION].concat()
}
