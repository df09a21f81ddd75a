//! A line of text that is asked for, and what is wrong with it so far.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

/// Longest text, characters: longer than any key.
const LONGEST: usize = 500;

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The filter.
    Filter,
    /// The grouping.
    Grouping,
}

/// The line under way.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What the text is for.
    pub purpose: Purpose,
    /// The text and the cursor.
    pub input: Input,
    /// What is wrong with it, as the terminal may show it.
    pub error: Option<String>,
}

/// What a key press did to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The text is another.
    Changed,
    /// Nothing, or the cursor moved.
    Unchanged,
    /// The user is done.
    Accepted,
    /// The user wants none.
    Cleared,
}

impl Prompt {
    /// A line that begins with a text.
    #[must_use]
    pub fn new(purpose: Purpose, text: &str) -> Self {
        Self { purpose, input: Input::new(text.to_owned()), error: None }
    }

    /// Takes a key press.
    pub fn press(&mut self, key: KeyEvent) -> Typed {
        match key.code {
            KeyCode::Enter => Typed::Accepted,
            KeyCode::Esc => Typed::Cleared,
            KeyCode::Char('c' | 'g') if key.modifiers == KeyModifiers::CONTROL => Typed::Cleared,
            KeyCode::Char(_) if self.input.value().chars().count() >= LONGEST && key.modifiers.is_empty() => {
                Typed::Unchanged
            }
            _ => match self.input.handle_event(&Event::Key(key)) {
                Some(changed) if changed.value => Typed::Changed,
                _ => Typed::Unchanged,
            },
        }
    }
}
