//! Operations of the classic text protocol.

use mctop_test_support::version::{GET_AND_TOUCH, ONE_PARSER};

use super::case::{Case, Cells, KeyForm, NONE, Own, Requests::*, Ttl, case, nothing};

/// An item of five bytes with a TTL of 300 seconds.
pub const ITEM: &str = "set {k} 7 300 5\r\nhello\r\n";
/// No item.
pub const ABSENT: &str = "";
/// A number of two digits that never expires.
pub const NUMBER: &str = "set {k} 0 0 2\r\n98\r\n";

/// The item was seen.
pub const SEEN: Cells = Cells { size: Some(5), ttl: Ttl::Seconds(300), ..NONE };
const NUMBER_SEEN: Cells = Cells { size: Some(2), ttl: Ttl::Never, ..NONE };

pub const HIT: Cells = Cells { hits: 1, sent: 5, ..SEEN };
pub const MISS: Cells = Cells { misses: 1, ..NONE };
/// A storage command with five bytes and a TTL of 300 seconds.
pub const STORED: Cells = Cells { sets: 1, received: 5, ..SEEN };
pub const DELETED: Cells = Cells { deletes: 1, delete_hits: 1, ..SEEN };
pub const NOT_DELETED: Cells = Cells { deletes: 1, ..NONE };
pub const OTHER_HIT: Cells = Cells { other: 1, other_hits: 1, ..SEEN };
/// A storage command that is refused, and removes an item.
pub const REFUSED: Cells = Cells { sets: 1, ..SEEN };
pub const OTHER_MISS: Cells = Cells { other: 1, ..NONE };
const COUNTED: Cells = Cells { other: 1, other_hits: 1, ..NUMBER_SEEN };

/// memcached counts these as touches.
pub const TOUCHED_HIT: Own = &[("get_hits", -1), ("touch_hits", 1)];
pub const TOUCHED_MISS: Own = &[("get_misses", -1), ("touch_misses", 1)];
/// memcached does not count these as sets.
pub const NO_SET: Own = &[("cmd_set", -1)];
/// memcached counts an incr only once it knows a number.
const NOT_COUNTED: Own = &[("incr_hits", -1)];

/// An item of this size is stored in several chunks.
const LARGE: usize = 700_000;

pub const READS: &[Case] = &[
    case("`get k`, found", ITEM, Text("get {k}\r\n"), HIT),
    case("`get k`, not found", ABSENT, Text("get {k}\r\n"), MISS),
    case("`gets k`, found", ITEM, Text("gets {k}\r\n"), HIT),
    case("`gets k`, not found", ABSENT, Text("gets {k}\r\n"), MISS),
    case("`get k k`, found", ITEM, Text("get {k} {k}\r\n"), Cells { hits: 2, sent: 10, ..HIT }),
    case("`get` of 1,000 keys, each found", ITEM, Text("get {ks}\r\n"), HIT).copies(1000),
    case("`get` of 1,000 keys, none found", ABSENT, Text("get {ks}\r\n"), MISS).copies(1000),
    case("`gat 200 k`, found", ITEM, Text("gat 200 {k}\r\n"), HIT).since(GET_AND_TOUCH).own(TOUCHED_HIT),
    case("`gat 200 k`, not found", ABSENT, Text("gat 200 {k}\r\n"), MISS).since(GET_AND_TOUCH).own(TOUCHED_MISS),
    case("`gats 200 k`, found", ITEM, Text("gats 200 {k}\r\n"), HIT).since(GET_AND_TOUCH).own(TOUCHED_HIT),
    case("`gats 200 k`, not found", ABSENT, Text("gats 200 {k}\r\n"), MISS).since(GET_AND_TOUCH).own(TOUCHED_MISS),
    case("`gat 200` of 1,000 keys, each found", ITEM, Text("gat 200 {ks}\r\n"), HIT)
        .copies(1000)
        .since(GET_AND_TOUCH)
        .own(TOUCHED_HIT),
    case("`get` of a key of 250 bytes, found", ITEM, Text("get {k}\r\n"), HIT).form(KeyForm::Longest),
    case(
        "1,000 × `get k`, pipelined, found",
        ITEM,
        Made(|key| format!("get {key}\r\n").repeat(1000).into_bytes()),
        Cells { hits: 1000, sent: 5000, ..HIT },
    ),
    case("` get k`, behind a space, found", ITEM, Text(" get {k}\r\n"), HIT).until(ONE_PARSER),
    case("`get k` in three packets, found", ITEM, Parts(&["ge", "t {k}", "\r\n"]), HIT),
    case(
        "`get k` of a value of 700,000 bytes, found",
        ABSENT,
        Made(|key| [stored(key, LARGE), format!("get {key}\r\n").into_bytes()].concat()),
        Cells {
            hits: 1,
            sets: 1,
            sent: LARGE as u64,
            received: LARGE as u64,
            size: Some(LARGE as u64),
            ttl: Ttl::Never,
            ..NONE
        },
    ),
];

pub const STORES: &[Case] = &[
    case("`set`, new", ABSENT, Text("set {k} 0 300 5\r\nhello\r\n"), STORED),
    case(
        "`set` over an item",
        ITEM,
        Text("set {k} 0 0 3\r\nabc\r\n"),
        Cells { sets: 1, received: 3, size: Some(3), ttl: Ttl::Never, ..NONE },
    ),
    case("`set` of nothing", ABSENT, Text("set {k} 0 300 0\r\n\r\n"), Cells { received: 0, size: Some(0), ..STORED }),
    case("`set … noreply`", ABSENT, Text("set {k} 0 300 5 noreply\r\nhello\r\n"), STORED),
    case(
        "1,000 × `set … noreply`, pipelined",
        ABSENT,
        Made(|key| format!("set {key} 0 300 5 noreply\r\nhello\r\n").repeat(1000).into_bytes()),
        Cells { sets: 1000, received: 5000, ..STORED },
    ),
    case("`set` in four packets", ABSENT, Parts(&["set {k}", " 0 300 5\r\nhe", "llo\r", "\n"]), STORED),
    case(
        "`set` of 700,000 bytes",
        ABSENT,
        Made(|key| stored(key, LARGE)),
        Cells { sets: 1, received: LARGE as u64, size: Some(LARGE as u64), ttl: Ttl::Never, ..NONE },
    ),
    case("`set` that is too large, over an item", ITEM, Made(|key| stored(key, 2 << 20)), REFUSED).own(NO_SET),
    case("`set` that is too large, new", ABSENT, Made(|key| stored(key, 2 << 20)), Cells { sets: 1, ..NONE })
        .own(NO_SET),
    nothing("`set` with a bad data chunk", ITEM, Text("set {k} 0 300 5\r\nhello, world\r\n")).own(&[("cmd_set", 1)]),
    case("`add`, stored", ABSENT, Text("add {k} 0 300 5\r\nhello\r\n"), STORED),
    case(
        "`add` over an item",
        ITEM,
        Text("add {k} 0 300 3\r\nabc\r\n"),
        Cells { sets: 1, not_stored: 1, received: 3, size: Some(3), ..SEEN },
    ),
    case("`replace`, stored", ITEM, Text("replace {k} 0 300 5\r\nhello\r\n"), STORED),
    case("`replace`, not found", ABSENT, Text("replace {k} 0 300 5\r\nhello\r\n"), Cells { not_stored: 1, ..STORED }),
    case("`append`, stored", ITEM, Text("append {k} 0 0 3\r\nabc\r\n"), ADDED),
    case("`append`, not found", ABSENT, Text("append {k} 0 0 3\r\nabc\r\n"), Cells { not_stored: 1, ..ADDED }),
    case("`prepend`, stored", ITEM, Text("prepend {k} 0 0 3\r\nabc\r\n"), ADDED),
    case("`prepend`, not found", ABSENT, Text("prepend {k} 0 0 3\r\nabc\r\n"), Cells { not_stored: 1, ..ADDED }),
    case("`cas`, stored", ITEM, Text("cas {k} 0 300 5 {cas}\r\nhello\r\n"), STORED),
    case("`cas` of another version", ITEM, Text("cas {k} 0 300 5 1\r\nhello\r\n"), Cells { exists: 1, ..STORED }),
    case("`cas`, not found", ABSENT, Text("cas {k} 0 300 5 1\r\nhello\r\n"), Cells { not_stored: 1, ..STORED }),
];

/// Three bytes that are appended or prepended.
const ADDED: Cells = Cells { sets: 1, received: 3, size: Some(3), ttl: Ttl::Never, ..NONE };

pub const OTHERS: &[Case] = &[
    case("`delete`, found", ITEM, Text("delete {k}\r\n"), DELETED),
    case("`delete`, not found", ABSENT, Text("delete {k}\r\n"), NOT_DELETED),
    case("`delete … noreply`, found", ITEM, Text("delete {k} noreply\r\n"), DELETED),
    case("`incr`, found", NUMBER, Text("incr {k} 1\r\n"), COUNTED),
    case("`incr` that makes it longer", NUMBER, Text("incr {k} 5000\r\n"), COUNTED),
    case("`incr`, not found", ABSENT, Text("incr {k} 1\r\n"), OTHER_MISS),
    case("`incr … noreply`, found", NUMBER, Text("incr {k} 1 noreply\r\n"), COUNTED),
    case("`incr` of what is no number", ITEM, Text("incr {k} 1\r\n"), OTHER_HIT).own(NOT_COUNTED),
    case("`decr`, found", NUMBER, Text("decr {k} 1\r\n"), COUNTED),
    case("`decr`, not found", ABSENT, Text("decr {k} 1\r\n"), OTHER_MISS),
    case("`touch k 500`, found", ITEM, Text("touch {k} 500\r\n"), OTHER_HIT),
    case("`touch k 500`, not found", ABSENT, Text("touch {k} 500\r\n"), OTHER_MISS),
    case("`touch k 500 noreply`, found", ITEM, Text("touch {k} 500 noreply\r\n"), OTHER_HIT),
];

pub const UNCOUNTED: &[Case] = &[
    nothing("`version`", ABSENT, Text("version\r\n")),
    nothing("`stats`, `stats items`, `stats slabs`", ITEM, Text("stats\r\nstats items\r\nstats slabs\r\n")),
    nothing("`verbosity`", ABSENT, Text("verbosity 0\r\n")),
    nothing("an unknown command", ABSENT, Text("got {k}\r\n")),
    nothing("`get` of a key of 251 bytes", ABSENT, Made(|_| format!("get {}\r\n", "k".repeat(251)).into_bytes())),
    nothing(
        "`set` of a key of 251 bytes",
        ABSENT,
        Made(|_| format!("set {} 0 0 2\r\nhi\r\n", "k".repeat(251)).into_bytes()),
    ),
    nothing("`watch fetchers`", ABSENT, Last("watch fetchers\r\n")),
    nothing("`flush_all`", ITEM, Text("flush_all\r\n")),
    nothing("`flush_all 100`", ITEM, Text("flush_all 100\r\n")),
];

/// Sent after the items have expired.
pub const EXPIRED: &[Case] = &[
    case("`get k`, expired", SECOND, Text("get {k}\r\n"), Cells { expired: 1, ..MISS }),
    case("`get k k`, expired", SECOND, Text("get {k} {k}\r\n"), Cells { misses: 2, expired: 1, ..MISS }),
    case("`set` over an expired item", SECOND, Text("set {k} 0 300 5\r\nhello\r\n"), STORED),
    case("`delete`, expired", SECOND, Text("delete {k}\r\n"), NOT_DELETED),
    case("`touch`, expired", SECOND, Text("touch {k} 5\r\n"), OTHER_MISS),
];

const SECOND: &str = "set {k} 0 1 5\r\nhello\r\n";

/// Sent after `flush_all`.
pub const FLUSHED: &[Case] = &[
    case("`get k`, flushed", ITEM, Text("get {k}\r\n"), Cells { flushed: 1, ..MISS }),
    case("`get k k`, flushed", ITEM, Text("get {k} {k}\r\n"), Cells { misses: 2, flushed: 1, ..MISS }),
    case("`set` over a flushed item", ITEM, Text("set {k} 0 300 5\r\nhello\r\n"), STORED),
    case("`delete`, flushed", ITEM, Text("delete {k}\r\n"), NOT_DELETED),
];

/// A `set` of a value of some bytes.
fn stored(key: &str, length: usize) -> Vec<u8> {
    format!("set {key} 0 0 {length}\r\n{}\r\n", "v".repeat(length)).into_bytes()
}
