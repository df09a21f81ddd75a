//! The meta commands and their flags, from memcached's `doc/protocol.txt`.

use mctop_test_support::version::{META, META_CAS_IN, META_DELETE_VALUE, META_LENGTH, Version};

/// A meta command.
pub struct Command {
    pub verb: &'static str,
    pub flags: &'static [Flag],
    /// The possible states of the key before the request.
    pub states: &'static [State],
}

/// A flag, and how its argument is chosen.
pub struct Flag {
    pub letter: char,
    pub argument: Argument,
    /// The first version that knows it.
    pub since: Version,
}

/// The argument behind a flag's letter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    /// One of these.
    Any(&'static [&'static str]),
    /// Up to 31 bytes, any but separators.
    Opaque,
    /// The CAS number of the item, one below it, or one above it.
    Cas,
}

/// The state of the key before the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Missing,
    /// An item of five bytes with a TTL of 300 seconds.
    Live,
    /// The same, marked as stale, so that the next reader wins the right to renew it.
    Stale,
    /// The same, after a reader has won.
    Won,
    /// The number 98, that never expires.
    Number,
}

const fn flag(letter: char) -> Flag {
    Flag { letter, argument: Argument::None, since: META }
}

const fn with(letter: char, argument: Argument) -> Flag {
    Flag { letter, argument, since: META }
}

impl Flag {
    const fn since(self, since: Version) -> Self {
        Self { since, ..self }
    }
}

const BASE64_KEY: Flag = flag('b').since(META_LENGTH);
const OPAQUE: Flag = with('O', Argument::Opaque);
const CAS: Flag = with('C', Argument::Cas);
const NEW_CAS: Flag = with('E', Argument::Any(&["5", "18446744073709551615"])).since(META_CAS_IN);
const LIFETIME: Flag = with('T', Argument::Any(&["300"]));
const VIVIFY: Flag = with('N', Argument::Any(&["300"]));
const ITEMS: &[State] = &[State::Missing, State::Live, State::Stale, State::Won];

pub const GET: Command = Command {
    verb: "mg",
    flags: &[
        BASE64_KEY,
        flag('c'),
        flag('f'),
        flag('h'),
        flag('k'),
        flag('l'),
        OPAQUE,
        flag('q'),
        flag('s'),
        flag('t'),
        flag('v'),
        NEW_CAS,
        VIVIFY,
        with('R', Argument::Any(&["30", "3000"])),
        LIFETIME,
    ],
    states: ITEMS,
};

pub const SET: Command = Command {
    verb: "ms",
    flags: &[
        BASE64_KEY,
        flag('c'),
        CAS,
        NEW_CAS,
        with('F', Argument::Any(&["0", "7"])),
        flag('I'),
        flag('k'),
        OPAQUE,
        flag('q'),
        LIFETIME,
        VIVIFY,
        with('M', Argument::Any(&["E", "A", "P", "R", "S"])),
    ],
    states: ITEMS,
};

pub const DELETE: Command = Command {
    verb: "md",
    flags: &[
        BASE64_KEY,
        CAS,
        NEW_CAS,
        flag('I'),
        flag('k'),
        OPAQUE,
        flag('q'),
        LIFETIME,
        flag('x').since(META_DELETE_VALUE),
    ],
    states: ITEMS,
};

pub const ARITHMETIC: Command = Command {
    verb: "ma",
    flags: &[
        BASE64_KEY,
        CAS,
        NEW_CAS,
        VIVIFY,
        with('J', Argument::Any(&["7", "18446744073709551615"])),
        with('D', Argument::Any(&["1", "500"])),
        LIFETIME,
        with('M', Argument::Any(&["I", "D", "+", "-"])),
        OPAQUE,
        flag('q'),
        flag('t'),
        flag('c'),
        flag('v'),
        flag('k'),
    ],
    states: &[State::Missing, State::Number, State::Live, State::Stale, State::Won],
};
