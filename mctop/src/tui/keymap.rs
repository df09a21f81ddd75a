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
    /// Type a filter.
    Filter,
    /// Show what the filter hides, and hide what it shows.
    Invert,
    /// The next grouping of keys.
    Group,
    /// Type a grouping.
    AskForGrouping,
    /// Show or hide the hints.
    Hints,
    /// Choose the column to sort by from a list.
    SortMenu,
    /// Show more of what is selected.
    Open,
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
    /// Begin the totals anew.
    Reset,
    /// Write the figures on the screen to a file.
    Write,
    /// Copy the selected key.
    Copy,
    /// Show or hide the help.
    Help,
    /// One step back: close what is open, else forget the selection, else the filter.
    Back,
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

impl Motion {
    /// Where it leads from a rank among ranks up to `last`, with `page` rows on a screen.
    #[must_use]
    pub fn from(self, rank: usize, page: usize, last: usize) -> usize {
        let rank = match self {
            Self::Up => rank.saturating_sub(1),
            Self::Down => rank.saturating_add(1),
            Self::PageUp => rank.saturating_sub(page),
            Self::PageDown => rank.saturating_add(page),
            Self::HalfUp => rank.saturating_sub(page.div_ceil(2)),
            Self::HalfDown => rank.saturating_add(page.div_ceil(2)),
            Self::First => 0,
            Self::Last => last,
        };
        rank.min(last)
    }
}

/// What is on the screen: the same key may mean another thing elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The table.
    Table,
    /// The details of a key.
    Detail,
    /// A menu over the table.
    Menu,
    /// The help.
    Help,
}

const EVERYWHERE: &[Place] = &[Place::Table, Place::Detail, Place::Menu, Place::Help];
const FIGURES: &[Place] = &[Place::Table, Place::Detail];

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
    /// Where they do it.
    pub places: &'static [Place],
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
    fn new(keys: &[Press], places: &'static [Place], command: Command, meaning: &'static str) -> Self {
        Self { keys: keys.to_vec(), places, command, meaning: meaning.into(), short: None }
    }

    const fn short(mut self, short: &'static str) -> Self {
        self.short = Some(short);
        self
    }

    /// Its keys' names with a space between them.
    #[must_use]
    pub fn labels(&self) -> String {
        self.keys.iter().map(|press| press.label()).collect::<Vec<_>>().join(" ")
    }
}

static BINDINGS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    let (char, key, control) = (Press::char, Press::key, Press::control);
    let table: &[Place] = &[Place::Table];
    let mut bindings = vec![
        Binding::new(&[char('q'), char('Q'), control('c')], EVERYWHERE, Command::Quit, "quit").short("quit"),
        Binding::new(
            &[char('?'), char('h'), key(KeyCode::F(1))],
            &[Place::Table, Place::Detail, Place::Help],
            Command::Help,
            "show or hide this help",
        )
        .short("help"),
        Binding::new(
            &[char('/')],
            table,
            Command::Filter,
            "filter: text, a glob, /regex/, comparisons such as hit<50 or size>1M, with ! and or ( )",
        )
        .short("filter"),
        Binding::new(&[char('!')], table, Command::Invert, "show what the filter hides instead"),
        Binding::new(
            &[char('a')],
            table,
            Command::Group,
            "group the keys of a family: auto (numbers and ids become *), by 1, 2, 3 parts between :, or not",
        )
        .short("group"),
        Binding::new(&[char('A')], table, Command::AskForGrouping, "group by what is typed: auto, /2, .1, /regex( )/"),
        Binding::new(
            &[key(KeyCode::Enter)],
            table,
            Command::Open,
            "more about the selected row: the details of a key, the keys of a group",
        )
        .short("open"),
        Binding::new(&[key(KeyCode::Enter)], &[Place::Menu], Command::Open, "in a menu: choose").short("choose"),
        Binding::new(
            &[key(KeyCode::Esc)],
            EVERYWHERE,
            Command::Back,
            "back: close what is open, else forget the selection, then the filter, then the grouping",
        )
        .short("back"),
        Binding::new(&[char(' ')], FIGURES, Command::Pause, "pause or continue the view; counting goes on")
            .short("pause"),
        Binding::new(&[char('H')], table, Command::Hints, "show or hide the hints on what to look at"),
        Binding::new(&[char('s')], table, Command::SortMenu, "choose the column to sort by").short("sort"),
    ];
    bindings.extend(COLUMNS.iter().filter_map(|declaration| {
        Some(Binding {
            keys: vec![Press::char(declaration.sort_key?)],
            places: &[Place::Table],
            command: Command::SortBy(declaration.column),
            meaning: format!("sort by {}", declaration.header).into(),
            short: None,
        })
    }));
    bindings.extend([
        Binding::new(&[char('<')], table, Command::PreviousColumn, "sort by the column to the left"),
        Binding::new(&[char('>')], table, Command::NextColumn, "sort by the column to the right"),
        Binding::new(&[char('r'), char('I'), char('T')], table, Command::Reverse, "reverse the order").short("reverse"),
        Binding::new(
            &[char('w')],
            FIGURES,
            Command::Write,
            "write the figures shown to a new JSON file in the current directory",
        )
        .short("write"),
        Binding::new(
            &[char('c')],
            FIGURES,
            Command::Copy,
            "copy the selected key to the clipboard, where the terminal allows it (OSC 52)",
        )
        .short("copy"),
        Binding::new(&[control('r')], FIGURES, Command::Reset, "begin the totals anew").short("reset"),
        Binding::new(&[char('+'), char('=')], FIGURES, Command::Faster, "shorter intervals").short("faster"),
        Binding::new(&[char('-')], FIGURES, Command::Slower, "longer intervals").short("slower"),
        movement(&[key(KeyCode::Up), char('k')], Motion::Up, "up one row; the selection follows the key"),
        movement(&[key(KeyCode::Down), char('j')], Motion::Down, "down one row"),
        movement(&[key(KeyCode::PageUp), control('b')], Motion::PageUp, "up one screen"),
        movement(&[key(KeyCode::PageDown), control('f')], Motion::PageDown, "down one screen"),
        movement(&[control('u')], Motion::HalfUp, "up half a screen"),
        movement(&[control('d')], Motion::HalfDown, "down half a screen"),
        movement(&[key(KeyCode::Home), char('g')], Motion::First, "the first row"),
        movement(&[key(KeyCode::End), char('G')], Motion::Last, "the last row"),
        Binding::new(&[control('l')], EVERYWHERE, Command::Redraw, "draw everything anew"),
        Binding::new(&[control('z')], EVERYWHERE, Command::Suspend, "suspend; the shell's fg continues"),
    ]);
    bindings
});

fn movement(keys: &[Press], motion: Motion, meaning: &'static str) -> Binding {
    Binding::new(keys, EVERYWHERE, Command::Move(motion), meaning)
}

/// All bindings, in the order of the help. Documentation lists [`Binding::labels`] and [`Binding::meaning`].
#[must_use]
pub fn bindings() -> &'static [Binding] {
    &BINDINGS
}

/// What a key press asks for in a place, if anything.
#[must_use]
pub fn command(event: &KeyEvent, place: Place) -> Option<Command> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let here = bindings().iter().filter(|binding| binding.places.contains(&place));
    let mut pressed = here.filter(|binding| binding.keys.iter().any(|press| press.matches(event)));
    pressed.next().map(|binding| binding.command)
}

/// The movement that a key without a character asks for, also while text is typed.
#[must_use]
pub fn movement_beside_text(event: &KeyEvent) -> Option<Motion> {
    match command(event, Place::Table)? {
        Command::Move(motion)
            if matches!(event.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown) =>
        {
            Some(motion)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
        command(&KeyEvent::new(code, modifiers), Place::Table)
    }

    #[test]
    fn no_key_is_bound_twice() {
        for place in EVERYWHERE {
            let here = bindings().iter().filter(|binding| binding.places.contains(place));
            let keys: Vec<Press> = here.flat_map(|binding| binding.keys.clone()).collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{} is bound twice in {place:?}", key.label());
            }
        }
    }

    #[test]
    fn mctops_own_letters_sort() {
        for (letter, column) in
            [('C', Column::Calls), ('S', Column::Size), ('R', Column::Rate), ('B', Column::Bandwidth)]
        {
            let expected = Some(Command::SortBy(column));
            assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::NONE), expected);
            assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::SHIFT), expected);
        }
        assert_eq!(pressed(KeyCode::Char('T'), KeyModifiers::SHIFT), Some(Command::Reverse));
        assert_eq!(pressed(KeyCode::Char('Q'), KeyModifiers::SHIFT), Some(Command::Quit));
    }

    #[test]
    fn modifiers_matter() {
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Command::Quit));
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::NONE), Some(Command::Copy));
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
