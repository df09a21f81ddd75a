//! Regular expressions and globs for keys, as users write them in filters and groupings.

use regex::bytes::{Regex, RegexBuilder};

use super::key::escape;

/// Most memory that a compiled expression may use, bytes. Expressions may come from untrusted users.
const SIZE_MAX: usize = 1 << 20;

/// Compiles a regular expression for bytes, because keys need not be UTF-8: `.` is one byte and `\w` is ASCII.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(crate) fn regex(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source).size_limit(SIZE_MAX).unicode(false).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("the regular expression needs more than {limit} bytes; simplify it")
        }
        error => {
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("invalid regular expression: {reason}")
        }
    })
}

/// As [`regex()`], with letters of either case.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(crate) fn regex_of_any_case(source: &str) -> Result<Regex, String> {
    regex(&format!("(?i){source}"))
}

/// Compiles a glob to a regular expression that must match a whole key. With `shown`, escapes in the glob match the bytes that
/// they stand for where keys are shown.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(crate) fn glob(source: &str, shown: bool) -> Result<Regex, String> {
    let mut expression = String::from("(?s)^");
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if let Some((bytes, after)) = escape(rest).filter(|_| shown) {
            bytes.iter().for_each(|byte| expression.push_str(&format!("\\x{byte:02x}")));
            rest = after;
            continue;
        }
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    expression.push('$');
    regex(&expression)
}
