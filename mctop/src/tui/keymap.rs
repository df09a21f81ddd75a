//! The key bindings of the live table. Dispatch, footer, help and documentation are all derived from [`bindings`].

use std::borrow::Cow;
use std::sync::LazyLock;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::feed::PlaybackCommand;
use crate::model::column::{COLUMNS, Column};

/// A command of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TuiCommand {
    /// Sort by a column. Sorting by the current column again changes nothing.
    SortBy(Column),
    /// Open the prompt for a filter.
    Filter,
    /// Invert the filter.
    Invert,
    /// Switch to the next grouping.
    Group,
    /// Open the prompt for a grouping.
    AskForGrouping,
    /// Show or hide the hints.
    Hints,
    /// Open the menu of columns to sort by.
    SortMenu,
    /// Open the selected row or menu entry.
    Open,
    /// Sort by the column to the left.
    PreviousColumn,
    /// Sort by the column to the right.
    NextColumn,
    /// Reverse the sort order.
    Reverse,
    /// Switch between rates over the last interval and over the sliding window.
    SwitchRates,
    /// Move the selection.
    Move(Motion),
    /// Pause or resume the view.
    Pause,
    /// Use shorter intervals.
    Faster,
    /// Use longer intervals.
    Slower,
    /// Control the replay.
    Playback(PlaybackCommand),
    /// Show the next page of a key's details.
    NextDetailPage,
    /// Reset the totals.
    Reset,
    /// Write the current view to a file.
    Write,
    /// Copy the selected key.
    Copy,
    /// Show or hide the help.
    Help,
    /// Go back one step: close what is open, or clear the selection, the filter or the grouping.
    Back,
    /// Redraw the screen.
    Redraw,
    /// Suspend the process until the shell continues it.
    Suspend,
    /// Leave.
    Quit,
}

/// A movement of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
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
    /// The rank after this movement, starting at `rank`. `last` is the last rank, and `page` rows fit on a screen.
    pub(crate) fn apply(self, rank: usize, page: usize, last: usize) -> usize {
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

/// What is on the screen. The meaning of a key depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyContext {
    /// The table.
    Table,
    /// The details of a key.
    Detail,
    /// A menu over the table.
    Menu,
    /// The help.
    Help,
}

const EVERYWHERE: &[KeyContext] = &[KeyContext::Table, KeyContext::Detail, KeyContext::Menu, KeyContext::Help];
const FIGURES: &[KeyContext] = &[KeyContext::Table, KeyContext::Detail];

/// Where the figures come from. Some keys apply to only one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Running servers.
    Live,
    /// A capture.
    Replay,
}

const BOTH: &[Mode] = &[Mode::Live, Mode::Replay];

/// A key, with or without Control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPress {
    code: KeyCode,
    control: bool,
}

/// Keys, the command that they are bound to, and its explanation.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// The keys, any of which triggers the command.
    pub keys: Vec<KeyPress>,
    /// Where the binding applies.
    pub contexts: &'static [KeyContext],
    /// To which sources it applies.
    pub modes: &'static [Mode],
    /// The command.
    pub command: TuiCommand,
    /// The explanation shown in the help.
    pub meaning: Cow<'static, str>,
    /// One word for the footer; `None` if the binding is not shown there.
    pub short: Option<&'static str>,
}

impl KeyPress {
    const fn key(code: KeyCode) -> Self {
        Self { code, control: false }
    }

    const fn char(c: char) -> Self {
        Self::key(KeyCode::Char(c))
    }

    const fn control(c: char) -> Self {
        Self { code: KeyCode::Char(c), control: true }
    }

    /// Shift is ignored, because terminals differ in whether they report it for upper case and symbols.
    fn matches(self, event: &KeyEvent) -> bool {
        self.code == event.code
            && self.control == event.modifiers.contains(KeyModifiers::CONTROL)
            && !event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    }

    /// The name of the key: `C`, `^u`, `Space`, `PgDn`, `F1`.
    pub(crate) fn label(self) -> String {
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
    fn new(keys: &[KeyPress], contexts: &'static [KeyContext], command: TuiCommand, meaning: &'static str) -> Self {
        Self { keys: keys.to_vec(), contexts, modes: BOTH, command, meaning: meaning.into(), short: None }
    }

    const fn short(mut self, short: &'static str) -> Self {
        self.short = Some(short);
        self
    }

    const fn only(mut self, modes: &'static [Mode]) -> Self {
        self.modes = modes;
        self
    }

    /// Whether the binding applies here.
    pub(crate) fn applies(&self, context: KeyContext, mode: Mode) -> bool {
        self.contexts.contains(&context) && self.modes.contains(&mode)
    }

    /// The names of the keys, separated by spaces.
    pub(crate) fn labels(&self) -> String {
        self.keys.iter().map(|press| press.label()).collect::<Vec<_>>().join(" ")
    }
}

static BINDINGS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    let (char, key, control) = (KeyPress::char, KeyPress::key, KeyPress::control);
    let table: &[KeyContext] = &[KeyContext::Table];
    let mut bindings = vec![
        Binding::new(&[char('q'), char('Q'), control('c')], EVERYWHERE, TuiCommand::Quit, "quit").short("quit"),
        Binding::new(
            &[char('?'), char('h'), key(KeyCode::F(1))],
            &[KeyContext::Table, KeyContext::Detail, KeyContext::Help],
            TuiCommand::Help,
            "show or hide this help",
        )
        .short("help"),
        Binding::new(
            &[char('/')],
            table,
            TuiCommand::Filter,
            "filter by text, glob, /regex/ or a comparison such as hit<50 or size>1M; combine with ! and or ( )",
        )
        .short("filter"),
        Binding::new(&[char('!')], table, TuiCommand::Invert, "invert the filter: show what it hides"),
        Binding::new(
            &[char('a')],
            table,
            TuiCommand::Group,
            "next grouping: auto (numbers and IDs become *), by the first 1, 2 or 3 parts between colons, none",
        )
        .short("group"),
        Binding::new(
            &[char('A')],
            table,
            TuiCommand::AskForGrouping,
            "type a grouping: auto, a separator and a depth such as :2, or /regex/",
        ),
        Binding::new(
            &[key(KeyCode::Enter)],
            table,
            TuiCommand::Open,
            "open the selected row: the details of a key, or the keys of a group",
        )
        .short("open"),
        Binding::new(
            &[key(KeyCode::Enter)],
            &[KeyContext::Menu],
            TuiCommand::Open,
            "in a menu: choose the selected entry",
        )
        .short("choose"),
        Binding::new(
            &[key(KeyCode::Esc)],
            EVERYWHERE,
            TuiCommand::Back,
            "go back: close what is open, otherwise clear the selection, the filter or the grouping",
        )
        .short("back"),
        Binding::new(
            &[key(KeyCode::Tab)],
            &[KeyContext::Detail],
            TuiCommand::NextDetailPage,
            "in the details: show only clients and latencies, or everything; on small screens, the next page",
        )
        .short("clients"),
        Binding::new(&[char(' ')], FIGURES, TuiCommand::Pause, "pause or resume the view; counting continues")
            .short("pause")
            .only(LIVE),
    ];
    bindings.extend(replay_bindings());
    bindings.extend([
        Binding::new(&[char('H')], table, TuiCommand::Hints, "show or hide the hints"),
        Binding::new(&[char('s')], table, TuiCommand::SortMenu, "choose the column to sort by").short("sort"),
    ]);
    bindings.extend(COLUMNS.iter().filter_map(|declaration| {
        Some(Binding {
            keys: vec![KeyPress::char(declaration.sort_key?)],
            contexts: &[KeyContext::Table],
            modes: BOTH,
            command: TuiCommand::SortBy(declaration.column),
            meaning: format!("sort by {}", declaration.header).into(),
            short: None,
        })
    }));
    bindings.extend([
        Binding::new(&[char('<')], table, TuiCommand::PreviousColumn, "sort by the column to the left"),
        Binding::new(&[char('>')], table, TuiCommand::NextColumn, "sort by the column to the right"),
        Binding::new(&[char('r'), char('I'), char('T')], table, TuiCommand::Reverse, "reverse the order")
            .short("reverse"),
        Binding::new(
            &[char('W')],
            FIGURES,
            TuiCommand::SwitchRates,
            "switch between rates over the last interval and over the last minute, which includes rarely called keys",
        ),
        Binding::new(
            &[char('w')],
            FIGURES,
            TuiCommand::Write,
            "write the view to a new JSON file in the current directory",
        )
        .short("write"),
        Binding::new(
            &[char('c')],
            FIGURES,
            TuiCommand::Copy,
            "copy the selected key to the clipboard, if the terminal supports it (OSC 52)",
        )
        .short("copy"),
        Binding::new(&[control('r')], FIGURES, TuiCommand::Reset, "reset the totals: count from zero")
            .short("reset")
            .only(LIVE),
        Binding::new(&[char('+'), char('=')], FIGURES, TuiCommand::Faster, "use shorter intervals")
            .short("faster")
            .only(LIVE),
        Binding::new(&[char('-')], FIGURES, TuiCommand::Slower, "use longer intervals").short("slower").only(LIVE),
        movement(&[key(KeyCode::Up), char('k')], Motion::Up, "up one row; the selection follows the key"),
        movement(&[key(KeyCode::Down), char('j')], Motion::Down, "down one row"),
        movement(&[key(KeyCode::PageUp), control('b')], Motion::PageUp, "up one screen"),
        movement(&[key(KeyCode::PageDown), control('f')], Motion::PageDown, "down one screen"),
        movement(&[control('u')], Motion::HalfUp, "up half a screen"),
        movement(&[control('d')], Motion::HalfDown, "down half a screen"),
        movement(&[key(KeyCode::Home), char('g')], Motion::First, "the first row"),
        movement(&[key(KeyCode::End), char('G')], Motion::Last, "the last row"),
        Binding::new(&[control('l')], EVERYWHERE, TuiCommand::Redraw, "redraw the screen"),
        Binding::new(&[control('z')], EVERYWHERE, TuiCommand::Suspend, "suspend mctop; fg in the shell resumes it"),
    ]);
    bindings
});

/// Keys for replays, similar to those of video players.
fn replay_bindings() -> Vec<Binding> {
    let (char, key) = (KeyPress::char, KeyPress::key);
    let play = |keys: &[KeyPress], play, meaning| {
        Binding::new(keys, FIGURES, TuiCommand::Playback(play), meaning).only(&[Mode::Replay])
    };
    vec![
        play(&[char(' ')], PlaybackCommand::TogglePause, "in a replay: pause or resume").short("pause"),
        play(&[key(KeyCode::Left)], PlaybackCommand::Jump(-SHORT_JUMP), "in a replay: back 10 s").short("-10s"),
        play(&[key(KeyCode::Right)], PlaybackCommand::Jump(SHORT_JUMP), "in a replay: forward 10 s").short("+10s"),
        play(&[char('[')], PlaybackCommand::Jump(-LONG_JUMP), "in a replay: back 1 min"),
        play(&[char(']')], PlaybackCommand::Jump(LONG_JUMP), "in a replay: forward 1 min"),
        play(&[char('0')], PlaybackCommand::Start, "in a replay: go to the start"),
        play(&[char('$')], PlaybackCommand::End, "in a replay: go to the end"),
        play(&[char('.')], PlaybackCommand::StepForward, "in a replay: pause and step forward one interval")
            .short("step"),
        play(&[char(',')], PlaybackCommand::StepBack, "in a replay: pause and step back one interval"),
        play(&[char('+'), char('=')], PlaybackCommand::Faster, "in a replay: play faster, up to 60 times normal speed")
            .short("faster"),
        play(&[char('-')], PlaybackCommand::Slower, "in a replay: play slower, down to a quarter of normal speed")
            .short("slower"),
    ]
}

/// Seconds of a short and a long jump in a capture.
const SHORT_JUMP: i32 = 10;
const LONG_JUMP: i32 = 60;

const LIVE: &[Mode] = &[Mode::Live];

fn movement(keys: &[KeyPress], motion: Motion, meaning: &'static str) -> Binding {
    Binding::new(keys, EVERYWHERE, TuiCommand::Move(motion), meaning)
}

/// All bindings, in the order of the help.
pub(crate) fn bindings() -> &'static [Binding] {
    &BINDINGS
}

/// The command that a key is bound to in a context, if any.
pub(crate) fn command(event: &KeyEvent, context: KeyContext, mode: Mode) -> Option<TuiCommand> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let applicable = bindings().iter().filter(|binding| binding.applies(context, mode));
    let mut pressed = applicable.filter(|binding| binding.keys.iter().any(|press| press.matches(event)));
    pressed.next().map(|binding| binding.command)
}

/// The movement that a key such as Up or PgDn is bound to while text is typed. Keys that type a character are excluded.
pub(crate) fn movement_while_typing(event: &KeyEvent) -> Option<Motion> {
    match command(event, KeyContext::Table, Mode::Live)? {
        TuiCommand::Move(motion)
            if matches!(event.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown) =>
        {
            Some(motion)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
