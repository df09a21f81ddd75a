//! The report as Markdown.

use std::fmt::Write;

use super::meaning::meaning;
use super::{BenchReport, BenchSection, BenchTable, Bound, Goal, figure};
use crate::markdown::{cell, head, row};

/// Renders the whole document.
#[must_use]
pub fn markdown(report: &BenchReport) -> String {
    let machine = &report.machine;
    let mut out = String::from("# Benchmarks\n\n<!-- Written by `cargo xtask bench`; edits are lost. -->\n\n");
    out.push_str(&meaning(report));
    let goals: Vec<&Goal> = report.sections.iter().flat_map(|section| &section.goals).collect();
    let count = |met| goals.iter().filter(|goal| goal.is_met() == met).count();
    let _ = write!(
        out,
        "## How it was measured\n\nBy `cargo xtask bench` on {}, {} GiB, {}, kernel {}, with {}. Figures are medians over rounds in \
         which the observers take turns, with the smallest and largest in parentheses. Ratios are within one run. \
         [benchmarks.json](benchmarks.json) has the figures of all rounds.\n\n",
        machine.processor,
        figure(machine.memory as f64 / f64::from(1 << 30)),
        machine.system,
        machine.kernel,
        machine.versions.join(", ")
    );
    if !goals.is_empty() {
        let _ = write!(
            out,
            "## Goals\n\nOf {} goals {} are met, {} are missed, {} could not be measured.\n\n\
             | goal | bound | measured | |\n| --- | --- | --- | --- |\n",
            goals.len(),
            count(Some(true)),
            count(Some(false)),
            count(None)
        );
        for goal in goals {
            goal_row(goal, &mut out);
        }
        out.push('\n');
    }
    for section in &report.sections {
        self::section(section, &mut out);
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn goal_row(goal: &Goal, out: &mut String) {
    let (sign, limit) = match goal.bound {
        Bound::AtMost(limit) => ("≤", limit),
        Bound::AtLeast(limit) => ("≥", limit),
    };
    let verdict = match goal.is_met() {
        Some(true) => "pass",
        Some(false) => "**miss**",
        None => "not measured",
    };
    let measured = goal.figure.map_or_else(|| "-".into(), |value| format!("{} {}", precise(value), goal.unit));
    let limit = precise(limit);
    let _ = writeln!(out, "| {} | {sign} {limit} {} | {measured} | {verdict} |", cell(&goal.what), goal.unit);
}

/// Shares near 100 % get enough digits to show single operations.
fn precise(value: f64) -> String {
    if value > 99.0 && value <= 100.0 { format!("{value:.5}") } else { figure(value) }
}

fn section(section: &BenchSection, out: &mut String) {
    let _ = write!(out, "## {}\n\n{}\n\n", section.title, section.method);
    let commit = if section.commit.is_empty() { "an unknown commit" } else { &section.commit };
    let _ = write!(
        out,
        "Measured on {} at commit {commit}; load average {:.2} at the start.\n\n",
        section.date, section.load
    );
    for table in &section.tables {
        self::table(table, out);
    }
    for note in &section.notes {
        let _ = writeln!(out, "- {note}");
    }
    for reason in &section.unavailable {
        let _ = writeln!(out, "- Not available here: {reason}");
    }
    if !section.notes.is_empty() || !section.unavailable.is_empty() {
        out.push('\n');
    }
}

fn table(table: &BenchTable, out: &mut String) {
    let _ = write!(out, "{}\n\n{}", table.title, head(&table.head));
    for cells in &table.rows {
        out.push_str(&row(cells));
    }
    out.push('\n');
}
