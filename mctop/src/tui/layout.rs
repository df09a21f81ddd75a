//! Where the parts of the screen are.

use ratatui::layout::{Rect, Size};

/// The smallest screen on which the table is usable.
pub(super) const SMALLEST: Size = Size { width: 40, height: 6 };
const HEADER_HEIGHT: u16 = 3;
/// While a prompt is open, screens lower than this drop the last header line (losses), so that a row shows the effect of the
/// filter.
const LOW: u16 = 8;
/// On screens lower than this, details are split into pages, and only the first header line is shown.
const LOW_FOR_DETAILS: u16 = 12;
/// Maximum number of figures in the details of a key.
pub(super) const FIGURES: usize = 11;
const FOOTER_HEIGHT: u16 = 1;
/// The prompt without its error.
const PROMPT_HEIGHT: u16 = 1;
/// Maximum number of lines of the prompt's error; one on screens lower than [`LOW`].
const ERROR_HEIGHT: u16 = 3;
/// Minimum screen height for the line that shows a key in full.
const KEY_MIN_HEIGHT: u16 = 12;
/// Pairs of screen height and maximum number of hints. The hints with the largest impact come first.
const HINTS: [(u16, u16); 3] = [(40, 6), (20, 3), (12, 1)];
/// Maximum height of a message, so that the table stays visible.
const MESSAGE_HEIGHT: u16 = 4;

/// The parts of the screen to show besides the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Number of lines of the message.
    pub message: usize,
    /// Whether to show a key in full because the table cuts it.
    pub key: bool,
    /// Number of hints.
    pub hints: usize,
    /// Number of lines of the error below the prompt, if a prompt is open.
    pub prompt: Option<usize>,
    /// Whether the details of a key are shown.
    pub detail: bool,
}

/// A page of the details of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Panel {
    /// Figures, charts, clients and latencies.
    Everything,
    /// Only clients and latencies.
    ClientsAndLatency,
    /// On a low screen: index of the first figure, and number of figures.
    Figures(usize, usize),
    /// On a low screen: the clients.
    Clients,
    /// On a low screen: the latencies.
    Latencies,
}

/// The pages of the details on a screen of this size; `lines` is the height available for them.
pub(super) fn panels(size: Size, lines: u16) -> Vec<Panel> {
    if size.height >= LOW_FOR_DETAILS {
        return vec![Panel::Everything, Panel::ClientsAndLatency];
    }
    // One line shows the key.
    let number = usize::from(lines).saturating_sub(1).max(1);
    let figures = (0..FIGURES).step_by(number).map(|first| Panel::Figures(first, number));
    figures.chain([Panel::Clients, Panel::Latencies]).collect()
}

/// The parts, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Areas {
    /// Servers, totals and losses.
    pub header: Rect,
    /// Why there are no updates.
    pub message: Rect,
    /// A key in full; its height is 0 if none is shown.
    pub key: Rect,
    /// The table, or what is shown instead of it.
    pub body: Rect,
    /// The hints, one per line; the height is 0 if there are none.
    pub hints: Rect,
    /// The prompt, which replaces the footer; its height is 0 if none is open.
    pub prompt: Rect,
    /// The keys that apply here.
    pub footer: Rect,
}

/// The areas of a screen, or `None` if it is too small.
pub(super) fn areas(size: Size, parts: Parts) -> Option<Areas> {
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
    let key = u16::from(parts.key && size.height >= KEY_MIN_HEIGHT);
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
