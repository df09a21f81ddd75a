//! Declares every setting once: its name in files, in the environment (`MCTOP_` and the name) and in error messages.

use std::time::Duration;

use clap::ValueEnum;

use super::values;
use crate::model::column::Column;
use crate::model::span::Span;

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Time between updates.
    Interval,
    /// Column to sort by.
    Sort,
    /// Span of rates and shares.
    Rates,
    /// Columns, in order.
    Columns,
    /// Colours.
    Theme,
    /// Which characters output for people may use.
    SymbolStyle,
    /// Whether clicks and the wheel are used.
    Mouse,
    /// Whether hints are given.
    Hints,
}

/// The declaration of a setting.
#[derive(Debug)]
pub(crate) struct SettingDeclaration {
    /// The setting.
    pub setting: Setting,
    /// Its name.
    pub name: &'static str,
    /// Its default value.
    pub default: &'static str,
    /// Its meaning and its values.
    pub meaning: &'static str,
}

/// All settings.
pub(crate) const DECLARATIONS: &[SettingDeclaration] = &[
    SettingDeclaration {
        setting: Setting::Interval,
        name: "interval",
        default: "1s",
        meaning: "time between updates, from 100ms to 10m",
    },
    SettingDeclaration {
        setting: Setting::Sort,
        name: "sort",
        default: "rate",
        meaning: "column to sort by, largest first",
    },
    SettingDeclaration {
        setting: Setting::Rates,
        name: "rates",
        default: "interval",
        meaning: "span of rates and shares: interval (the last interval) or window (the last minute)",
    },
    SettingDeclaration {
        setting: Setting::Columns,
        name: "columns",
        default: "all",
        meaning: "columns to show, in order; those that do not fit are left out; \"all\" shows every column",
    },
    SettingDeclaration {
        setting: Setting::Theme,
        name: "theme",
        default: "auto",
        meaning: "colours: auto, dark, light or no-color; auto follows NO_COLOR and COLORFGBG",
    },
    SettingDeclaration {
        setting: Setting::SymbolStyle,
        name: "symbols",
        default: "auto",
        meaning: "characters of output for people, in all commands: auto, unicode or ascii; auto follows the locale, except in \
                  Markdown and HTML, which are UTF-8",
    },
    SettingDeclaration {
        setting: Setting::Mouse,
        name: "mouse",
        default: "true",
        meaning: "whether clicks sort and select and the wheel scrolls; the terminal then selects text only with Shift",
    },
    SettingDeclaration {
        setting: Setting::Hints,
        name: "hints",
        default: "true",
        meaning: "whether to show hints on what to look at",
    },
];

/// The span of rates and shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rates {
    /// The last interval
    #[default]
    Interval,
    /// The last minute, which also covers keys that are called less than once per interval
    Window,
}

impl Rates {
    /// The same, as a [`Span`] of the model.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Interval => Span::Last,
            Self::Window => Span::Window,
        }
    }
}

/// The colours of the live table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// Follows NO_COLOR and COLORFGBG; otherwise dark
    #[default]
    Auto,
    /// For dark backgrounds
    Dark,
    /// For light backgrounds
    Light,
    /// No colours
    NoColor,
}

/// The characters of output for people. The help lists their names only: every command shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SymbolStyle {
    /// Follows the locale.
    #[default]
    #[value(help = None::<&str>)]
    Auto,
    /// All of Unicode.
    #[value(help = None::<&str>)]
    Unicode,
    /// ASCII only.
    #[value(help = None::<&str>)]
    Ascii,
}

/// The values of all settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time between updates.
    pub interval: Duration,
    /// Column to sort by.
    pub sort: Column,
    /// Span of rates and shares.
    pub rates: Rates,
    /// Columns, in order.
    pub columns: Vec<Column>,
    /// Colours.
    pub theme: ThemeName,
    /// Characters of output for people.
    pub symbols: SymbolStyle,
    /// Whether clicks and the wheel are used.
    pub mouse: bool,
    /// Whether hints are given.
    pub hints: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            sort: Column::Rate,
            rates: Rates::Interval,
            columns: values::all_columns(),
            theme: ThemeName::Auto,
            symbols: SymbolStyle::Auto,
            mouse: true,
            hints: true,
        }
    }
}

impl Setting {
    /// Its declaration.
    pub(crate) fn declaration(self) -> &'static SettingDeclaration {
        DECLARATIONS.iter().find(|declaration| declaration.setting == self).unwrap_or(&DECLARATIONS[0])
    }
}

/// Parses the value of a setting.
///
/// # Errors
/// What was expected.
pub(crate) fn apply(settings: &mut Settings, setting: Setting, text: &str) -> Result<(), String> {
    match setting {
        Setting::Interval => settings.interval = values::interval(text)?,
        Setting::Sort => settings.sort = Column::parse(text).map_err(|error| error.to_string())?,
        Setting::Rates => settings.rates = choice(text)?,
        Setting::Columns => settings.columns = values::columns(text)?,
        Setting::Theme => settings.theme = choice(text)?,
        Setting::SymbolStyle => settings.symbols = choice(text)?,
        Setting::Mouse => settings.mouse = flag(text)?,
        Setting::Hints => settings.hints = flag(text)?,
    }
    Ok(())
}

fn choice<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let known = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "expected true or false".to_owned())
}

/// A valid text as a TOML value.
pub(crate) fn to_toml(setting: Setting, text: &str) -> String {
    match setting {
        Setting::Mouse | Setting::Hints => text.to_owned(),
        Setting::Columns => {
            let columns = values::columns(text).unwrap_or_default();
            let names: Vec<String> = columns.iter().map(|column| format!("{:?}", column.declaration().name)).collect();
            format!("[{}]", names.join(", "))
        }
        _ => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_defaults_are_the_defaults() {
        let mut settings = Settings { mouse: false, interval: Duration::ZERO, ..Settings::default() };
        for declaration in DECLARATIONS {
            apply(&mut settings, declaration.setting, declaration.default).unwrap();
            assert_eq!(declaration.setting.declaration().name, declaration.name);
        }
        assert_eq!(settings, Settings::default());
    }
}
