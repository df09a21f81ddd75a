//! Decides which job runs next, and which running job is cancelled.

use std::sync::Arc;

use super::State;
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::tui::columns::TREND_MIN_WIDTH;
use crate::tui::ranker::{
    CancelToken, Job, JobKind, JobResult, PrepareTask, Prepared, RANK_RADIUS, RankTask, Task, same_rows_and_hints,
};

/// The job that is running.
#[derive(Clone, Debug)]
pub(super) struct RunningJob {
    kind: JobKind,
    /// The view that the job is for.
    view: View,
    /// The ungrouped snapshot that the job is for.
    whole: Arc<Snapshot>,
    cancel: CancelToken,
}

impl RunningJob {
    /// Whether the result is still useful for `view`.
    fn fits(&self, view: &View) -> bool {
        match self.kind {
            JobKind::Prepare => same_rows_and_hints(&self.view, view),
            JobKind::Rank | JobKind::GroupHistories => self.view == *view,
        }
    }
}

impl State {
    /// Takes the result of a job.
    pub(super) fn apply_result(&mut self, result: JobResult) {
        self.running = None;
        match result {
            JobResult::Prepared(prepared) => (self.prepared, self.unranked) = (Some(Arc::new(prepared)), true),
            JobResult::Ranked(ranking) => {
                self.key_width = self.key_width.max(ranking.key_width);
                self.list.set_ranking(ranking, self.page(), self.detail);
                // The row of interest may have changed while the job ran.
                self.stale |= self.list.has_pending_rank();
            }
            JobResult::WithHistories(ranking) => self.list.set_histories(ranking),
        }
    }

    /// The next job, if one is needed. An action of the user (`by_user`) cancels a running job whose result is outdated. An
    /// update from the source does not: if updates came faster than a job runs, no job would ever finish.
    pub(super) fn next_job(&mut self, by_user: bool) -> Option<Job> {
        let shown = self.list.ranking().filter(|_| self.paused.is_some());
        let whole = Arc::clone(shown.map(|shown| &shown.prepared.whole).or(self.latest.as_ref())?);
        let mut view = self.view.clone();
        if !self.hints {
            view.hints.clear();
        }
        if let Some(running) = &self.running {
            let same_snapshot = self.paused.is_none() || Arc::ptr_eq(&running.whole, &whole);
            let replaced = by_user && self.stale && running.kind == JobKind::GroupHistories;
            if running.fits(&view) && same_snapshot && !replaced {
                return None;
            }
            running.cancel.cancel();
            self.stale |= running.kind != JobKind::GroupHistories;
            self.running = None;
        }
        let task = self.next_task(&whole, &view)?;
        let cancel = CancelToken::default();
        self.running = Some(RunningJob { kind: task.kind(), view, whole, cancel: cancel.clone() });
        Some(Job { task, cancel })
    }

    fn next_task(&mut self, whole: &Arc<Snapshot>, view: &View) -> Option<Task> {
        let glyphs = self.glyphs;
        let page = self.page();
        if !self.stale {
            let lacks = usize::from(self.size.width) >= TREND_MIN_WIDTH && self.list.lacks_histories(page);
            let ranking = self.list.ranking().filter(|_| lacks)?.clone();
            let around = self.list.top.saturating_sub(page)..self.list.top.saturating_add(2 * page);
            return Some(Task::GroupHistories(ranking, around));
        }
        // Rows prepared from an older snapshot are ranked too: see `next_job`.
        let older = self.unranked && self.paused.is_none();
        let fits = |prepared: &Prepared| prepared.fits(view) && (older || Arc::ptr_eq(&prepared.whole, whole));
        let Some(prepared) = self.prepared.clone().filter(|prepared| fits(prepared)) else {
            let (whole, view, previous) = (Arc::clone(whole), view.clone(), self.prepared.clone());
            return Some(Task::Prepare(PrepareTask { whole, view, previous, glyphs }));
        };
        self.stale = !Arc::ptr_eq(&prepared.whole, whole);
        self.unranked = false;
        let task = RankTask {
            prepared,
            view: view.clone(),
            follow: self.list.followed().cloned(),
            center: self.list.rank_of_interest(),
            radius: RANK_RADIUS.max(2 * page),
            glyphs,
            known_histories: self.list.ranking().map(|ranking| Arc::clone(&ranking.histories)).unwrap_or_default(),
        };
        Some(Task::Rank(task))
    }
}
