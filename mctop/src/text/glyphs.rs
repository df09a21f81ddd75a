//! The symbols beyond ASCII, and their ASCII replacements for terminals that cannot show them.

/// The symbols for a locale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// A TTL that never expires.
    pub never: &'static str,
    /// An unknown value.
    pub unknown: &'static str,
    /// Something was omitted.
    pub ellipsis: &'static str,
    /// Separates the parts of a line.
    pub separator: &'static str,
    /// Sorted in descending order.
    pub descending: &'static str,
    /// Sorted in ascending order.
    pub ascending: &'static str,
    /// Between the two ends of a range.
    pub range: &'static str,
    /// Before an upper bound.
    pub at_most: &'static str,
    /// Before a lower bound.
    pub at_least: &'static str,
    /// Multiplication sign.
    pub times: &'static str,
    /// Unit microseconds.
    pub microseconds: &'static str,
    /// From one state to another.
    pub arrow: &'static str,
    /// Whether characters beyond ASCII can be shown.
    pub unicode: bool,
}

/// For UTF-8 locales, and for documents, which are UTF-8 in any locale.
pub const UNICODE: Glyphs = Glyphs {
    never: "∞",
    unknown: "–",
    ellipsis: "…",
    separator: " · ",
    descending: "▼",
    ascending: "▲",
    range: "–",
    at_most: "≤",
    at_least: "≥",
    times: "×",
    microseconds: "µs",
    arrow: "→",
    unicode: true,
};

/// For other locales.
pub(crate) const ASCII: Glyphs = Glyphs {
    never: "never",
    unknown: "-",
    ellipsis: "..",
    separator: " | ",
    descending: "v",
    ascending: "^",
    range: "-",
    at_most: "<=",
    at_least: ">=",
    times: "x",
    microseconds: "us",
    arrow: "->",
    unicode: false,
};

impl Glyphs {
    /// Replaces the symbols of [`UNICODE`] in one of mctop's own texts by these.
    #[must_use]
    pub fn localize(&self, text: &str) -> String {
        if self.unicode || text.is_ascii() {
            return text.to_owned();
        }
        let pairs = [
            (UNICODE.never, self.never),
            (UNICODE.range, self.range),
            (UNICODE.at_most, self.at_most),
            (UNICODE.at_least, self.at_least),
            (UNICODE.ellipsis, self.ellipsis),
            (UNICODE.separator, self.separator),
            (UNICODE.times, self.times),
            ("µs", self.microseconds),
        ];
        pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// The symbols for the locale in the environment. The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty decides
    /// (POSIX.1-2017, 8.2); [`UNICODE`] if its codeset is UTF-8.
    #[must_use]
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()))
            .unwrap_or_default()
            .to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { UNICODE } else { ASCII }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_localized_to_ascii() {
        assert_eq!(ASCII.localize("attaching … 2×, ∞ for never"), "attaching .. 2x, never for never");
        assert_eq!(UNICODE.localize("attaching …"), "attaching …");
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let of = |pairs: &[(&str, &str)]| {
            Glyphs::of_locale(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
                .unicode
        };
        assert!(of(&[("LANG", "de_DE.UTF-8")]));
        assert!(of(&[("LANG", "C.utf8")]));
        assert!(of(&[("LC_ALL", ""), ("LC_CTYPE", "en_US.UTF-8"), ("LANG", "C")]));
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(!of(&[("LANG", "de_DE.ISO-8859-1")]));
        assert!(!of(&[]));
    }
}
