//! The settings as they apply to a command: its options over the environment and the file.

use clap::ValueEnum as _;

use super::telling;
use crate::cli::GeneralArgs;
use crate::config::{Config, Layer, Setting, Settings, Symbols};
use crate::error::Failure;
use crate::text::glyphs::{ASCII, Glyphs, UNICODE};

/// Finds them, and from now on speaks in their symbols on standard error. `options` are those of the command alone, as texts.
///
/// # Errors
/// A [`Failure`]: a value that is none, or a file that cannot be read.
pub(super) fn find(
    general: &GeneralArgs,
    options: impl IntoIterator<Item = (Setting, String)>,
) -> Result<Config, Failure> {
    let mut given = Layer::default();
    let symbols = general.symbols.as_ref().and_then(value_name).map(|name| (Setting::Symbols, name));
    for (setting, text) in options.into_iter().chain(symbols) {
        given.set(setting, &text, "the command line".to_owned())?;
    }
    let config = Config::find(given, general.config.as_deref(), |name| std::env::var(name).ok())?;
    telling::set_glyphs(Characters::of(&config.settings).text);
    Ok(config)
}

/// The name of an option's value.
pub(super) fn value_name(value: &impl clap::ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

/// The symbols of what is written for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Characters {
    /// Of text, which may be for a terminal.
    pub text: Glyphs,
    /// Of documents that are UTF-8 wherever they are written, and so shown elsewhere: Markdown and HTML. The locale says nothing
    /// about these, but somebody who asks for ASCII gets it.
    pub documents: Glyphs,
}

impl Characters {
    /// Those of a command without settings of its own.
    ///
    /// # Errors
    /// Those of [`find`].
    pub(super) fn find(general: &GeneralArgs) -> Result<Self, Failure> {
        Ok(Self::of(&find(general, [])?.settings))
    }

    /// As the settings have it.
    pub(super) fn of(settings: &Settings) -> Self {
        match settings.symbols {
            Symbols::Auto => Self { text: of_locale(), documents: UNICODE },
            Symbols::Unicode => Self { text: UNICODE, documents: UNICODE },
            Symbols::Ascii => Self { text: ASCII, documents: ASCII },
        }
    }
}

/// The symbols of text before the settings are known, which may be wrong.
pub(super) fn of_environment() -> Glyphs {
    let symbols = std::env::var("MCTOP_SYMBOLS").ok().and_then(|text| Symbols::from_str(&text, false).ok());
    Characters::of(&Settings { symbols: symbols.unwrap_or_default(), ..Settings::default() }).text
}

/// The symbols for the locale.
fn of_locale() -> Glyphs {
    Glyphs::of_locale(|name| std::env::var(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_utf_8_unless_told_otherwise() {
        let of = |symbols| Characters::of(&Settings { symbols, ..Settings::default() });
        assert!(of(Symbols::Auto).documents.unicode);
        let unicode = of(Symbols::Unicode);
        assert!(unicode.text.unicode && unicode.documents.unicode);
        let ascii = of(Symbols::Ascii);
        assert!(!ascii.text.unicode && !ascii.documents.unicode);
    }
}
