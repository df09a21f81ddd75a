//! Where the parts of the screen are.

use ratatui::layout::{Rect, Size};

/// Below this nothing useful can be shown.
pub const SMALLEST: Size = Size { width: 40, height: 6 };
const HEADER_HEIGHT: u16 = 3;
const FOOTER_HEIGHT: u16 = 1;
/// A message takes no more lines, so that the table remains.
const MESSAGE_HEIGHT: u16 = 4;

/// The parts, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Servers, totals, loss.
    pub header: Rect,
    /// Why no news come.
    pub message: Rect,
    /// Headers of the columns and the rows.
    pub table: Rect,
    /// Hints.
    pub footer: Rect,
}

/// The parts of a screen with a message of so many lines, or `None` where it is too small.
#[must_use]
pub fn areas(size: Size, message: usize) -> Option<Areas> {
    if size.width < SMALLEST.width || size.height < SMALLEST.height {
        return None;
    }
    let rest = size.height - HEADER_HEIGHT - FOOTER_HEIGHT;
    let message = u16::try_from(message).unwrap_or(u16::MAX).min(MESSAGE_HEIGHT).min(rest - 1);
    let row = |y, height| Rect { x: 0, y, width: size.width, height };
    Some(Areas {
        header: row(0, HEADER_HEIGHT),
        message: row(HEADER_HEIGHT, message),
        table: row(HEADER_HEIGHT + message, rest - message),
        footer: row(size.height - FOOTER_HEIGHT, FOOTER_HEIGHT),
    })
}
