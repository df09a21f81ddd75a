//! Charts of values over time as SVG.

use std::time::Duration;

use super::markup::escaped;
use crate::text::format;

/// Values over time, all in the same unit.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// The title, with the unit.
    pub title: String,
    /// End of each time bucket since the start. Each bucket starts at the end of the one before, the first at the start.
    pub times: Vec<Duration>,
    /// The lines. If there are more than `LINES_MAX`, colours repeat.
    pub lines: Vec<ChartLine>,
    /// Formats a value.
    pub unit: fn(f64) -> String,
    /// End of the scale; none to derive it from the largest value.
    pub top: Option<f64>,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChartLine {
    /// The name in the legend.
    pub name: String,
    /// A value for each time bucket; none where it is unknown.
    pub values: Vec<Option<f64>>,
}

/// Number of colours.
pub(super) const LINES_MAX: usize = 5;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
/// Margin for the labels.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;
/// Number of grid lines above the base line.
const STEPS: u32 = 4;
/// Number of labels of the time axis, minus one.
const TICKS: u32 = 6;

/// The chart as an HTML figure.
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
        let entry = |(index, line): (usize, &ChartLine)| {
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

/// A stepped line, because a value applies to its whole time bucket, with gaps for unknown values.
fn path(line: &ChartLine, colour: usize, times: &[Duration], scale: &Scale) -> String {
    let mut path = String::new();
    let mut start = 0.0;
    let mut drawing = false;
    for (end, value) in times.iter().zip(&line.values) {
        let end = end.as_secs_f64();
        if let Some(value) = value {
            let command = if drawing { 'L' } else { 'M' };
            let y = scale.y(*value);
            path += &format!("{command}{:.1} {y:.1}L{:.1} {y:.1}", scale.x(start), scale.x(end));
        }
        drawing = value.is_some();
        start = end;
    }
    if path.is_empty() { path } else { format!("<path class=\"line s{colour}\" d=\"{path}\"/>\n") }
}

/// Rounds up to 1, 2, 3, 4, 5, 6 or 8 times a power of ten, whose quarters are short numbers; 1 for 0.
fn round_up(value: f64) -> f64 {
    if !value.is_normal() || value < 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let factors = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    factors.iter().map(|factor| factor * power).find(|top| *top >= value).unwrap_or(10.0 * power)
}
