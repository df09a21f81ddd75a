//! One generated request: its key, its text, and how the server is prepared for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mctop_test_support::version::{META_APPEND_VIVIFY, META_LENGTH, Version};

use super::command::{Argument, Command, Flag, State};

/// Longest key token, in bytes, and the longest key that fits into it in base64.
const TOKEN_MAX: u64 = 250;
const BINARY_MAX: u64 = 186;

/// Bytes that a search for flags could mistake.
const TRICKY: &[u8] = b"\n\r\0 vxNvxN";

/// A request, and everything that its counts depend on.
pub struct Request {
    pub verb: &'static str,
    pub state: State,
    pub key: Vec<u8>,
    /// The key as requests name it: in base64, or as it is.
    token: Vec<u8>,
    /// The letters of its flags.
    pub flags: String,
    /// Whether it appends or prepends, or stores where no item is, by `N300`.
    pub appends_or_creates: bool,
    /// With `CAS` in the place of the item's CAS number.
    text: Vec<u8>,
    cas: Option<Cas>,
}

/// Which CAS number a request names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cas {
    Own,
    Lower,
    Higher,
}

/// Numbers that look random and are the same in each run: SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

impl Request {
    /// The request with a subset of a command's flags; `number` makes its key unique.
    pub fn new(
        command: &Command,
        flags: &[&Flag],
        state: State,
        number: u32,
        version: Version,
        random: &mut Random,
    ) -> Self {
        let in_base64 = flags.iter().any(|flag| flag.letter == 'b');
        let key = if in_base64 { binary_key(number, random) } else { text_key(number, random) };
        let token = if in_base64 { STANDARD.encode(&key).into_bytes() } else { key.clone() };
        let mut order: Vec<&Flag> = flags.to_vec();
        for last in (1..order.len()).rev() {
            order.swap(last, usize::try_from(random.below(last as u64 + 1)).unwrap());
        }
        let mut tokens = vec![command.verb.as_bytes().to_vec(), token.clone()];
        if command.verb == "ms" {
            tokens.push(if version >= META_LENGTH { b"5".to_vec() } else { b"S5".to_vec() });
        }
        let mut cas = None;
        for flag in &order {
            let mut text = flag.letter.to_string().into_bytes();
            match flag.argument {
                Argument::None => {}
                Argument::Any(all) => text.extend(random.one_of(all).as_bytes()),
                Argument::Opaque => text.extend((0..random.below(32)).map(|_| text_byte(random))),
                Argument::Cas => {
                    cas = Some(random.one_of(&[Cas::Own, Cas::Lower, Cas::Higher]));
                    text.extend(b"CAS");
                }
            }
            tokens.push(text);
        }
        // Most requests are as clients write them; some have more spaces than they need, or lines that end without CR.
        let spaces: &[u8] = if random.below(8) == 0 { b"  " } else { b" " };
        let line_end: &[u8] = if random.below(8) == 0 { b"\n" } else { b"\r\n" };
        let has = |token: &[u8]| tokens.iter().any(|other| other == token);
        let appends_or_creates = version >= META_APPEND_VIVIFY && has(b"N300") && (has(b"MA") || has(b"MP"));
        // memcached skips spaces in front of a verb before `ONE_PARSER`, and refuses them since then.
        let mut text = if random.below(16) == 0 { b"  ".to_vec() } else { Vec::new() };
        text.extend(tokens.join(spaces));
        text.extend(line_end);
        if command.verb == "ms" {
            text.extend(b"hello\r\n");
        }
        Self {
            verb: command.verb,
            state,
            key,
            token,
            flags: order.iter().map(|flag| flag.letter).collect(),
            appends_or_creates,
            text,
            cas,
        }
    }

    pub fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// Whether its text names the CAS number of its item.
    pub fn needs_cas(&self) -> bool {
        self.cas.is_some()
    }

    /// Text that prepares the server without an answer.
    pub fn preparation(&self, version: Version) -> Vec<u8> {
        let in_base64: &[u8] = if self.has('b') { b" b" } else { b"" };
        let length: &[u8] = if version >= META_LENGTH { b"" } else { b"S" };
        let line = |parts: &[&[u8]]| [&parts.concat(), in_base64, b" q\r\n"].concat();
        let set = |value: &[u8], lifetime: &[u8]| {
            let digits = value.len().to_string();
            let header = line(&[b"ms ", &self.token, b" ", length, digits.as_bytes(), b" F7 T", lifetime]);
            [&header, value, b"\r\n"].concat()
        };
        match self.state {
            State::Missing => Vec::new(),
            State::Number => set(b"98", b"0"),
            State::Live => set(b"hello", b"300"),
            State::Stale | State::Won => [set(b"hello", b"300"), line(&[b"md ", &self.token, b" I T300"])].concat(),
        }
    }

    /// A request that wins a stale item, or gets the CAS number of any other: answered by `HD c…` if there is an item, else
    /// by `EN`.
    pub fn preparing_read(&self) -> Vec<u8> {
        let in_base64: &[u8] = if self.has('b') { b" b" } else { b"" };
        [b"mg ", &*self.token, b" c", in_base64, b"\r\n"].concat()
    }

    /// The bytes that are sent, with the item's CAS number if it has one.
    pub fn text(&self, cas: Option<u64>) -> Vec<u8> {
        let Some(which) = self.cas else { return self.text.clone() };
        let own = cas.unwrap_or(1_000_000);
        let number = match which {
            Cas::Own => own,
            Cas::Lower => own - 1,
            Cas::Higher => own + 1,
        };
        // The first whole word: neither keys nor opaque tokens are this word.
        let at = self.text.windows(5).position(|part| part == b" CCAS").unwrap();
        [&self.text[..at], b" C", number.to_string().as_bytes(), &self.text[at + 5..]].concat()
    }
}

/// A key with any bytes that contains the number.
fn binary_key(number: u32, random: &mut Random) -> Vec<u8> {
    let length = random.below(BINARY_MAX - 4 + 1);
    let mut key: Vec<u8> = (0..length)
        .map(|_| if random.below(4) == 0 { random.one_of(TRICKY) } else { random.below(256) as u8 })
        .collect();
    key.extend(number.to_be_bytes());
    key
}

/// A key that needs no base64 and contains the number.
fn text_key(number: u32, random: &mut Random) -> Vec<u8> {
    let name = format!("{number:x}");
    let length = random.below(TOKEN_MAX - name.len() as u64);
    let mut key: Vec<u8> = (0..length).map(|_| text_byte(random)).collect();
    key.push(b'/');
    key.extend(name.bytes());
    key
}

/// A byte that tokens may have: any but separators and line ends.
fn text_byte(random: &mut Random) -> u8 {
    let byte = if random.below(4) == 0 { random.one_of(TRICKY) } else { random.below(256) as u8 };
    if matches!(byte, b' ' | b'\n' | b'\r' | 0) { b'v' } else { byte }
}
