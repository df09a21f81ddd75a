//! `mctop dump`: watch for a while, print once.

use std::io::{self, IsTerminal};

use super::observe::{End, observe};
use super::{ending_quietly, servers};
use crate::cli::{DumpArgs, ViewArgs};
use crate::model::column::{Column, Span};
use crate::model::fold::{DEFAULT_MEMORY, Limits, Model};
use crate::model::ranking::View;
use crate::report;
use crate::source::{Header, Source};

/// Runs it.
pub fn dump(args: &DumpArgs, verbose: bool) -> anyhow::Result<()> {
    let mut live = servers::attach(&args.target, &args.table)?;
    let begin = |header: &Header| {
        if verbose {
            servers::announce(header, args.duration);
        }
    };
    let mut model = Model::new(live.header(), Limits::without_screen(DEFAULT_MEMORY));
    let end = observe(&mut live, args.duration, None, begin, |interval| {
        model.fold(interval);
        Ok(())
    })?;
    // Detach before printing: a reader that blocks must not keep the probes in the server.
    drop(live);
    let snapshot = model.snapshot(end != End::Complete);
    let mut out = io::stdout().lock();
    ending_quietly(report::write(args.format, &snapshot, &view(&args.view), terminal_width(), &mut out))
}

/// The view of a one-shot output: everything over the whole time.
pub fn view(args: &ViewArgs) -> View {
    View {
        sort: args.sort.unwrap_or(Column::Calls),
        ascending: false,
        span: Span::Total,
        filter: args.filter.clone(),
        limit: args.limit,
    }
}

/// Width of the terminal that standard output is, if it is one.
pub fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size().ok().map(|(columns, _)| columns.into())
}
