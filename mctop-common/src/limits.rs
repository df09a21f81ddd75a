//! Sizes that memcached's protocol or the BPF runtime fixes.

/// Longest key memcached accepts, in bytes (`KEY_MAX_LENGTH` in memcached.h).
pub const KEY_MAX: usize = 250;

/// A key's bytes as whole 64-bit words: what the hash reads and the names table stores.
pub const KEY_WORDS: usize = KEY_MAX.div_ceil(8);

/// Most probe sites that one loaded object serves (several sites per server, several servers).
pub const SITES_MAX: u32 = 256;

/// Most server threads with a command under way that are told apart.
pub const THREADS_MAX: u32 = 16_384;

/// How much of a meta command is searched for a flag, in bytes: the longest key token, and all flags with their longest arguments.
pub const META_LINE_MAX: usize = 448;

/// Most spaces in front of a verb or a key that are passed over.
pub const SPACES_MAX: usize = 16;
