//! Where the parts of the screen are.

use ratatui::layout::{Rect, Size};

/// Below this nothing useful can be shown.
pub const SMALLEST: Size = Size { width: 40, height: 6 };
const HEADER_HEIGHT: u16 = 3;
/// The last line of the header, what was lost, makes room on screens lower than this while a text is typed: a row shows
/// what a filter does.
const LOW: u16 = 8;
/// On screens lower than this, details get the room of the header but for its first line, and are in pages.
const LOW_FOR_DETAILS: u16 = 12;
/// Most figures in the details of a key.
pub const FIGURES: usize = 11;
const FOOTER_HEIGHT: u16 = 1;
/// The line that is typed.
const PROMPT_HEIGHT: u16 = 1;
/// What is wrong with it takes no more lines, and one on screens lower than [`LOW`].
const ERROR_HEIGHT: u16 = 3;
/// On lower screens every row is worth more than a key in full.
const HIGH_ENOUGH_FOR_KEY: u16 = 12;
/// Most hints shown on screens of so many lines; those with the largest impact come first.
const HINTS: [(u16, u16); 3] = [(40, 6), (20, 3), (12, 1)];
/// A message takes no more lines, so that the table remains.
const MESSAGE_HEIGHT: u16 = 4;

/// What there is to show besides the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Lines of the message.
    pub message: usize,
    /// Whether a key is to be shown in full, since the table cuts it.
    pub key: bool,
    /// Hints that there are.
    pub hints: usize,
    /// Where a text is typed, the lines of what is said below it.
    pub prompt: Option<usize>,
    /// Whether the details of a key are shown.
    pub detail: bool,
}

/// What of the details of a key is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Figures, charts, clients and latencies.
    Everything,
    /// Clients and latencies alone.
    Closely,
    /// On a low screen, so many of the figures from this one on.
    Figures(usize, usize),
    /// On a low screen, the clients.
    Clients,
    /// On a low screen, the latencies.
    Latencies,
}

/// The panels that a key goes through on a screen of this size, which has so many lines for them.
#[must_use]
pub fn panels(size: Size, lines: u16) -> Vec<Panel> {
    if size.height >= LOW_FOR_DETAILS {
        return vec![Panel::Everything, Panel::Closely];
    }
    // One line is the key's.
    let number = usize::from(lines).saturating_sub(1).max(1);
    let figures = (0..FIGURES).step_by(number).map(|first| Panel::Figures(first, number));
    figures.chain([Panel::Clients, Panel::Latencies]).collect()
}

/// The parts, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Servers, totals, loss.
    pub header: Rect,
    /// Why no news come.
    pub message: Rect,
    /// A key in full; without height when there is none, or no room.
    pub key: Rect,
    /// Headers of the columns and the rows, or what is shown in their place.
    pub body: Rect,
    /// What to look at, a line each; without height when there is nothing, or no room.
    pub hints: Rect,
    /// The text that is typed, in place of the footer; without height when there is none.
    pub prompt: Rect,
    /// The keys that apply now.
    pub footer: Rect,
}

/// Where the parts are on a screen, or `None` where it is too small.
#[must_use]
pub fn areas(size: Size, parts: Parts) -> Option<Areas> {
    if size.width < SMALLEST.width || size.height < SMALLEST.height {
        return None;
    }
    let header = match parts {
        Parts { detail: true, .. } if size.height < LOW_FOR_DETAILS => 1,
        Parts { prompt: Some(_), .. } if size.height < LOW => HEADER_HEIGHT - 1,
        _ => HEADER_HEIGHT,
    };
    let (prompt, footer) = match parts.prompt {
        Some(lines) => {
            let most = if size.height < LOW { 1 } else { ERROR_HEIGHT };
            (PROMPT_HEIGHT + u16::try_from(lines).unwrap_or(u16::MAX).clamp(1, most), 0)
        }
        None => (0, FOOTER_HEIGHT),
    };
    let rest = size.height - header - prompt - footer;
    let message = u16::try_from(parts.message).unwrap_or(u16::MAX).min(MESSAGE_HEIGHT).min(rest - 1);
    let key = u16::from(parts.key && size.height >= HIGH_ENOUGH_FOR_KEY);
    let top = header + message + key;
    let row = |y, height| Rect { x: 0, y, width: size.width, height };
    let most = HINTS.iter().find(|(height, _)| size.height >= *height).map_or(0, |(_, most)| *most);
    let hints = u16::try_from(parts.hints).unwrap_or(u16::MAX).min(most);
    let bottom = size.height - prompt - footer - hints;
    Some(Areas {
        header: row(0, header),
        message: row(header, message),
        key: row(header + message, key),
        body: row(top, bottom - top),
        hints: row(bottom, hints),
        prompt: row(bottom + hints, prompt),
        footer: row(bottom + hints + prompt, footer),
    })
}
