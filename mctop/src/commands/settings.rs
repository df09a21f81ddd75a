//! The settings of a command: its options override the environment, which overrides the file.

use clap::ValueEnum as _;

use super::messages;
use crate::cli::GeneralArgs;
use crate::config::{Config, Layer, Setting, Settings, SymbolStyle};
use crate::error::Failure;
use crate::text::glyphs::{ASCII, Glyphs, UNICODE};

/// Finds the settings, and uses their symbols on standard error from now on. `options` are the command's own options.
///
/// # Errors
/// A [`Failure`]: a value is invalid, or a file cannot be read.
pub(super) fn find(
    general: &GeneralArgs,
    options: impl IntoIterator<Item = (Setting, String)>,
) -> Result<Config, Failure> {
    let mut given = Layer::default();
    let symbols = general.symbols.as_ref().and_then(value_name).map(|name| (Setting::SymbolStyle, name));
    for (setting, text) in options.into_iter().chain(symbols) {
        given.set(setting, &text, "the command line".to_owned())?;
    }
    let config = Config::find(given, general.config.as_deref(), |name| std::env::var(name).ok())?;
    messages::set_glyphs(Characters::of(&config.settings).text);
    Ok(config)
}

/// The name of an option's value.
pub(super) fn value_name(value: &impl clap::ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

/// The symbols in output for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Characters {
    /// In text, which may go to a terminal.
    pub text: Glyphs,
    /// In Markdown and HTML, which are always UTF-8. The locale does not matter, but `--symbols ascii` does.
    pub documents: Glyphs,
}

impl Characters {
    /// The symbols of a command without settings of its own.
    ///
    /// # Errors
    /// As for [`find`].
    pub(super) fn find(general: &GeneralArgs) -> Result<Self, Failure> {
        Ok(Self::of(&find(general, [])?.settings))
    }

    /// The symbols that the settings ask for.
    pub(super) fn of(settings: &Settings) -> Self {
        match settings.symbols {
            SymbolStyle::Auto => Self { text: of_locale(), documents: UNICODE },
            SymbolStyle::Unicode => Self { text: UNICODE, documents: UNICODE },
            SymbolStyle::Ascii => Self { text: ASCII, documents: ASCII },
        }
    }
}

/// The symbols in text before the settings are known.
pub(super) fn of_environment() -> Glyphs {
    let symbols = std::env::var("MCTOP_SYMBOLS").ok().and_then(|text| SymbolStyle::from_str(&text, false).ok());
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
    fn documents_are_utf_8_unless_the_settings_say_ascii() {
        let of = |symbols| Characters::of(&Settings { symbols, ..Settings::default() });
        assert!(of(SymbolStyle::Auto).documents.unicode);
        let unicode = of(SymbolStyle::Unicode);
        assert!(unicode.text.unicode && unicode.documents.unicode);
        let ascii = of(SymbolStyle::Ascii);
        assert!(!ascii.text.unicode && !ascii.documents.unicode);
    }
}
