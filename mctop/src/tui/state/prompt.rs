//! The prompt for a filter or a grouping, and what is wrong with the text typed so far.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use super::State;
use crate::model::filter::Filter;
use crate::text::fit::shown_text;
use crate::tui::keymap::movement_while_typing;

/// Maximum length in characters. This is enough for any key, even if each of its 250 bytes is written as `\xNN`.
const MAX_CHARS: usize = 2_000;

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The filter.
    Filter,
    /// The grouping.
    Grouping,
}

/// The open prompt.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    /// What is being typed.
    pub purpose: Purpose,
    /// The text and the cursor.
    pub input: Input,
    /// What is wrong with the text, escaped for the terminal.
    pub error: Option<String>,
}

/// What a key press did to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptEdit {
    /// The text changed.
    Changed,
    /// The text is the same; the cursor may have moved.
    Unchanged,
    /// The user accepted the text.
    Accepted,
    /// The user cleared the filter or grouping.
    Cleared,
}

impl Prompt {
    /// A prompt with this text in it.
    pub(crate) fn new(purpose: Purpose, text: &str) -> Self {
        Self { purpose, input: Input::new(text.to_owned()), error: None }
    }

    /// Handles a key press.
    pub(crate) fn handle_key(&mut self, key: KeyEvent) -> PromptEdit {
        match key.code {
            KeyCode::Enter => PromptEdit::Accepted,
            KeyCode::Esc => PromptEdit::Cleared,
            KeyCode::Char('c' | 'g') if key.modifiers == KeyModifiers::CONTROL => PromptEdit::Cleared,
            KeyCode::Char(_) if self.input.value().chars().count() >= MAX_CHARS && key.modifiers.is_empty() => {
                PromptEdit::Unchanged
            }
            _ => match self.input.handle_event(&Event::Key(key)) {
                Some(changed) if changed.value => PromptEdit::Changed,
                _ => PromptEdit::Unchanged,
            },
        }
    }

    /// Inserts pasted text at the cursor. Line ends and other control characters are removed, so that a paste never acts as a
    /// key press.
    ///
    /// # Errors
    /// The text would become too long; nothing is inserted.
    pub(crate) fn paste(&mut self, text: &str) -> Result<PromptEdit, String> {
        let clean: String = text.chars().filter(|c| !is_control(*c)).collect();
        let length = self.input.value().chars().count() + clean.chars().count();
        if length > MAX_CHARS {
            return Err(format!(
                "not pasted: the text would have {length} characters, more than the {MAX_CHARS} allowed"
            ));
        }
        if clean.is_empty() {
            return Ok(PromptEdit::Unchanged);
        }
        let cursor = self.input.cursor();
        let characters = || self.input.value().chars();
        let value = characters().take(cursor).chain(clean.chars()).chain(characters().skip(cursor)).collect();
        self.input = Input::new(value).with_cursor(cursor + clean.chars().count());
        Ok(PromptEdit::Changed)
    }
}

/// Control characters, and Unicode's line and paragraph separators, which also end a line.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

impl State {
    pub(super) fn typed(&mut self, key: KeyEvent) {
        let Some(prompt) = &mut self.prompt else { return };
        match prompt.handle_key(key) {
            PromptEdit::Unchanged => {
                if let Some(motion) = movement_while_typing(&key) {
                    self.list.move_cursor(motion, self.page());
                }
            }
            PromptEdit::Changed => self.try_text(),
            PromptEdit::Accepted if prompt.error.is_none() => self.prompt = None,
            PromptEdit::Accepted => {}
            PromptEdit::Cleared => {
                match prompt.purpose {
                    Purpose::Filter => self.view.filter = None,
                    Purpose::Grouping => self.group(None),
                }
                self.prompt = None;
                self.stale = true;
            }
        }
        self.list.scroll_to_cursor(self.page());
    }

    /// Handles pasted text. Without a prompt it is ignored, because its characters must not act as key presses.
    pub(super) fn pasted(&mut self, text: &str) {
        let Some(prompt) = &mut self.prompt else {
            self.note = Some("pasted text ignored: press / first to paste it into a filter".to_owned());
            return;
        };
        match prompt.paste(text) {
            Ok(PromptEdit::Changed) => self.try_text(),
            Ok(_) => {}
            Err(why) => prompt.error = Some(why),
        }
        self.list.scroll_to_cursor(self.page());
    }

    /// Applies the text of the prompt, or sets its error.
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

    /// Applies a typed filter. The error is escaped for the terminal.
    fn typed_filter(&mut self, text: &str) -> Result<(), String> {
        let text = Some(text).filter(|text| !text.trim().is_empty());
        let filter = text.map(Filter::parse).transpose();
        self.view.filter = filter.map_err(|error| shown_text(&error.to_string(), &self.glyphs))?;
        self.stale = true;
        Ok(())
    }

    pub(super) fn invert(&mut self) {
        let Some(filter) = &self.view.filter else {
            self.note = Some("there is no filter to invert: press / to type one".to_owned());
            return;
        };
        let source = filter.source();
        let plain = source.strip_prefix("!(").and_then(|rest| rest.strip_suffix(')'));
        // The parentheses may not match each other, as in `!(a) or (b)`; the inner text is then not a filter.
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
