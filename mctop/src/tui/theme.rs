//! Styles that hold on dark and light backgrounds and without colour: bold and reverse carry the meaning, colour repeats it.

use ratatui::style::{Color, Modifier, Style};

use crate::report::glyphs::Glyphs;

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Symbols.
    pub glyphs: Glyphs,
    /// Whether colours are used at all.
    pub colour: bool,
}

impl Theme {
    /// The theme for an environment: `NO_COLOR`, when not empty, takes the colours away (<https://no-color.org>); the locale
    /// decides on the symbols.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let colour = variable("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { glyphs: Glyphs::of_locale(variable), colour }
    }

    /// Plain text. Every other style starts from it, because without colour it must be [`Color::Reset`], not unset: a cell
    /// would otherwise keep what was there before.
    #[must_use]
    pub fn text(&self) -> Style {
        Style::new().fg(Color::Reset).bg(Color::Reset)
    }

    /// The program's name and figures that matter.
    #[must_use]
    pub fn strong(&self) -> Style {
        self.text().add_modifier(Modifier::BOLD)
    }

    /// Explanations beside figures.
    #[must_use]
    pub fn faint(&self) -> Style {
        self.text().add_modifier(Modifier::DIM)
    }

    /// Headers of the columns.
    #[must_use]
    pub fn header(&self) -> Style {
        self.text().add_modifier(Modifier::REVERSED)
    }

    /// Header of the column sorted by.
    #[must_use]
    pub fn sorted(&self) -> Style {
        self.header().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The selected row.
    #[must_use]
    pub fn selected(&self) -> Style {
        self.text().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// A state that is easily forgotten: paused, recorded, ended.
    #[must_use]
    pub fn marker(&self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// Figures that are not to be trusted in full, or that point at trouble.
    #[must_use]
    pub fn alarm(&self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn coloured(&self, colour: Color) -> Style {
        if self.colour { self.text().fg(colour) } else { self.text() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_leaves_modifiers_only() {
        let theme = Theme::of_environment(|name| (name == "NO_COLOR").then(|| "1".to_owned()));
        for style in [theme.alarm(), theme.marker(), theme.selected(), theme.sorted()] {
            assert_eq!((style.fg, style.bg), (Some(Color::Reset), Some(Color::Reset)));
            assert!(!style.add_modifier.is_empty());
        }
    }

    #[test]
    fn an_empty_no_color_does_not_count() {
        let theme = Theme::of_environment(|name| (name == "NO_COLOR").then(String::new));
        assert_eq!(theme.alarm().fg, Some(Color::Red));
    }
}
