//! Which step is to be made next beside the loop, and which is given up.

use std::sync::Arc;

use super::State;
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::tui::columns::TREND_FROM;
use crate::tui::ranker::{Job, Made, Order, Prepare, Prepared, REACH, Step, Wanted, Work, same};

/// The job that is being done.
#[derive(Clone, Debug)]
pub struct Running {
    step: Step,
    /// For this view of this snapshot.
    view: View,
    whole: Arc<Snapshot>,
    wanted: Wanted,
}

impl Running {
    /// Whether what it makes is still of use, in a state that wants `view`.
    fn serves(&self, view: &View) -> bool {
        match self.step {
            Step::Prepare => same(&self.view, view),
            Step::Order | Step::Courses => self.view == *view,
        }
    }
}

impl State {
    /// Takes what was made.
    pub(super) fn made(&mut self, made: Made) {
        self.running = None;
        match made {
            Made::Prepared(prepared) => (self.prepared, self.unordered) = (Some(Arc::new(prepared)), true),
            Made::Ordered(ranking) => {
                self.key_width = self.key_width.max(ranking.key_width);
                self.list.take(ranking, self.page(), self.detail);
                // The place of interest may have changed while the ranking was made.
                self.stale |= self.list.has_goal();
            }
            Made::Coursed(ranking) => self.list.know_courses(ranking),
        }
    }

    /// The next step, if one is due; `asked`: because of what the user did, who does not wait for what is running. News do:
    /// if they came faster than a step is made, none would ever be done.
    pub(super) fn next_job(&mut self, asked: bool) -> Option<Job> {
        let shown = self.list.ranking().filter(|_| self.paused.is_some());
        let whole = Arc::clone(shown.map(|shown| &shown.prepared.whole).or(self.latest.as_ref())?);
        let mut view = self.view.clone();
        if !self.hints {
            view.hints.clear();
        }
        if let Some(running) = &self.running {
            let thawed = self.paused.is_none() || Arc::ptr_eq(&running.whole, &whole);
            let overtaken = asked && self.stale && running.step == Step::Courses;
            if running.serves(&view) && thawed && !overtaken {
                return None;
            }
            running.wanted.give_up();
            self.stale |= running.step != Step::Courses;
            self.running = None;
        }
        let work = self.next_step(&whole, &view)?;
        let wanted = Wanted::default();
        self.running = Some(Running { step: work.step(), view, whole, wanted: wanted.clone() });
        Some(Job { work, wanted })
    }

    fn next_step(&mut self, whole: &Arc<Snapshot>, view: &View) -> Option<Work> {
        let glyphs = self.glyphs;
        let page = self.page();
        if !self.stale {
            let lacks = usize::from(self.size.width) >= TREND_FROM && self.list.lacks_courses(page);
            let ranking = self.list.ranking().filter(|_| lacks)?.clone();
            let around = self.list.top.saturating_sub(page)..self.list.top.saturating_add(2 * page);
            return Some(Work::Courses(ranking, around));
        }
        // What was prepared of older news is worth an order too: see `next_job`.
        let older = self.unordered && self.paused.is_none();
        let fits = |prepared: &Prepared| prepared.serves(view) && (older || Arc::ptr_eq(&prepared.whole, whole));
        let Some(prepared) = self.prepared.clone().filter(|prepared| fits(prepared)) else {
            let (whole, view, before) = (Arc::clone(whole), view.clone(), self.prepared.clone());
            return Some(Work::Prepare(Prepare { whole, view, before, glyphs }));
        };
        self.stale = !Arc::ptr_eq(&prepared.whole, whole);
        self.unordered = false;
        let order = Order {
            prepared,
            view: view.clone(),
            follow: self.list.followed().cloned(),
            around: self.list.place(),
            reach: REACH.max(2 * page),
            glyphs,
            known: self.list.ranking().map(|ranking| Arc::clone(&ranking.courses)).unwrap_or_default(),
        };
        Some(Work::Order(order))
    }
}
