//! Every key of the live table, declared once: dispatch, footer, help and documentation derive from [`bindings`].

use std::borrow::Cow;
use std::sync::LazyLock;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::feed::Play;
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
    /// Rates over the last interval, or over the sliding window.
    Rates,
    /// Move the selection.
    Move(Motion),
    /// Freeze or continue the view.
    Pause,
    /// Shorter intervals.
    Faster,
    /// Longer intervals.
    Slower,
    /// Move about in the capture.
    Play(Play),
    /// Show another part of the details of a key.
    Closely,
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

/// Where the figures come from: some keys have a meaning in one case only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Servers that run.
    Live,
    /// A capture.
    Replay,
}

const BOTH: &[Mode] = &[Mode::Live, Mode::Replay];

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
    /// Over what they do it.
    pub modes: &'static [Mode],
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
        Self { keys: keys.to_vec(), places, modes: BOTH, command, meaning: meaning.into(), short: None }
    }

    const fn short(mut self, short: &'static str) -> Self {
        self.short = Some(short);
        self
    }

    const fn only(mut self, modes: &'static [Mode]) -> Self {
        self.modes = modes;
        self
    }

    /// Whether it applies.
    #[must_use]
    pub fn applies(&self, place: Place, mode: Mode) -> bool {
        self.places.contains(&place) && self.modes.contains(&mode)
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
        Binding::new(
            &[key(KeyCode::Tab)],
            &[Place::Detail],
            Command::Closely,
            "in the details: the clients and latencies of the key alone, or everything; low screens: next page",
        )
        .short("clients"),
        Binding::new(&[char(' ')], FIGURES, Command::Pause, "pause or continue the view; counting goes on")
            .short("pause")
            .only(LIVE),
    ];
    bindings.extend(playing());
    bindings.extend([
        Binding::new(&[char('H')], table, Command::Hints, "show or hide the hints on what to look at"),
        Binding::new(&[char('s')], table, Command::SortMenu, "choose the column to sort by").short("sort"),
    ]);
    bindings.extend(COLUMNS.iter().filter_map(|declaration| {
        Some(Binding {
            keys: vec![Press::char(declaration.sort_key?)],
            places: &[Place::Table],
            modes: BOTH,
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
            &[char('W')],
            FIGURES,
            Command::Rates,
            "rates over the last minute, also of keys called less than once an interval; again: over the last interval",
        ),
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
        Binding::new(&[control('r')], FIGURES, Command::Reset, "begin the totals anew").short("reset").only(LIVE),
        Binding::new(&[char('+'), char('=')], FIGURES, Command::Faster, "shorter intervals").short("faster").only(LIVE),
        Binding::new(&[char('-')], FIGURES, Command::Slower, "longer intervals").short("slower").only(LIVE),
    ]);
    bindings.extend([
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

/// Keys of replays, as video players have them.
fn playing() -> Vec<Binding> {
    let (char, key) = (Press::char, Press::key);
    let play =
        |keys: &[Press], play, meaning| Binding::new(keys, FIGURES, Command::Play(play), meaning).only(&[Mode::Replay]);
    vec![
        play(&[char(' ')], Play::Hold, "in a replay: pause it or go on").short("pause"),
        play(&[key(KeyCode::Left)], Play::Jump(-STEP), "in a replay: 10 s back").short("-10s"),
        play(&[key(KeyCode::Right)], Play::Jump(STEP), "in a replay: 10 s on").short("+10s"),
        play(&[char('[')], Play::Jump(-LONG_STEP), "in a replay: 1 min back"),
        play(&[char(']')], Play::Jump(LONG_STEP), "in a replay: 1 min on"),
        play(&[char('0')], Play::Begin, "in a replay: to the begin"),
        play(&[char('$')], Play::End, "in a replay: to the end"),
        play(&[char('.')], Play::Next, "in a replay: pause, one interval on").short("step"),
        play(&[char(',')], Play::Previous, "in a replay: pause, one interval back"),
        play(&[char('+'), char('=')], Play::Faster, "in a replay: faster, up to 60 times").short("faster"),
        play(&[char('-')], Play::Slower, "in a replay: slower, down to a quarter").short("slower"),
    ]
}

/// Seconds of a step in a capture, and of a long one.
const STEP: i32 = 10;
const LONG_STEP: i32 = 60;

const LIVE: &[Mode] = &[Mode::Live];

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
pub fn command(event: &KeyEvent, place: Place, mode: Mode) -> Option<Command> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let here = bindings().iter().filter(|binding| binding.applies(place, mode));
    let mut pressed = here.filter(|binding| binding.keys.iter().any(|press| press.matches(event)));
    pressed.next().map(|binding| binding.command)
}

/// The movement that a key without a character asks for, also while text is typed.
#[must_use]
pub fn movement_beside_text(event: &KeyEvent) -> Option<Motion> {
    match command(event, Place::Table, Mode::Live)? {
        Command::Move(motion)
            if matches!(event.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown) =>
        {
            Some(motion)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
