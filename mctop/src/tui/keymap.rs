//! Every key of the live table, declared once: dispatch, footer, help and documentation derive from [`bindings`].

use std::borrow::Cow;
use std::sync::LazyLock;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::model::column::{COLUMNS, Column};

/// What the user may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Sort by a column; by the same column again: nothing changes.
    SortBy(Column),
    /// Sort by the column to the left.
    PreviousColumn,
    /// Sort by the column to the right.
    NextColumn,
    /// The other direction of sorting.
    Reverse,
    /// Move the selection.
    Move(Motion),
    /// Freeze or continue the view.
    Pause,
    /// Shorter intervals.
    Faster,
    /// Longer intervals.
    Slower,
    /// Show or hide the help.
    Help,
    /// Close the help, else forget the selection.
    Escape,
    /// Draw everything anew.
    Redraw,
    /// Stop, to be continued by the shell.
    Suspend,
    /// Leave.
    Quit,
}

/// A movement of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One screen up.
    PageUp,
    /// One screen down.
    PageDown,
    /// Half a screen up.
    HalfUp,
    /// Half a screen down.
    HalfDown,
    /// The first row.
    First,
    /// The last row.
    Last,
}

/// A key of the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    code: KeyCode,
    control: bool,
}

/// Keys, what they do, and how that is explained.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Any of these.
    pub keys: Vec<Press>,
    /// What they do.
    pub command: Command,
    /// The explanation in the help.
    pub meaning: Cow<'static, str>,
    /// One word for the footer, where it is worth the space.
    pub short: Option<&'static str>,
}

impl Press {
    const fn key(code: KeyCode) -> Self {
        Self { code, control: false }
    }

    const fn char(c: char) -> Self {
        Self::key(KeyCode::Char(c))
    }

    const fn control(c: char) -> Self {
        Self { code: KeyCode::Char(c), control: true }
    }

    /// Upper case and symbols come with or without Shift, depending on the terminal.
    fn matches(self, event: &KeyEvent) -> bool {
        self.code == event.code
            && self.control == event.modifiers.contains(KeyModifiers::CONTROL)
            && !event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    }

    /// Its name: `C`, `^u`, `Space`, `PgDn`, `F1`.
    #[must_use]
    pub fn label(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::F(number) => format!("F{number}"),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            other => format!("{other:?}"),
        };
        if self.control { format!("^{name}") } else { name }
    }
}

impl Binding {
    fn new(keys: &[Press], command: Command, short: Option<&'static str>, meaning: &'static str) -> Self {
        Self { keys: keys.to_vec(), command, meaning: meaning.into(), short }
    }

    /// Its keys' names with a space between them.
    #[must_use]
    pub fn labels(&self) -> String {
        self.keys.iter().map(|press| press.label()).collect::<Vec<_>>().join(" ")
    }
}

static BINDINGS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    let mut bindings = vec![
        Binding::new(&[Press::char('q'), Press::char('Q'), Press::control('c')], Command::Quit, Some("quit"), "quit"),
        Binding::new(
            &[Press::char('?'), Press::char('h'), Press::key(KeyCode::F(1))],
            Command::Help,
            Some("help"),
            "show or hide this help",
        ),
        Binding::new(
            &[Press::char(' ')],
            Command::Pause,
            Some("pause"),
            "pause or continue the view; counting goes on",
        ),
    ];
    bindings.extend(COLUMNS.iter().filter_map(|declaration| {
        Some(Binding {
            keys: vec![Press::char(declaration.sort_key?)],
            command: Command::SortBy(declaration.column),
            meaning: format!("sort by {}", declaration.header).into(),
            short: None,
        })
    }));
    bindings.extend([
        Binding::new(&[Press::char('<')], Command::PreviousColumn, None, "sort by the column to the left"),
        Binding::new(&[Press::char('>')], Command::NextColumn, Some("sort"), "sort by the column to the right"),
        Binding::new(&[Press::char('r'), Press::char('I')], Command::Reverse, Some("reverse"), "reverse the order"),
        Binding::new(&[Press::char('+'), Press::char('=')], Command::Faster, Some("faster"), "shorter intervals"),
        Binding::new(&[Press::char('-')], Command::Slower, Some("slower"), "longer intervals"),
        movement(&[Press::key(KeyCode::Up), Press::char('k')], Motion::Up, "up one row; the selection follows the key"),
        movement(&[Press::key(KeyCode::Down), Press::char('j')], Motion::Down, "down one row"),
        movement(&[Press::key(KeyCode::PageUp), Press::control('b')], Motion::PageUp, "up one screen"),
        movement(&[Press::key(KeyCode::PageDown), Press::control('f')], Motion::PageDown, "down one screen"),
        movement(&[Press::control('u')], Motion::HalfUp, "up half a screen"),
        movement(&[Press::control('d')], Motion::HalfDown, "down half a screen"),
        movement(&[Press::key(KeyCode::Home), Press::char('g')], Motion::First, "the first row"),
        movement(&[Press::key(KeyCode::End), Press::char('G')], Motion::Last, "the last row"),
        Binding::new(&[Press::key(KeyCode::Esc)], Command::Escape, None, "close this help; forget the selection"),
        Binding::new(&[Press::control('l')], Command::Redraw, None, "draw everything anew"),
        Binding::new(&[Press::control('z')], Command::Suspend, None, "suspend; the shell's fg continues"),
    ]);
    bindings
});

fn movement(keys: &[Press], motion: Motion, meaning: &'static str) -> Binding {
    Binding::new(keys, Command::Move(motion), None, meaning)
}

/// All bindings, in the order of the help. Documentation lists [`Binding::labels`] and [`Binding::meaning`].
#[must_use]
pub fn bindings() -> &'static [Binding] {
    &BINDINGS
}

/// What a key press asks for, if anything.
#[must_use]
pub fn command(event: &KeyEvent) -> Option<Command> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let binding = bindings().iter().find(|binding| binding.keys.iter().any(|press| press.matches(event)));
    binding.map(|binding| binding.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
        command(&KeyEvent::new(code, modifiers))
    }

    #[test]
    fn no_key_is_bound_twice() {
        let keys: Vec<Press> = bindings().iter().flat_map(|binding| binding.keys.clone()).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{} is bound twice", key.label());
        }
    }

    #[test]
    fn mctops_own_letters_sort() {
        for (letter, column) in [
            ('C', Column::Calls),
            ('S', Column::Size),
            ('R', Column::Rate),
            ('B', Column::Bandwidth),
            ('T', Column::Ttl),
        ] {
            let expected = Some(Command::SortBy(column));
            assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::NONE), expected);
            assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::SHIFT), expected);
        }
    }

    #[test]
    fn modifiers_matter() {
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Command::Quit));
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(pressed(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(pressed(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
    }

    #[test]
    fn labels_are_names() {
        let labels: Vec<String> = bindings().iter().map(Binding::labels).collect();
        for expected in ["q Q ^c", "? h F1", "Space", "Up k", "PgDn ^f", "Esc", "+ ="] {
            assert!(labels.iter().any(|label| label == expected), "{expected} not in {labels:?}");
        }
    }
}
