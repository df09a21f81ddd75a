//! A line of text that is asked for, and what is wrong with it so far.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use super::State;
use crate::model::filter::Filter;
use crate::report::fit::shown_text;
use crate::tui::keymap::movement_beside_text;

/// Longest text, characters: longer than any key, also where each of its 250 bytes is shown as `\xNN`.
const LONGEST: usize = 2_000;

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

    /// Takes a text at the cursor. Nothing in it does what a key would: line ends and other control characters are left out.
    ///
    /// # Errors
    /// It is too long; nothing of it was taken.
    pub fn paste(&mut self, text: &str) -> Result<Typed, String> {
        let clean: String = text.chars().filter(|c| !is_control(*c)).collect();
        let length = self.input.value().chars().count() + clean.chars().count();
        if length > LONGEST {
            return Err(format!("not pasted: that would be {length} characters, and {LONGEST} are the most"));
        }
        if clean.is_empty() {
            return Ok(Typed::Unchanged);
        }
        let cursor = self.input.cursor();
        let characters = || self.input.value().chars();
        let value = characters().take(cursor).chain(clean.chars()).chain(characters().skip(cursor)).collect();
        self.input = Input::new(value).with_cursor(cursor + clean.chars().count());
        Ok(Typed::Changed)
    }
}

/// Unicode's line and paragraph separators are no control characters, but end a line too.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
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
            Typed::Changed => self.try_text(),
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

    /// A text was pasted. Where none is asked for it is ignored: its characters are no key presses.
    pub(super) fn pasted(&mut self, text: &str) {
        let Some(prompt) = &mut self.prompt else {
            self.note = Some("pasted text is ignored here; / asks for a filter that it can be pasted into".to_owned());
            return;
        };
        match prompt.paste(text) {
            Ok(Typed::Changed) => self.try_text(),
            Ok(_) => {}
            Err(why) => prompt.error = Some(why),
        }
        self.list.follow(self.page());
    }

    /// Does what the text of the prompt asks for, or says what is wrong with it.
    fn try_text(&mut self) {
        let Some(prompt) = &self.prompt else { return };
        let (purpose, text) = (prompt.purpose, prompt.input.value().to_owned());
        let outcome = match purpose {
            Purpose::Filter => self.typed_filter(&text),
            Purpose::Grouping => self.typed_grouping(&text),
        };
        if let Some(prompt) = &mut self.prompt {
            prompt.error = outcome.err();
        }
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
