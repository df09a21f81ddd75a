//! Limits of memcached's protocol and of the BPF maps.

/// Maximum length of a key in bytes (`KEY_MAX_LENGTH` in memcached.h).
pub const KEY_MAX: usize = 250;

/// Number of 64-bit words that hold a key: the unit in which keys are hashed and stored.
pub const KEY_WORDS: usize = KEY_MAX.div_ceil(8);

/// Default number of probe sites of a loaded object. A server has several.
pub const SITES_MAX: u32 = 256;

/// Maximum number of server threads whose current command is remembered.
pub const THREADS_MAX: u32 = 16_384;

/// How many bytes of a meta command are searched for a flag: the longest key token, and all flags with their longest arguments.
pub const META_LINE_MAX: usize = 448;

/// Maximum number of spaces that are skipped before a verb or a key.
pub const SPACES_MAX: usize = 16;
