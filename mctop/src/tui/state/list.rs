//! The scroll position and the selection, and how they follow a key from one ranking to the next.

use std::sync::Arc;

use crate::model::snapshot::{Row, Snapshot};
use crate::tui::keymap::Motion;
use crate::tui::ranker::{Id, Ranking};

/// A new ranking is requested when fewer ranked rows than this remain beyond the screen.
const MARGIN: usize = 150;

/// The scrolled, selectable rows of a ranking.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// The newest ranking.
    ranking: Option<Ranking>,
    /// Rank of the first row on the screen.
    pub top: usize,
    /// Rank of the selected row.
    pub cursor: Option<usize>,
    /// The key whose row the cursor follows.
    selected: Option<Id>,
    /// The rank that the cursor moves to once that part of the order is ranked.
    pending_rank: Option<usize>,
}

impl List {
    /// The ranking that is shown.
    pub(crate) fn ranking(&self) -> Option<&Ranking> {
        self.ranking.as_ref()
    }

    /// The snapshot of the rows.
    pub(crate) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.ranking.as_ref().map(Ranking::snapshot)
    }

    /// Number of rows that can be scrolled to.
    pub(crate) fn len(&self) -> usize {
        self.ranking.as_ref().map_or(0, Ranking::len)
    }

    /// The rows from [`Self::top`], with their ranks.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (usize, &Row)> {
        let ranking = self.ranking.as_ref();
        (self.top..self.len()).map_while(move |rank| Some((rank, ranking?.row(rank)?)))
    }

    /// The selected key.
    pub(crate) fn selected(&self) -> Option<&Id> {
        self.selected.as_ref()
    }

    /// The selected row, even if the filter now hides it.
    pub(crate) fn selected_row(&self) -> Option<&Row> {
        let ranking = self.ranking.as_ref()?;
        let (key, target) = self.selected.as_ref()?;
        let is_selected = |row: &&Row| row.target == *target && row.key == *key;
        let at_cursor = self.cursor.and_then(|cursor| ranking.row(cursor)).filter(is_selected);
        let followed = || ranking.snapshot().rows.get(ranking.followed?.index).filter(is_selected);
        at_cursor.or_else(followed)
    }

    /// The rank around which the next ranking should be computed.
    pub(crate) fn rank_of_interest(&self) -> usize {
        self.pending_rank.or(self.cursor).unwrap_or(self.top)
    }

    /// The key whose row the next ranking must find.
    pub(crate) fn followed(&self) -> Option<&Id> {
        self.selected.as_ref().filter(|_| self.pending_rank.is_none())
    }

    /// Sets a new ranking; `page` rows fit on the screen. If the followed row is gone, the row at its rank is selected, unless
    /// `keep` is set because the details of the followed row are shown.
    pub(crate) fn set_ranking(&mut self, ranking: Ranking, page: usize, keep: bool) {
        let followed = ranking.followed;
        self.ranking = Some(ranking);
        if let Some(pending_rank) = self.pending_rank {
            let pending_rank = pending_rank.min(self.len().saturating_sub(1));
            if self.is_ranked(pending_rank) || self.len() == 0 {
                self.pending_rank = None;
                self.select(pending_rank);
            }
        } else if self.selected.is_some() {
            match followed.and_then(|followed| followed.rank) {
                Some(rank) => self.cursor = Some(rank),
                None if keep => self.cursor = None,
                None => self.select(self.cursor.unwrap_or(self.top)),
            }
        }
        self.scroll_to_cursor(page);
    }

    /// Takes the group histories of `with`, if it is the ranking that is shown.
    pub(crate) fn set_histories(&mut self, with: Ranking) {
        if let Some(ranking) = self.ranking.as_mut().filter(|ranking| Arc::ptr_eq(&ranking.prepared, &with.prepared)) {
            (ranking.histories, ranking.history_ranks) = (with.histories, with.history_ranks);
        }
    }

    /// Whether the cursor waits for a rank that is not available yet.
    pub(crate) fn has_pending_rank(&self) -> bool {
        self.pending_rank.is_some()
    }

    fn is_ranked(&self, rank: usize) -> bool {
        self.ranking.as_ref().is_some_and(|ranking| ranking.ranks().contains(&rank))
    }

    /// Moves the selection.
    pub(crate) fn move_cursor(&mut self, motion: Motion, page: usize) {
        let Some(last) = self.len().checked_sub(1) else { return };
        let rank = match self.pending_rank.or(self.cursor) {
            Some(cursor) => motion.apply(cursor, page, last),
            // Without a selection, Up and Down select the first row on the screen; other movements start from there.
            None if matches!(motion, Motion::Up | Motion::Down) => self.top,
            None => motion.apply(self.top, page, last),
        };
        if self.is_ranked(rank) {
            self.pending_rank = None;
            self.select(rank);
            self.scroll_to_cursor(page);
        } else {
            self.pending_rank = Some(rank);
        }
    }

    /// Scrolls by a number of rows. The selection stays on the screen.
    pub(crate) fn scroll(&mut self, rows: isize, page: usize) {
        let last = self.len().saturating_sub(page);
        self.top = self.top.saturating_add_signed(rows).min(last);
        if let Some(cursor) = self.cursor {
            let bottom = (self.top + page).min(self.len()).saturating_sub(1);
            self.select(cursor.clamp(self.top, bottom));
        }
    }

    /// Selects the row at a rank.
    pub(crate) fn select(&mut self, rank: usize) {
        let rank = rank.min(self.len().saturating_sub(1));
        let row = self.ranking.as_ref().and_then(|ranking| ranking.row(rank));
        self.selected = row.map(|row| (row.key.clone(), row.target));
        self.cursor = self.selected.is_some().then_some(rank);
    }

    /// Selects a key whose row the next ranking finds.
    pub(crate) fn select_when_ranked(&mut self, id: Id) {
        self.clear_selection();
        self.selected = Some(id);
    }

    /// Clears the selection and scrolls to the first row.
    pub(crate) fn clear_selection(&mut self) {
        (self.selected, self.cursor, self.pending_rank, self.top) = (None, None, None, 0);
    }

    /// Scrolls as little as possible to have the cursor on the screen, and not beyond the end.
    pub(crate) fn scroll_to_cursor(&mut self, page: usize) {
        if let Some(cursor) = self.cursor {
            self.top = self.top.clamp((cursor + 1).saturating_sub(page), cursor);
        }
        self.top = self.top.min(self.len().saturating_sub(page));
    }

    /// Whether the rows on the screen may be groups without a current history.
    pub(crate) fn lacks_histories(&self, page: usize) -> bool {
        self.ranking.as_ref().is_some_and(|ranking| ranking.lacks_histories(self.top..self.top + page))
    }

    /// Whether rows that may be shown soon are not ranked yet.
    pub(crate) fn needs_ranking(&self, page: usize) -> bool {
        let Some(ranking) = &self.ranking else { return false };
        let ranks = ranking.ranks();
        let above = ranks.start > 0 && self.top < ranks.start + MARGIN;
        let below = ranks.end < ranking.len() && self.top + page + MARGIN > ranks.end;
        self.pending_rank.is_some() || above || below
    }
}
