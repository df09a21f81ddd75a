//! Operations of the binary protocol.

use super::case::{Case, Cells, KeyForm, NONE, Requests::*, Ttl, case, nothing};
use super::meta::OTHER_MISS_UNCOUNTED;
use super::text::{
    ABSENT, DELETED, HIT, ITEM, MISS, NO_SET, NOT_DELETED, NUMBER, OTHER_HIT, OTHER_MISS, REFUSED, STORED, TOUCHED_HIT,
    TOUCHED_MISS,
};
use crate::binary::{Packet, opcode, packet};

/// Flags, and 300 seconds.
const STORE: &[u8] = &[0, 0, 0, 0, 0, 0, 1, 44];
/// 200 seconds.
const EXPIRY: &[u8] = &[0, 0, 0, 200];
/// By 1, from 7 on, never expiring.
const COUNT: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0];
/// By 1, and not made when it is not there.
const COUNT_ONLY: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff];

const VALUE: &[u8] = b"hello";
/// More than an item can hold.
const TOO_MUCH: &[u8] = &[b'v'; 2 << 20];

const COUNTED: Cells = Cells { other: 1, other_hits: 1, size: Some(2), ttl: Ttl::Never, ..NONE };
const ADDED: Cells = Cells { sets: 1, received: 3, size: Some(3), ttl: Ttl::Never, ..NONE };

const fn get(opcode: u8) -> Packet {
    packet(opcode, &[], &[])
}

const fn get_and_touch(opcode: u8) -> Packet {
    packet(opcode, EXPIRY, &[])
}

const fn store(opcode: u8) -> Packet {
    packet(opcode, STORE, VALUE)
}

const fn add_to(opcode: u8) -> Packet {
    packet(opcode, &[], b"abc")
}

pub const BINARY: &[Case] = &[
    case("`get`, found", ITEM, Binary(&[get(opcode::GET)]), HIT),
    case("`get`, not found", ABSENT, Binary(&[get(opcode::GET)]), MISS),
    case("`getq`, found", ITEM, Binary(&[get(opcode::GETQ)]), HIT),
    case("`getq`, not found", ABSENT, Binary(&[get(opcode::GETQ)]), MISS),
    case("`getk`, found", ITEM, Binary(&[get(opcode::GETK)]), HIT),
    case("`getk`, not found", ABSENT, Binary(&[get(opcode::GETK)]), MISS),
    case("`getkq`, found", ITEM, Binary(&[get(opcode::GETKQ)]), HIT),
    case("`getkq`, not found", ABSENT, Binary(&[get(opcode::GETKQ)]), MISS),
    case("`gat` 200, found", ITEM, Binary(&[get_and_touch(opcode::GAT)]), HIT).own(TOUCHED_HIT),
    case("`gat` 200, not found", ABSENT, Binary(&[get_and_touch(opcode::GAT)]), MISS).own(TOUCHED_MISS),
    case("`gatq` 200, found", ITEM, Binary(&[get_and_touch(opcode::GATQ)]), HIT).own(TOUCHED_HIT),
    case("`gatk` 200, found", ITEM, Binary(&[get_and_touch(opcode::GATK)]), HIT).own(TOUCHED_HIT),
    case("`gatkq` 200, found", ITEM, Binary(&[get_and_touch(opcode::GATKQ)]), HIT).own(TOUCHED_HIT),
    case("`set`, new", ABSENT, Binary(&[store(opcode::SET)]), STORED),
    case("`set` that is too large, over an item", ITEM, Binary(&[packet(opcode::SET, STORE, TOO_MUCH)]), REFUSED)
        .own(NO_SET),
    case("`setq`, new", ABSENT, Binary(&[store(opcode::SETQ)]), STORED),
    case("`add`, stored", ABSENT, Binary(&[store(opcode::ADD)]), STORED),
    case("`add` over an item", ITEM, Binary(&[store(opcode::ADD)]), Cells { not_stored: 1, ..STORED }),
    case("`addq` over an item", ITEM, Binary(&[store(opcode::ADDQ)]), Cells { not_stored: 1, ..STORED }),
    case("`replace`, stored", ITEM, Binary(&[store(opcode::REPLACE)]), STORED),
    case("`replace`, not found", ABSENT, Binary(&[store(opcode::REPLACE)]), Cells { not_stored: 1, ..STORED }),
    case("`append`, stored", ITEM, Binary(&[add_to(opcode::APPEND)]), ADDED),
    case("`append`, not found", ABSENT, Binary(&[add_to(opcode::APPEND)]), Cells { not_stored: 1, ..ADDED }),
    case("`appendq`, stored", ITEM, Binary(&[add_to(opcode::APPENDQ)]), ADDED),
    case("`prepend`, stored", ITEM, Binary(&[add_to(opcode::PREPEND)]), ADDED),
    case("`incr`, found", NUMBER, Binary(&[packet(opcode::INCREMENT, COUNT_ONLY, &[])]), COUNTED),
    case(
        "`incr` without initial value, not found",
        ABSENT,
        Binary(&[packet(opcode::INCREMENT, COUNT_ONLY, &[])]),
        OTHER_MISS,
    ),
    case(
        "`incr` with initial value, not found, made",
        ABSENT,
        Binary(&[packet(opcode::INCREMENT, COUNT, &[])]),
        OTHER_MISS,
    )
    .own(OTHER_MISS_UNCOUNTED),
    case(
        "`incrq` with initial value, not found, made",
        ABSENT,
        Binary(&[packet(opcode::INCREMENTQ, COUNT, &[])]),
        OTHER_MISS,
    )
    .own(OTHER_MISS_UNCOUNTED),
    case("`decr`, found", NUMBER, Binary(&[packet(opcode::DECREMENT, COUNT_ONLY, &[])]), COUNTED),
    case("`delete`, found", ITEM, Binary(&[get(opcode::DELETE)]), DELETED),
    case("`delete`, not found", ABSENT, Binary(&[get(opcode::DELETE)]), NOT_DELETED),
    case("`deleteq`, found", ITEM, Binary(&[get(opcode::DELETEQ)]), DELETED),
    case("`touch` 200, found", ITEM, Binary(&[get_and_touch(opcode::TOUCH)]), OTHER_HIT),
    case("`touch` 200, not found", ABSENT, Binary(&[get_and_touch(opcode::TOUCH)]), OTHER_MISS),
    case(
        "`set` and `get` of a key with a NUL",
        ABSENT,
        Binary(&[store(opcode::SET), get(opcode::GET)]),
        Cells { hits: 1, sent: 5, ..STORED },
    )
    .form(KeyForm::Nul),
    case(
        "`setq` and `getkq` of a key of 250 bytes",
        ABSENT,
        Binary(&[store(opcode::SETQ), get(opcode::GETKQ)]),
        Cells { hits: 1, sent: 5, ..STORED },
    )
    .form(KeyForm::Longest),
    nothing(
        "`noop`, `version`, `stat`",
        ABSENT,
        Binary(&[
            packet(opcode::NO_OPERATION, &[], &[]).without_key(),
            packet(opcode::VERSION, &[], &[]).without_key(),
        ]),
    ),
];
