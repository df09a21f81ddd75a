//! Notes on which columns are wrong if the operation that a lookup belongs to is unknown.

/// The columns that distinguish operations, and those of bytes, which only reads and storage commands transfer.
pub const WRONG: &str = "GETS, HITS, MISSES, HIT%, DELETES, OTHER, BYTES, BYTES/S and BYTES% are wrong";

/// The note if no requests are seen; `reason` is a clause.
#[must_use]
pub fn all_requests(reason: &str) -> String {
    format!(
        "{WRONG}, because requests are not seen ({reason}): deletes and touches count as reads that send the item's bytes. CALLS, SETS, \
         SIZE and TTL are correct."
    )
}

/// The note if only requests of the text protocol are seen, at their start.
#[must_use]
pub fn binary_requests() -> String {
    format!(
        "For clients of the binary protocol, {WRONG}, because their requests are not seen: reads, deletes and touches count \
         as OTHER or, on a thread that also serves text clients, as the verb of its last text command. An incr or decr that creates \
         its item counts twice, in CALLS and in SETS. SIZE and TTL are correct."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::COLUMNS;

    #[test]
    fn columns_have_the_names_of_the_table() {
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
