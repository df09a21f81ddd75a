//! The rows on the screen: which of them, which is selected, and how both follow the keys from one ranking to the next.

use std::sync::Arc;

use crate::model::snapshot::{Row, Snapshot};
use crate::tui::keymap::Motion;
use crate::tui::ranker::{Id, Ranking};

/// A new ranking is asked for when fewer ranked rows than this are left beyond the screen.
const MARGIN: usize = 150;

/// The scrolled, selectable rows of a ranking.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The newest ranking.
    ranking: Option<Ranking>,
    /// Rank of the first row on the screen.
    pub top: usize,
    /// Rank of the selected row.
    pub cursor: Option<usize>,
    /// Whose row the cursor follows.
    selected: Option<Id>,
    /// Where the cursor goes as soon as that part is ranked.
    goal: Option<usize>,
}

impl List {
    /// The ranking that is shown.
    #[must_use]
    pub fn ranking(&self) -> Option<&Ranking> {
        self.ranking.as_ref()
    }

    /// The snapshot of the rows.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.ranking.as_ref().map(Ranking::snapshot)
    }

    /// Rows that can be scrolled to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranking.as_ref().map_or(0, Ranking::len)
    }

    /// The rows from [`Self::top`] on, with their rank.
    pub fn visible(&self) -> impl Iterator<Item = (usize, &Row)> {
        let ranking = self.ranking.as_ref();
        (self.top..self.len()).map_while(move |rank| Some((rank, ranking?.row(rank)?)))
    }

    /// Whose row is selected.
    #[must_use]
    pub fn selected(&self) -> Option<&Id> {
        self.selected.as_ref()
    }

    /// The selected row, also where the filter hides it by now.
    #[must_use]
    pub fn selected_row(&self) -> Option<&Row> {
        let ranking = self.ranking.as_ref()?;
        let (key, target) = self.selected.as_ref()?;
        let is = |row: &&Row| row.target == *target && row.key == *key;
        let at_cursor = self.cursor.and_then(|cursor| ranking.row(cursor)).filter(is);
        let followed = || ranking.snapshot().rows.get(ranking.followed?.index).filter(is);
        at_cursor.or_else(followed)
    }

    /// The rank that the next ranking should be about.
    #[must_use]
    pub fn place(&self) -> usize {
        self.goal.or(self.cursor).unwrap_or(self.top)
    }

    /// Whose row the next ranking must find.
    #[must_use]
    pub fn followed(&self) -> Option<&Id> {
        self.selected.as_ref().filter(|_| self.goal.is_none())
    }

    /// Takes a new ranking; `page` rows fit on the screen. When the followed row has gone, the one in its place is selected,
    /// unless `keep`: a detail of it is being shown.
    pub fn take(&mut self, ranking: Ranking, page: usize, keep: bool) {
        let followed = ranking.followed;
        self.ranking = Some(ranking);
        if let Some(goal) = self.goal {
            let goal = goal.min(self.len().saturating_sub(1));
            if self.is_ranked(goal) || self.len() == 0 {
                self.goal = None;
                self.select(goal);
            }
        } else if self.selected.is_some() {
            match followed.and_then(|followed| followed.rank) {
                Some(rank) => self.cursor = Some(rank),
                None if keep => self.cursor = None,
                None => self.select(self.cursor.unwrap_or(self.top)),
            }
        }
        self.follow(page);
    }

    /// Takes the courses of a ranking that was made with them, if it is the one that is shown.
    pub fn know_courses(&mut self, with: Ranking) {
        if let Some(ranking) = self.ranking.as_mut().filter(|ranking| Arc::ptr_eq(&ranking.prepared, &with.prepared)) {
            (ranking.courses, ranking.coursed) = (with.courses, with.coursed);
        }
    }

    /// Whether the cursor waits for a part of the order that is not ranked yet.
    #[must_use]
    pub fn has_goal(&self) -> bool {
        self.goal.is_some()
    }

    fn is_ranked(&self, rank: usize) -> bool {
        self.ranking.as_ref().is_some_and(|ranking| ranking.ranks().contains(&rank))
    }

    /// Moves the selection.
    pub fn go(&mut self, motion: Motion, page: usize) {
        let Some(last) = self.len().checked_sub(1) else { return };
        let rank = match self.goal.or(self.cursor) {
            Some(cursor) => motion.from(cursor, page, last),
            // The first movement selects a row that is on the screen; paging means the rows beyond it.
            None if matches!(motion, Motion::Up | Motion::Down) => self.top,
            None => motion.from(self.top, page, last),
        };
        if self.is_ranked(rank) {
            self.goal = None;
            self.select(rank);
            self.follow(page);
        } else {
            self.goal = Some(rank);
        }
    }

    /// Scrolls by so many rows; the selection stays on the screen.
    pub fn scroll(&mut self, rows: isize, page: usize) {
        let last = self.len().saturating_sub(page);
        self.top = self.top.saturating_add_signed(rows).min(last);
        if let Some(cursor) = self.cursor {
            let bottom = (self.top + page).min(self.len()).saturating_sub(1);
            self.select(cursor.clamp(self.top, bottom));
        }
    }

    /// Selects the row of a rank.
    pub fn select(&mut self, rank: usize) {
        let rank = rank.min(self.len().saturating_sub(1));
        let row = self.ranking.as_ref().and_then(|ranking| ranking.row(rank));
        self.selected = row.map(|row| (row.key.clone(), row.target));
        self.cursor = self.selected.is_some().then_some(rank);
    }

    /// Makes the cursor follow a row that the next ranking is to find.
    pub fn expect(&mut self, id: Id) {
        self.forget();
        self.selected = Some(id);
    }

    /// Forgets the selection, and shows the first rows again.
    pub fn forget(&mut self) {
        (self.selected, self.cursor, self.goal, self.top) = (None, None, None, 0);
    }

    /// Scrolls no further than needed to have the cursor on the screen, and not beyond the end.
    pub fn follow(&mut self, page: usize) {
        if let Some(cursor) = self.cursor {
            self.top = self.top.clamp((cursor + 1).saturating_sub(page), cursor);
        }
        self.top = self.top.min(self.len().saturating_sub(page));
    }

    /// Whether the rows of a screen may be groups whose courses are not known.
    #[must_use]
    pub fn lacks_courses(&self, page: usize) -> bool {
        self.ranking.as_ref().is_some_and(|ranking| ranking.lacks_courses(self.top..self.top + page))
    }

    /// Whether rows that may be shown next are not ranked yet.
    #[must_use]
    pub fn needs_ranking(&self, page: usize) -> bool {
        let Some(ranking) = &self.ranking else { return false };
        let ranks = ranking.ranks();
        let above = ranks.start > 0 && self.top < ranks.start + MARGIN;
        let below = ranks.end < ranking.len() && self.top + page + MARGIN > ranks.end;
        self.goal.is_some() || above || below
    }
}
