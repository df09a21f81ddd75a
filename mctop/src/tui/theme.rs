//! Styles that work on dark and light backgrounds and without colour: bold and reverse carry the meaning, and colour repeats it.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::{bar, block};

use crate::text::glyphs::Glyphs;

/// Symbols for one cell of a bar, from empty to full.
pub(crate) type Levels = [&'static str; 9];

/// Vertical bars.
const BARS: Levels = [
    " ",
    bar::ONE_EIGHTH,
    bar::ONE_QUARTER,
    bar::THREE_EIGHTHS,
    bar::HALF,
    bar::FIVE_EIGHTHS,
    bar::THREE_QUARTERS,
    bar::SEVEN_EIGHTHS,
    bar::FULL,
];

/// Horizontal bars.
const BLOCKS: Levels = [
    " ",
    block::ONE_EIGHTH,
    block::ONE_QUARTER,
    block::THREE_EIGHTHS,
    block::HALF,
    block::FIVE_EIGHTHS,
    block::THREE_QUARTERS,
    block::SEVEN_EIGHTHS,
    block::FULL,
];

/// Characters of increasing height or weight.
const ASCII_BARS: Levels = [" ", ".", ":", "-", "=", "+", "*", "%", "#"];

/// In ASCII, a cell of a horizontal bar is either empty or full.
const ASCII_BLOCKS: Levels = [" ", "#", "#", "#", "#", "#", "#", "#", "#"];

/// The colours that repeat what bold and reverse say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// None.
    NoColor,
}

impl Palette {
    /// The palette for an environment. A non-empty `NO_COLOR` disables colours (<https://no-color.org>). `COLORFGBG`, which some
    /// terminals set, ends with the number of the background colour.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return Self::NoColor;
        }
        match variable("COLORFGBG").as_deref().and_then(|value| value.rsplit(';').next()) {
            Some("7" | "15") => Self::Light,
            _ => Self::Dark,
        }
    }
}

/// Symbols and colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Symbols.
    pub glyphs: Glyphs,
    /// Colours.
    pub palette: Palette,
}

impl Theme {
    /// The theme for an environment. The locale determines the symbols.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self { palette: Palette::of_environment(&variable), glyphs: Glyphs::of_locale(variable) }
    }

    /// Plain text. Every other style is based on it. Its colour is [`Color::Reset`], not unset, because an unset colour would
    /// leave the previous colour in a cell.
    #[must_use]
    pub fn text(&self) -> Style {
        Style::new().fg(Color::Reset).bg(Color::Reset)
    }

    /// The program's name and important figures.
    #[must_use]
    pub fn strong(&self) -> Style {
        self.text().add_modifier(Modifier::BOLD)
    }

    /// Explanations beside figures.
    #[must_use]
    pub fn faint(&self) -> Style {
        self.text().add_modifier(Modifier::DIM)
    }

    /// Column headers.
    #[must_use]
    pub fn header(&self) -> Style {
        self.text().add_modifier(Modifier::REVERSED)
    }

    /// Header of the sort column.
    #[must_use]
    pub fn sorted(&self) -> Style {
        self.header().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The selected row.
    #[must_use]
    pub fn selected(&self) -> Style {
        self.text().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// A state that is easily overlooked: paused, recorded, ended.
    #[must_use]
    pub fn marker(&self) -> Style {
        self.coloured(Color::Yellow, Color::Magenta).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// Figures that are not fully reliable, or that indicate a problem.
    #[must_use]
    pub fn alarm(&self) -> Style {
        self.coloured(Color::LightRed, Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Bars and lines of charts.
    #[must_use]
    pub fn chart(&self) -> Style {
        self.coloured(Color::Cyan, Color::Blue)
    }

    /// A bar drawn behind the text of a cell.
    #[must_use]
    pub fn bar(&self) -> Style {
        self.chart().add_modifier(Modifier::REVERSED)
    }

    /// Rates that have risen lately.
    #[must_use]
    pub fn rising(&self) -> Style {
        self.coloured(Color::Yellow, Color::Magenta).add_modifier(Modifier::BOLD)
    }

    /// Symbols of vertical bars, from empty to full.
    #[must_use]
    pub const fn bars(&self) -> Levels {
        if self.glyphs.unicode { BARS } else { ASCII_BARS }
    }

    /// Symbols of horizontal bars, from empty to full.
    #[must_use]
    pub const fn horizontal_bars(&self) -> Levels {
        if self.glyphs.unicode { BLOCKS } else { ASCII_BLOCKS }
    }

    fn coloured(&self, dark: Color, light: Color) -> Style {
        match self.palette {
            Palette::Dark => self.text().fg(dark),
            Palette::Light => self.text().fg(light),
            Palette::NoColor => self.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_leaves_modifiers_only() {
        let theme = Theme::of_environment(|name| (name == "NO_COLOR").then(|| "1".to_owned()));
        for style in [theme.alarm(), theme.marker(), theme.selected(), theme.sorted(), theme.rising()] {
            assert_eq!((style.fg, style.bg), (Some(Color::Reset), Some(Color::Reset)));
            assert!(!style.add_modifier.is_empty());
        }
    }

    #[test]
    fn an_empty_no_color_is_ignored() {
        let theme = Theme::of_environment(|name| (name == "NO_COLOR").then(String::new));
        assert_eq!(theme.alarm().fg, Some(Color::LightRed));
    }

    #[test]
    fn the_background_is_taken_from_colorfgbg() {
        let of = |value: &'static str| Palette::of_environment(|name| (name == "COLORFGBG").then(|| value.to_owned()));
        assert_eq!(
            [of("15;0"), of("0;15"), of("0;default;7"), of("")],
            [Palette::Dark, Palette::Light, Palette::Light, Palette::Dark]
        );
    }
}
