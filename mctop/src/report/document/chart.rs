//! A chart of values over time as SVG.

use std::time::Duration;

use super::html::escaped;
use crate::text::format;

/// Values over time, in the same unit.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// What is shown, with its unit.
    pub title: String,
    /// Ends of the stretches of time, since the start; they begin at the start.
    pub times: Vec<Duration>,
    /// One line each; more than `LINES_MAX` are not told apart.
    pub lines: Vec<Line>,
    /// How a value is written.
    pub unit: fn(f64) -> String,
    /// Where the scale ends at least; none for the largest value.
    pub top: Option<f64>,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// What it is.
    pub name: String,
    /// A value for each stretch of time; none where it is not known.
    pub values: Vec<Option<f64>>,
}

/// Most lines that have a colour of their own.
pub(super) const LINES_MAX: usize = 5;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
/// Room for the labels.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;
/// Lines of the grid above the base.
const STEPS: u32 = 4;
/// Labels of the time.
const TICKS: u32 = 6;

/// The chart as a figure of HTML.
pub(super) fn svg(chart: &Chart) -> String {
    let end = chart.times.last().copied().unwrap_or_default().as_secs_f64();
    let values = chart.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
    let largest = values.fold(0.0, f64::max);
    let scale = Scale { end, top: chart.top.unwrap_or_else(|| round_up(largest)) };
    let mut out = format!(
        "<figure>\n<figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">\n",
        escaped(&chart.title)
    );
    for step in 0..=STEPS {
        let value = scale.top * f64::from(step) / f64::from(STEPS);
        let y = scale.y(value);
        out += &format!(
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            escaped(&(chart.unit)(value))
        );
    }
    for tick in 0..=TICKS {
        let time = end * f64::from(tick) / f64::from(TICKS);
        let anchor = match tick {
            0 => "start",
            TICKS => "end",
            _ => "middle",
        };
        let label = format::duration(Duration::try_from_secs_f64(time).unwrap_or_default());
        out += &format!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>\n",
            scale.x(time),
            HEIGHT - 6.0,
            escaped(&label)
        );
    }
    for (index, line) in chart.lines.iter().enumerate() {
        out += &path(line, index % LINES_MAX, &chart.times, &scale);
    }
    out += "</svg>\n";
    if chart.lines.len() > 1 {
        let entry = |(index, line): (usize, &Line)| {
            format!("<span><i class=\"b{}\"></i>{}</span>\n", index % LINES_MAX, escaped(&line.name))
        };
        let legend = chart.lines.iter().enumerate().map(entry).collect::<String>();
        out += &format!("<div class=\"legend\">{legend}</div>\n");
    }
    out + "</figure>\n"
}

struct Scale {
    end: f64,
    top: f64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * if self.end > 0.0 { seconds / self.end } else { 0.0 }
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * if self.top > 0.0 { (value / self.top).min(1.0) } else { 0.0 }
    }
}

/// A value holds over its stretch of time, so the line has steps; where it is not known there is a gap.
fn path(line: &Line, colour: usize, times: &[Duration], scale: &Scale) -> String {
    let mut path = String::new();
    let mut begin = 0.0;
    let mut drawing = false;
    for (end, value) in times.iter().zip(&line.values) {
        let end = end.as_secs_f64();
        if let Some(value) = value {
            let command = if drawing { 'L' } else { 'M' };
            let y = scale.y(*value);
            path += &format!("{command}{:.1} {y:.1}L{:.1} {y:.1}", scale.x(begin), scale.x(end));
        }
        drawing = value.is_some();
        begin = end;
    }
    if path.is_empty() { path } else { format!("<path class=\"line s{colour}\" d=\"{path}\"/>\n") }
}

/// The next of 1, 2, 3, 4, 5, 6 and 8 times a power of ten, whose quarters are short numbers; 1 for nothing.
fn round_up(value: f64) -> f64 {
    if !value.is_normal() || value < 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let factors = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    factors.iter().map(|factor| factor * power).find(|top| *top >= value).unwrap_or(10.0 * power)
}
