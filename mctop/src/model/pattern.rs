//! Regular expressions and globs over keys, as users write them in filters and groupings.

use regex::bytes::{Regex, RegexBuilder};

use super::key::escape;

/// Most memory a compiled expression may take, bytes: who writes it need not be who runs it.
const SIZE_MAX: usize = 1 << 20;

/// A regular expression over bytes, since keys need not be UTF-8: `.` is one byte and `\w` is ASCII.
///
/// # Errors
/// What is wrong with it, in words that fit into a sentence.
pub fn regex(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source).size_limit(SIZE_MAX).unicode(false).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("the regular expression takes more than {limit} bytes"),
        error => {
            let told = error.to_string();
            let reason = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("the regular expression is not one: {reason}")
        }
    })
}

/// The same, where letters match in upper and lower case.
///
/// # Errors
/// Likewise.
pub fn regex_of_any_case(source: &str) -> Result<Regex, String> {
    regex(&format!("(?i){source}"))
}

/// A glob as the regular expression of a whole key. With `shown`, escapes in it stand for what they do where keys are shown.
///
/// # Errors
/// Those of the crate [`regex`](mod@regex).
pub fn glob(source: &str, shown: bool) -> Result<Regex, String> {
    let mut expression = String::from("(?s)^");
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if let Some((bytes, behind)) = escape(rest).filter(|_| shown) {
            bytes.iter().for_each(|byte| expression.push_str(&format!("\\x{byte:02x}")));
            rest = behind;
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
