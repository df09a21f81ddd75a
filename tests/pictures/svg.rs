//! A frame as self-contained SVG: text as text, bars as shapes, on a background.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// Size of a cell and of its text in pixels; distance of the baseline from the top of the cell.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const FONT: f64 = 14.0;
const BASELINE: f64 = 13.5;
/// Margin around the screen.
const MARGIN: f64 = 12.0;

/// The terminal's default colours: dark, which is readable on a light page, too.
const TEXT: &str = "#d8dee9";
const GROUND: &str = "#14171d";

/// The look of adjacent cells that are drawn as one.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    text: &'static str,
    ground: &'static str,
    modifier: Modifier,
    bars: bool,
}

/// The picture of a frame; `title` is the text alternative.
pub fn picture(buffer: &Buffer, title: &str) -> String {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let width = f64::from(columns) * WIDTH + 2.0 * MARGIN;
    let height = f64::from(rows) * HEIGHT + 2.0 * MARGIN;
    let mut out = String::new();
    let fonts = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-family="{fonts}" font-size="{FONT}">"#
    );
    let _ = writeln!(out, "<title>{}</title>", escaped(title));
    let _ = writeln!(out, r#"<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>"#);
    for y in 0..rows {
        let mut x = 0;
        while x < columns {
            let start = x;
            let look = look(&buffer[(x, y)]);
            let mut symbols = Vec::new();
            while x < columns && self::look(&buffer[(x, y)]) == look {
                let symbol = buffer[(x, y)].symbol();
                symbols.push(symbol);
                // A wide character covers the cell behind it.
                x += symbol.width().max(1) as u16;
            }
            run(&mut out, (start, y), x - start, &symbols, look);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn look(cell: &Cell) -> Look {
    let (mut text, mut ground) = (colour(cell.fg, TEXT), colour(cell.bg, GROUND));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut text, &mut ground);
    }
    let modifier = cell.modifier.intersection(Modifier::BOLD | Modifier::DIM | Modifier::UNDERLINED);
    Look { text, ground, modifier, bars: share(cell.symbol()).is_some() }
}

fn colour(colour: Color, usual: &'static str) -> &'static str {
    match colour {
        Color::Reset => usual,
        Color::Red | Color::LightRed => "#ff7b72",
        Color::Yellow => "#e3b341",
        Color::Cyan => "#56c8d8",
        Color::Blue => "#79b8ff",
        Color::Magenta => "#d2a8ff",
        other => panic!("the themes have got a colour that pictures lack: {other:?}"),
    }
}

/// Adjacent cells of one look, in one element.
fn run(out: &mut String, (column, row): (u16, u16), columns: u16, symbols: &[&str], look: Look) {
    let (x, y) = (MARGIN + f64::from(column) * WIDTH, MARGIN + f64::from(row) * HEIGHT);
    let length = f64::from(columns) * WIDTH;
    if look.ground != GROUND {
        let _ = writeln!(
            out,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{length:.1}" height="{HEIGHT}" fill="{}"/>"#,
            look.ground
        );
    }
    if look.bars {
        let mut path = String::new();
        for (symbol, x) in symbols.iter().zip(0_u16..).map(|(symbol, n)| (symbol, x + f64::from(n) * WIDTH)) {
            let (across, up) = share(symbol).unwrap_or_default();
            let (wide, high) = (across * WIDTH, up * HEIGHT);
            let _ = write!(path, "M{x:.1} {:.1}h{wide:.1}v{high:.1}h-{wide:.1}z", y + HEIGHT - high);
        }
        let _ = writeln!(out, r#"<path fill="{}" d="{path}"/>"#, look.text);
        return;
    }
    let text = symbols.concat();
    if text.trim().is_empty() {
        return;
    }
    let mut style = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, r#" font-weight="bold""#),
        (Modifier::DIM, r#" opacity="0.65""#),
        (Modifier::UNDERLINED, r#" text-decoration="underline""#),
    ] {
        if look.modifier.contains(modifier) {
            style.push_str(attribute);
        }
    }
    // Cells keep their places with any font.
    let _ = writeln!(
        out,
        r#"<text x="{x:.1}" y="{:.1}" textLength="{length:.1}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="{}"{style}>{}</text>"#,
        y + BASELINE,
        look.text,
        escaped(&text)
    );
}

/// How much of a cell a bar's symbol fills, in width and height; none for text.
fn share(symbol: &str) -> Option<(f64, f64)> {
    let c = symbol.chars().next()?;
    match c {
        '▁'..='█' => Some((1.0, (c as u32 - '▁' as u32 + 1) as f64 / 8.0)),
        '▉'..='▏' => Some((('▏' as u32 - c as u32 + 1) as f64 / 8.0, 1.0)),
        _ => None,
    }
}

/// Escaped text. Characters that XML cannot have are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[test]
fn text_is_escaped_and_cells_keep_their_places() {
    use ratatui::style::Style;
    let mut buffer = Buffer::with_lines(["<a & \"b\">▁█▌日x"]);
    buffer.set_style(ratatui::layout::Rect::new(0, 0, 2, 1), Style::new().add_modifier(Modifier::REVERSED));
    let picture = picture(&buffer, "a < b");
    let document = roxmltree::Document::parse(&picture).unwrap();
    let texts: Vec<(String, String)> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| (node.attribute("x").unwrap().to_owned(), node.text().unwrap().to_owned()))
        .collect();
    let expected = [("12.0", "<a"), ("28.8", " & \"b\">"), ("112.8", "日x")];
    assert_eq!(texts, expected.map(|(x, text)| (x.to_owned(), text.to_owned())));
    let bars = document.descendants().find(|node| node.has_tag_name("path")).unwrap();
    let expected = "M87.6 27.8h8.4v2.2h-8.4zM96.0 12.0h8.4v18.0h-8.4zM104.4 12.0h4.2v18.0h-4.2z";
    assert_eq!(bars.attribute("d"), Some(expected));
    assert_eq!(document.descendants().find(|node| node.has_tag_name("title")).unwrap().text(), Some("a < b"));
}
