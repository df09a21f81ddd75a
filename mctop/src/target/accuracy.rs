//! Which columns are wrong where it is not known which operation a lookup belongs to.

/// The columns that tell operations apart, and the bytes, which only reads and storage commands move.
pub const WRONG: &str = "GETS, HITS, MISSES, HIT%, DELETES, OTHER, BYTES, BYTES/S and BYTES% are wrong";

/// Where no request is seen, and why, as a clause.
#[must_use]
pub fn all_requests(reason: &str) -> String {
    format!(
        "{WRONG}, because requests are not seen ({reason}): deletes and touches count as reads, and as bytes sent. CALLS, SETS, \
         SIZE and TTL are right."
    )
}

/// Where requests of the text protocol are seen when they begin, but nothing is of those of the binary protocol.
#[must_use]
pub fn binary_requests() -> String {
    format!(
        "For clients that speak the binary protocol, {WRONG}, because their requests are not seen: reads, deletes and touches count \
         as OTHER or, on a thread that also serves text, by the verb of its last text command. An incr or decr that makes its \
         item counts once more, in CALLS and SETS. SIZE and TTL are right."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::COLUMNS;

    #[test]
    fn columns_are_called_as_in_the_table() {
        let headers: Vec<&str> = COLUMNS.iter().map(|column| column.header).collect();
        let text = format!("{} {}", all_requests("why"), binary_requests());
        let words = text.split(|character: char| character.is_whitespace() || ".,:".contains(character));
        let named: Vec<&str> = words.filter(|word| word.len() > 2 && !word.chars().any(char::is_lowercase)).collect();
        assert!(named.len() > 20);
        for name in named {
            assert!(headers.contains(&name), "{name}");
        }
    }
}
