//! The few symbols beyond ASCII, and what stands for them where they cannot be shown.

/// Symbols of a locale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Never expires.
    pub never: &'static str,
    /// Not known.
    pub unknown: &'static str,
    /// Something was left out.
    pub ellipsis: &'static str,
    /// Between the parts of a line.
    pub separator: &'static str,
    /// Largest first.
    pub descending: &'static str,
    /// Smallest first.
    pub ascending: &'static str,
    /// Between the two ends of a range.
    pub range: &'static str,
    /// Between width and height.
    pub times: &'static str,
    /// Whether characters beyond ASCII can be shown.
    pub unicode: bool,
}

/// For UTF-8 locales, and for files.
pub const UNICODE: Glyphs = Glyphs {
    never: "∞",
    unknown: "–",
    ellipsis: "…",
    separator: " · ",
    descending: "▼",
    ascending: "▲",
    range: "–",
    times: "×",
    unicode: true,
};

/// For terminals in other locales.
pub const ASCII: Glyphs = Glyphs {
    never: "never",
    unknown: "-",
    ellipsis: "..",
    separator: " | ",
    descending: "v",
    ascending: "^",
    range: "-",
    times: "x",
    unicode: false,
};

impl Glyphs {
    /// The symbols for a locale, from the environment: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty
    /// decides (POSIX.1-2017, 8.2), and its codeset must be UTF-8.
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
    fn the_first_variable_that_is_set_decides() {
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
