//! A line of text that is asked for, and what is wrong with it so far.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use super::State;
use crate::model::filter::Filter;
use crate::report::fit::shown_text;
use crate::tui::keymap::movement_beside_text;

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

impl State {
    pub(super) fn typed(&mut self, key: KeyEvent) {
        let Some(prompt) = &mut self.prompt else { return };
        match prompt.press(key) {
            Typed::Unchanged => {
                if let Some(motion) = movement_beside_text(&key) {
                    self.list.go(motion, self.page());
                }
            }
            Typed::Changed => {
                let (purpose, text) = (prompt.purpose, prompt.input.value().to_owned());
                let outcome = match purpose {
                    Purpose::Filter => self.typed_filter(&text),
                    Purpose::Grouping => self.typed_grouping(&text),
                };
                if let Some(prompt) = &mut self.prompt {
                    prompt.error = outcome.err();
                }
            }
            Typed::Accepted if prompt.error.is_none() => self.prompt = None,
            Typed::Accepted => {}
            Typed::Cleared => {
                match prompt.purpose {
                    Purpose::Filter => self.view.filter = None,
                    Purpose::Grouping => self.group(None),
                }
                self.prompt = None;
                self.stale = true;
            }
        }
        self.list.follow(self.page());
    }

    /// What a text says that is typed as a filter; the error as the terminal may show it.
    fn typed_filter(&mut self, text: &str) -> Result<(), String> {
        let text = Some(text).filter(|text| !text.trim().is_empty());
        let filter = text.map(Filter::parse).transpose();
        self.view.filter = filter.map_err(|error| shown_text(&error.to_string(), &self.glyphs))?;
        self.stale = true;
        Ok(())
    }

    pub(super) fn invert(&mut self) {
        let Some(filter) = &self.view.filter else {
            self.note = Some("there is no filter to invert: / asks for one".to_owned());
            return;
        };
        let source = filter.source();
        let plain = source.strip_prefix("!(").and_then(|rest| rest.strip_suffix(')'));
        // What is between the parentheses may be two groups: then it is no filter by itself.
        let inverted = plain.and_then(|plain| Filter::parse(plain).ok());
        match inverted.map_or_else(|| Filter::parse(&format!("!({source})")), Ok) {
            Ok(filter) => {
                self.view.filter = Some(filter);
                self.stale = true;
            }
            Err(error) => self.note = Some(shown_text(&error.to_string(), &self.glyphs)),
        }
    }
}
