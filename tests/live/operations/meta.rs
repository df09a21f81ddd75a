//! Meta commands.

use super::case::{Case, Cells, NONE, Own, Requests::*, SAME, Ttl, case, nothing};
use super::text::{
    ABSENT, DELETED, HIT, ITEM, MISS, NO_SET, NOT_DELETED, NUMBER, OTHER_HIT, OTHER_MISS, REFUSED, SEEN, STORED,
    TOUCHED_HIT,
};
use crate::version::{META, META_GET_BARE, META_LENGTH};

/// A hit whose value is not sent.
const HIT_WITHOUT_VALUE: Cells = Cells { sent: 0, ..HIT };
const ADDED: Cells = Cells { sets: 1, received: 3, size: Some(3), ttl: Ttl::Never, ..NONE };
const COUNTED: Cells = Cells { other: 1, other_hits: 1, size: Some(2), ttl: Ttl::Never, ..NONE };
/// memcached counts a get that makes an item as a hit.
const VIVIFIED: Own = Own { get_hits: 1, get_misses: -1, ..SAME };

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
        .own(Own { delete_hits: -1, ..SAME }),
    case("`md k`, key in base64, found", ITEM, Text("md {k64} b\r\n"), DELETED).since(META_LENGTH),
    case("`ma k`, found", NUMBER, Text("ma {k}\r\n"), COUNTED).since(META),
    case("`ma k MD D3`, found", NUMBER, Text("ma {k} MD D3\r\n"), COUNTED).since(META),
    case("`ma k`, not found", ABSENT, Text("ma {k}\r\n"), OTHER_MISS).since(META),
    case("`ma k N0 J7`, not found, made", ABSENT, Text("ma {k} N0 J7\r\n"), OTHER_MISS).since(META),
    case("`me k`, found", ITEM, Text("me {k}\r\n"), OTHER_HIT).since(META),
    case("`me k`, not found", ABSENT, Text("me {k}\r\n"), OTHER_MISS).since(META),
    nothing("`mn`", ABSENT, Text("mn\r\n")).since(META),
    case(
        "pipelined: `ms`, `mg v`, `mg`, `md`, `mn`",
        ABSENT,
        Text("ms {k} {S}5 T300\r\nhello\r\nmg {k} v\r\nmg {k} s\r\nmd {k}\r\nmn\r\n"),
        Cells { sets: 1, received: 5, hits: 2, sent: 5, deletes: 1, delete_hits: 1, ..SEEN },
    )
    .since(META),
];
