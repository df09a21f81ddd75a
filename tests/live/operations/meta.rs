//! Meta commands.

use mctop_test_support::version::{META, META_APPEND_VIVIFY, META_DELETE_VALUE, META_GET_BARE, META_LENGTH};

use super::case::{Case, Cells, KeyForm, NONE, Own, Requests::*, Ttl, case, nothing};
use super::text::{
    ABSENT, DELETED, HIT, ITEM, MISS, NO_SET, NOT_DELETED, NUMBER, OTHER_HIT, OTHER_MISS, REFUSED, SEEN, STORED,
    TOUCHED_HIT,
};

/// A hit whose value is not sent.
const HIT_WITHOUT_VALUE: Cells = Cells { sent: 0, ..HIT };
const ADDED: Cells = Cells { sets: 1, received: 3, size: Some(3), ttl: Ttl::Never, ..NONE };
const COUNTED: Cells = Cells { other: 1, other_hits: 1, size: Some(2), ttl: Ttl::Never, ..NONE };
/// memcached counts a get that creates an item as a hit.
const VIVIFIED: Own = &[("get_hits", 1), ("get_misses", -1)];
/// memcached does not count these.
const OTHER_HIT_UNCOUNTED: Own = &[("incr_hits", -1)];
pub const OTHER_MISS_UNCOUNTED: Own = &[("incr_misses", -1)];

/// As [`ITEM`], under a key in base64.
const BASE64_ITEM: &str = "ms {k64} 5 b F7 T300\r\nhello\r\n";

pub const META_COMMANDS: &[Case] = &[
    case("`mg k v`, found", ITEM, Text("mg {k} v\r\n"), HIT).since(META),
    case("`mg k v`, not found", ABSENT, Text("mg {k} v\r\n"), MISS).since(META),
    case("`mg k s v t`, found", ITEM, Text("mg {k} s v t\r\n"), HIT).since(META),
    case("`mg k`, found", ITEM, Text("mg {k}\r\n"), HIT_WITHOUT_VALUE).since(META_GET_BARE),
    case("`mg k`, not found", ABSENT, Text("mg {k}\r\n"), MISS).since(META_GET_BARE),
    case("`mg k s t f`, found", ITEM, Text("mg {k} s t f\r\n"), HIT_WITHOUT_VALUE).since(META),
    case("`mg k k q`, found", ITEM, Text("mg {k} k q\r\n"), HIT_WITHOUT_VALUE).since(META),
    case("`mg k T60 v`, found", ITEM, Text("mg {k} T60 v\r\n"), HIT).since(META).own(TOUCHED_HIT),
    case("`mg k T60`, found", ITEM, Text("mg {k} T60\r\n"), HIT_WITHOUT_VALUE).since(META).own(TOUCHED_HIT),
    case("`mg k N30 v`, found", ITEM, Text("mg {k} N30 v\r\n"), HIT).since(META),
    case("`mg k N30 v`, not found, made", ABSENT, Text("mg {k} N30 v\r\n"), MISS).since(META).own(VIVIFIED),
    case("`mg k v`, key in base64, found", ITEM, Text("mg {k64} b v\r\n"), HIT).since(META_LENGTH),
    case("`mg k v`, key in base64 with a newline, found", BASE64_ITEM, Text("mg {k64} b v\r\n"), HIT)
        .since(META_LENGTH)
        .form(KeyForm::Newline),
    case("`mg k`, key in base64 with a newline, found", BASE64_ITEM, Text("mg {k64} b\r\n"), HIT_WITHOUT_VALUE)
        .since(META_LENGTH)
        .form(KeyForm::Newline),
    case("`ms k 5 T300`", ABSENT, Text("ms {k} {S}5 T300\r\nhello\r\n"), STORED).since(META),
    case("`ms k 5 T300 q`", ABSENT, Text("ms {k} {S}5 T300 q\r\nhello\r\n"), STORED).since(META),
    case("`ms k 5 T300`, key in base64", ABSENT, Text("ms {k64} 5 T300 b\r\nhello\r\n"), STORED).since(META_LENGTH),
    case("`ms` in three packets", ABSENT, Parts(&["ms {k} {S}5", " T300\r\nhel", "lo\r\n"]), STORED).since(META),
    case(
        "`ms k 5 T300 ME` (add) over an item",
        ITEM,
        Text("ms {k} {S}5 T300 ME\r\nhello\r\n"),
        Cells { not_stored: 1, ..STORED },
    )
    .since(META),
    case("`ms k 3 MA` (append), stored", ITEM, Text("ms {k} {S}3 MA\r\nabc\r\n"), ADDED).since(META),
    case(
        "`ms k 3 MA` (append), not found",
        ABSENT,
        Text("ms {k} {S}3 MA\r\nabc\r\n"),
        Cells { not_stored: 1, ..ADDED },
    )
    .since(META),
    case(
        "`ms k 3 MA N300` (append), not found, made",
        ABSENT,
        Text("ms {k} 3 MA N300\r\nabc\r\n"),
        Cells { ttl: Ttl::Seconds(300), ..ADDED },
    )
    .since(META_APPEND_VIVIFY),
    case("`ms k 3 MP` (prepend), stored", ITEM, Text("ms {k} {S}3 MP\r\nabc\r\n"), ADDED).since(META),
    case("`ms k 5 T300 MR` (replace), stored", ITEM, Text("ms {k} {S}5 T300 MR\r\nhello\r\n"), STORED).since(META),
    case(
        "`ms` that is too large, over an item",
        ITEM,
        Made(|key| format!("ms {key} {n}\r\n{}\r\n", "v".repeat(2 << 20), n = 2 << 20).into_bytes()),
        REFUSED,
    )
    .since(META_LENGTH)
    .own(NO_SET),
    case("`md k`, found", ITEM, Text("md {k}\r\n"), DELETED).since(META),
    case("`md k q`, found", ITEM, Text("md {k} q\r\n"), DELETED).since(META),
    case("`md k`, not found", ABSENT, Text("md {k}\r\n"), NOT_DELETED).since(META),
    case("`md k I T30` (mark as stale), found", ITEM, Text("md {k} I T30\r\n"), DELETED)
        .since(META)
        .own(&[("delete_hits", -1)]),
    case("`md k x` (without value), found", ITEM, Text("md {k} x\r\n"), DELETED).since(META_DELETE_VALUE),
    case("`md k x q`, found", ITEM, Text("md {k} x q\r\n"), DELETED).since(META_DELETE_VALUE),
    case("`md k x I T30`, found", ITEM, Text("md {k} x I T30\r\n"), DELETED)
        .since(META_DELETE_VALUE)
        .own(&[("delete_hits", -1)]),
    case("`md k x`, not found", ABSENT, Text("md {k} x\r\n"), NOT_DELETED).since(META_DELETE_VALUE),
    case("`md k C1` of another version", ITEM, Text("md {k} C1\r\n"), DELETED)
        .since(META)
        .own(&[("delete_hits", -1), ("delete_misses", 1)]),
    case("`md k`, key in base64, found", ITEM, Text("md {k64} b\r\n"), DELETED).since(META_LENGTH),
    case("`ma k`, found", NUMBER, Text("ma {k}\r\n"), COUNTED).since(META),
    case("`ma k MD D3`, found", NUMBER, Text("ma {k} MD D3\r\n"), COUNTED).since(META),
    case("`ma k`, not found", ABSENT, Text("ma {k}\r\n"), OTHER_MISS).since(META),
    case("`ma k N0 J7`, not found, made", ABSENT, Text("ma {k} N0 J7\r\n"), OTHER_MISS)
        .since(META)
        .own(OTHER_MISS_UNCOUNTED),
    case("`ma k` of what is no number", ITEM, Text("ma {k}\r\n"), OTHER_HIT).since(META).own(OTHER_HIT_UNCOUNTED),
    case("`ma k C1` of another version", NUMBER, Text("ma {k} C1\r\n"), COUNTED).since(META).own(OTHER_HIT_UNCOUNTED),
    case("`me k`, found", ITEM, Text("me {k}\r\n"), OTHER_HIT).since(META).own(OTHER_HIT_UNCOUNTED),
    case("`me k`, not found", ABSENT, Text("me {k}\r\n"), OTHER_MISS).since(META).own(OTHER_MISS_UNCOUNTED),
    nothing("`mn`", ABSENT, Text("mn\r\n")).since(META),
    case(
        "pipelined: `ms`, `mg v`, `mg`, `md`, `mn`",
        ABSENT,
        Text("ms {k} {S}5 T300\r\nhello\r\nmg {k} v\r\nmg {k} s\r\nmd {k}\r\nmn\r\n"),
        Cells { sets: 1, received: 5, hits: 2, sent: 5, deletes: 1, delete_hits: 1, ..SEEN },
    )
    .since(META),
];
