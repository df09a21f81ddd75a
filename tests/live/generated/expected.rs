//! The counts that an answer implies.

use super::command::State;
use super::request::Request;
use crate::operations::case::{Cells, NONE, Ttl};

/// The growth of memcached's own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub get_hits: u64,
    pub get_misses: u64,
    pub touch_hits: u64,
    pub cmd_set: u64,
    pub delete_hits: u64,
    pub delete_misses: u64,
    /// incr and decr together.
    pub arithmetic_hits: u64,
    pub arithmetic_misses: u64,
}

impl Own {
    /// Adds the growth by another request.
    pub const fn add(&mut self, other: &Self) {
        self.get_hits += other.get_hits;
        self.get_misses += other.get_misses;
        self.touch_hits += other.touch_hits;
        self.cmd_set += other.cmd_set;
        self.delete_hits += other.delete_hits;
        self.delete_misses += other.delete_misses;
        self.arithmetic_hits += other.arithmetic_hits;
        self.arithmetic_misses += other.arithmetic_misses;
    }

    /// Their names in `stats`; names of one row are added up.
    pub fn counters(&self) -> [(&'static [&'static str], u64); 8] {
        [
            (&["get_hits"], self.get_hits),
            (&["get_misses"], self.get_misses),
            (&["touch_hits"], self.touch_hits),
            (&["cmd_set"], self.cmd_set),
            (&["delete_hits"], self.delete_hits),
            (&["delete_misses"], self.delete_misses),
            (&["incr_hits", "decr_hits"], self.arithmetic_hits),
            (&["incr_misses", "decr_misses"], self.arithmetic_misses),
        ]
    }
}

/// What a request must count in mctop (`None` for nothing) and in memcached.
pub fn of(request: &Request, answer: Option<&str>) -> Result<(Option<Cells>, Own), String> {
    let status = answer.map(|line| match line.split(' ').next().unwrap_or_default() {
        // Before `META_LENGTH`.
        "OK" => "HD",
        status => status,
    });
    if status == Some("ERROR")
        || status == Some("CLIENT_ERROR") && !answer.is_some_and(|line| line.contains("non-numeric"))
    {
        return Ok((None, Own::default()));
    }
    let found = request.state != State::Missing;
    let seen = match request.state {
        State::Missing => NONE,
        State::Number => Cells { size: Some(2), ttl: Ttl::Never, ..NONE },
        State::Live | State::Stale | State::Won => Cells { size: Some(5), ttl: Ttl::Seconds(300), ..NONE },
    };
    let quiet = request.has('q');
    // memcached counts a read that sets a TTL as a touch.
    let touches = u64::from(request.has('T'));
    let read_hit = Own { touch_hits: touches, get_hits: 1 - touches, ..Own::default() };
    let counted = match (request.verb, status) {
        ("mg", Some("HD" | "VA")) if found => {
            let sent = if status == Some("VA") { value_length(answer) } else { 0 };
            (Cells { hits: 1, sent, ..seen }, read_hit)
        }
        // The request has created the item, which memcached counts as a hit.
        ("mg", Some("HD" | "VA")) if request.has('N') => (Cells { misses: 1, ..NONE }, read_hit),
        ("mg", status) if !found && (status == Some("EN") || quiet && status.is_none()) => {
            (Cells { misses: 1, ..NONE }, Own { get_misses: 1, ..Own::default() })
        }
        ("ms", status) if matches!(status, Some("HD" | "NS" | "EX" | "NF")) || quiet && status.is_none() => {
            let ttl = if request.has('T') || request.appends_or_creates { Ttl::Seconds(300) } else { Ttl::Never };
            let not_stored = u64::from(matches!(status, Some("NS" | "NF")));
            let exists = u64::from(status == Some("EX"));
            let cells = Cells { sets: 1, not_stored, exists, received: 5, size: Some(5), ttl, ..NONE };
            (cells, Own { cmd_set: 1, ..Own::default() })
        }
        ("md", Some("EX")) if found => {
            (Cells { deletes: 1, delete_hits: 1, ..seen }, Own { delete_misses: 1, ..Own::default() })
        }
        ("md", status) if found && (status == Some("HD") || quiet && status.is_none()) => {
            let own = Own { delete_hits: u64::from(!request.has('I')), ..Own::default() };
            (Cells { deletes: 1, delete_hits: 1, ..seen }, own)
        }
        ("md", status) if !found && (status == Some("NF") || quiet && status.is_none()) => {
            (Cells { deletes: 1, ..NONE }, Own { delete_misses: 1, ..Own::default() })
        }
        // The item exists, and is no number or has another CAS number.
        ("ma", Some("CLIENT_ERROR" | "EX")) if found => (Cells { other: 1, other_hits: 1, ..seen }, Own::default()),
        ("ma", status) if found && (matches!(status, Some("HD" | "VA")) || quiet && status.is_none()) => {
            (Cells { other: 1, other_hits: 1, ..seen }, Own { arithmetic_hits: 1, ..Own::default() })
        }
        // The request has created the item, which memcached does not count.
        ("ma", status)
            if request.has('N') && !found && (matches!(status, Some("HD" | "VA")) || quiet && status.is_none()) =>
        {
            (Cells { other: 1, ..NONE }, Own::default())
        }
        ("ma", status) if !found && (status == Some("NF") || quiet && status.is_none()) => {
            (Cells { other: 1, ..NONE }, Own { arithmetic_misses: 1, ..Own::default() })
        }
        _ => return Err(format!("the answer {answer:?} is none of {}", request.verb)),
    };
    let (cells, own) = counted;
    Ok((Some(cells), own))
}

/// The length in `VA <length> …`.
fn value_length(answer: Option<&str>) -> u64 {
    answer.and_then(|line| line.split(' ').nth(1)).and_then(|length| length.parse().ok()).unwrap()
}
