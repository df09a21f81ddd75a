//! Every setting, declared once: its name in files, in the environment (`MCTOP_` and the name) and in error messages.

use std::time::Duration;

use clap::ValueEnum;

use super::values;
use crate::model::column::{COLUMNS, Column};
use crate::model::span::Span;

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Time between updates.
    Interval,
    /// Column to sort by.
    Sort,
    /// Over which time rates are.
    Rates,
    /// Which columns in which order.
    Columns,
    /// Colours.
    Theme,
    /// Characters beyond ASCII.
    Symbols,
    /// Clicks and the wheel.
    Mouse,
    /// Hints on what to look at.
    Hints,
}

/// How a setting is declared.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// The setting.
    pub setting: Setting,
    /// Its name.
    pub name: &'static str,
    /// Its value where nothing else is said.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// All settings.
pub(crate) const DECLARATIONS: &[Declaration] = &[
    Declaration {
        setting: Setting::Interval,
        name: "interval",
        default: "1s",
        meaning: "time between updates, from 100ms to 10m",
    },
    Declaration { setting: Setting::Sort, name: "sort", default: "rate", meaning: "column to sort by, largest first" },
    Declaration {
        setting: Setting::Rates,
        name: "rates",
        default: "interval",
        meaning: "over which time rates and shares are: interval (the last one), window (the last minute)",
    },
    Declaration {
        setting: Setting::Columns,
        name: "columns",
        default: "all",
        meaning: "columns in the order wanted; those that find no room are left out; all: every one",
    },
    Declaration {
        setting: Setting::Theme,
        name: "theme",
        default: "auto",
        meaning: "colours: auto, dark, light, no-color; auto heeds NO_COLOR and COLORFGBG",
    },
    Declaration {
        setting: Setting::Symbols,
        name: "symbols",
        default: "auto",
        meaning: "characters, of every command: auto, unicode, ascii; auto heeds the locale, but for Markdown and HTML",
    },
    Declaration {
        setting: Setting::Mouse,
        name: "mouse",
        default: "true",
        meaning: "whether the wheel scrolls and a click sorts or selects; the terminal then selects text with Shift",
    },
    Declaration {
        setting: Setting::Hints,
        name: "hints",
        default: "true",
        meaning: "whether hints on what to look at are shown",
    },
];

/// The time asked for that rates and shares are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rates {
    /// The last interval: what happens now.
    #[default]
    Interval,
    /// The sliding window, at most a minute: also what happens less than once an interval.
    Window,
}

impl Rates {
    /// The same for the model.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Interval => Span::Last,
            Self::Window => Span::Window,
        }
    }
}

/// The colours asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// By the environment.
    #[default]
    Auto,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// None.
    NoColor,
}

/// The characters asked for. Their names say it all to readers of the help, which every command shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Symbols {
    /// By the locale.
    #[default]
    #[value(help = None::<&str>)]
    Auto,
    /// Also those beyond ASCII.
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
    /// Over which time rates are.
    pub rates: Rates,
    /// Columns in the order wanted.
    pub columns: Vec<Column>,
    /// Colours.
    pub theme: ThemeName,
    /// Characters.
    pub symbols: Symbols,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Whether hints are shown.
    pub hints: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            sort: Column::Rate,
            rates: Rates::Interval,
            columns: all(),
            theme: ThemeName::Auto,
            symbols: Symbols::Auto,
            mouse: true,
            hints: true,
        }
    }
}

impl Setting {
    /// Its declaration.
    #[must_use]
    pub(crate) fn declaration(self) -> &'static Declaration {
        DECLARATIONS.iter().find(|declaration| declaration.setting == self).unwrap_or(&DECLARATIONS[0])
    }
}

fn all() -> Vec<Column> {
    COLUMNS.iter().map(|declaration| declaration.column).collect()
}

/// Reads a text as a value.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub(crate) fn apply(settings: &mut Settings, setting: Setting, text: &str) -> Result<(), String> {
    match setting {
        Setting::Interval => settings.interval = values::interval(text)?,
        Setting::Sort => settings.sort = Column::parse(text).map_err(|error| error.to_string())?,
        Setting::Rates => settings.rates = choice(text)?,
        Setting::Columns => settings.columns = columns(text)?,
        Setting::Theme => settings.theme = choice(text)?,
        Setting::Symbols => settings.symbols = choice(text)?,
        Setting::Mouse => settings.mouse = flag(text)?,
        Setting::Hints => settings.hints = flag(text)?,
    }
    Ok(())
}

/// Reads a list of columns: `rate,hit,size`, or `all`.
///
/// # Errors
/// Which of them is none.
pub(crate) fn columns(text: &str) -> Result<Vec<Column>, String> {
    if text.trim() == "all" {
        return Ok(all());
    }
    let mut columns = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let column = Column::parse(name).map_err(|error| error.to_string())?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    if columns.is_empty() { Err("expected at least one column, or all".to_owned()) } else { Ok(columns) }
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

/// A valid text as a value of a TOML file.
#[must_use]
pub(crate) fn to_toml(setting: Setting, text: &str) -> String {
    match setting {
        Setting::Mouse | Setting::Hints => text.to_owned(),
        Setting::Columns => {
            let columns = columns(text).unwrap_or_default();
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
