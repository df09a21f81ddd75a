//! String constants that only one function of memcached refers to. They are matched by content, so it does not matter whether the
//! linker merged them with equal strings or with longer strings of the same ending.

/// Of `do_item_get`: its debug output, both in the wording before [`ONE_PARSER`](mctop_common::version) and in the current one.
pub(crate) const LOOKUP: &[&str] = &[
    "> NOT FOUND ",
    "> FOUND KEY ",
    " -nuked by flush",
    " -nuked by expire",
    " -removed by flush",
    " -removed by expire",
];

/// Of `do_store_item`.
pub(crate) const STORE: &[&str] = &["CAS:  failure: expected %llu, got %llu\n"];

/// Of `do_add_delta`.
pub(crate) const DELTA: &[&str] = &["Tried to do incr/decr on invalid item\n"];

/// Of `process_command_ascii` from [`ONE_PARSER`](mctop_common::version) on.
pub(crate) const COMMAND: &[&str] = &["COMMAND: %s\n"];

/// Commands with which the text dispatcher compares requests before [`ONE_PARSER`](mctop_common::version). Only administrative ones, because the proxy's
/// dispatcher has the data commands, too.
pub(crate) const ADMINISTRATION: &[&str] = &[
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
pub(crate) const CONNECTION: &[&str] = &["Failed to allocate connection object\n"];

/// All marker strings.
pub(crate) fn all() -> Vec<&'static str> {
    [LOOKUP, STORE, DELTA, COMMAND, ADMINISTRATION, CONNECTION].concat()
}
