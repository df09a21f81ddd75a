//! The grouping of keys, and the group that is open.

use super::{Prompt, Purpose, State};
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::model::snapshot::GroupId;
use crate::text::fit::shown_text;

/// The groupings that the group key steps through; the last is followed by no grouping.
const CYCLE: [&str; 4] = ["auto", ":1", ":2", ":3"];

/// The view to restore when the open group is closed.
#[derive(Clone, Debug)]
pub(super) struct SavedView {
    group: GroupId,
    filter: Option<Filter>,
}

impl State {
    /// Switches to the next of the usual groupings, or to none after the last and after a typed one.
    pub(super) fn next_grouping(&mut self) {
        let present = self.view.grouping.as_ref().map(Grouping::source);
        let next = match present {
            None => CYCLE.first(),
            Some(present) => CYCLE.iter().skip_while(|source| **source != present).nth(1),
        };
        let grouping = next.and_then(|source| Grouping::parse(source).ok());
        self.note = Some(match &grouping {
            Some(grouping) => format!("grouped by {}; press A to type another grouping", grouping.source()),
            None => "not grouped".to_owned(),
        });
        self.group(grouping);
    }

    /// Groups the keys, or ungroups them.
    pub(super) fn group(&mut self, grouping: Option<Grouping>) {
        self.leave_group();
        self.view.grouping = grouping;
        self.list.clear_selection();
        self.stale = true;
    }

    pub(super) fn ask_for_grouping(&mut self) {
        let text = self.view.grouping.as_ref().map_or("", Grouping::source);
        self.prompt = Some(Prompt::new(Purpose::Grouping, text));
    }

    /// Applies a typed grouping. The error is escaped for the terminal.
    pub(super) fn typed_grouping(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let grouping = if text.is_empty() { None } else { Some(text) };
        let grouping = grouping.map(Grouping::parse).transpose();
        let grouping = grouping.map_err(|error| shown_text(&error.to_string(), &self.glyphs))?;
        self.group(grouping);
        Ok(())
    }

    /// Opens a group. The filter applies to groups, so it is saved until the group is closed.
    pub(super) fn enter_group(&mut self, group: GroupId) {
        self.before_group = Some(SavedView { group: group.clone(), filter: self.view.filter.take() });
        self.view.opened = Some(group);
        self.list.clear_selection();
        self.stale = true;
    }

    /// Closes the open group and selects it among the groups. Returns whether a group was open.
    pub(super) fn leave_group(&mut self) -> bool {
        let Some(SavedView { group, filter }) = self.before_group.take() else { return false };
        (self.view.opened, self.view.filter) = (None, filter);
        self.list.select_when_ranked((group.name, group.target));
        self.stale = true;
        true
    }
}
