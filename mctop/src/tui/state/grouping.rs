//! Families of keys: which grouping, and into which group one has gone.

use super::{Prompt, Purpose, State};
use crate::model::filter::Filter;
use crate::model::group::{GroupId, Grouping};
use crate::report::fit::shown_text;

/// What the key for grouping goes through, after which comes none again.
const CYCLE: [&str; 4] = ["auto", ":1", ":2", ":3"];

/// How the groups were shown before one of them was opened.
#[derive(Clone, Debug)]
pub struct Outside {
    group: GroupId,
    filter: Option<Filter>,
}

impl State {
    /// The next of the usual groupings; none after the last, and after one that was typed.
    pub(super) fn next_grouping(&mut self) {
        let present = self.view.grouping.as_ref().map(Grouping::source);
        let next = match present {
            None => CYCLE.first(),
            Some(present) => CYCLE.iter().skip_while(|source| **source != present).nth(1),
        };
        let grouping = next.and_then(|source| Grouping::parse(source).ok());
        self.note = Some(match &grouping {
            Some(grouping) => format!("grouped by {}; A asks for another grouping", grouping.source()),
            None => "not grouped".to_owned(),
        });
        self.group(grouping);
    }

    /// Shows the keys grouped, or as they are.
    pub(super) fn group(&mut self, grouping: Option<Grouping>) {
        self.leave_group();
        self.view.grouping = grouping;
        self.list.forget();
        self.stale = true;
    }

    pub(super) fn ask_for_grouping(&mut self) {
        let text = self.view.grouping.as_ref().map_or("", Grouping::source);
        self.prompt = Some(Prompt::new(Purpose::Grouping, text));
    }

    /// What a text says that is typed as a grouping; the error as the terminal may show it.
    pub(super) fn typed_grouping(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let grouping = if text.is_empty() { None } else { Some(text) };
        let grouping = grouping.map(Grouping::parse).transpose();
        let grouping = grouping.map_err(|error| shown_text(&error.to_string(), &self.glyphs))?;
        self.group(grouping);
        Ok(())
    }

    /// Shows the keys of a group. The filter was about groups, and is put aside.
    pub(super) fn enter_group(&mut self, group: GroupId) {
        self.outside = Some(Outside { group: group.clone(), filter: self.view.filter.take() });
        self.view.opened = Some(group);
        self.list.forget();
        self.stale = true;
    }

    /// Shows the groups again, with the one that was left selected. Returns whether there was one to leave.
    pub(super) fn leave_group(&mut self) -> bool {
        let Some(Outside { group, filter }) = self.outside.take() else { return false };
        (self.view.opened, self.view.filter) = (None, filter);
        self.list.expect((group.name, group.target));
        self.stale = true;
        true
    }
}
