//! The span of the rates is shown wherever rates are shown.

use super::*;

/// A screen sorted by bandwidth, three seconds after a rarely read value of 3 MB was last read.
fn rare(width: u16, height: u16) -> Screen {
    let mut screen = Screen::new(width, height).showing(sample::rare(64));
    screen.press(&[TuiCommand::SortBy(Column::Bandwidth)]);
    screen
}

#[test]
fn rates_over_the_last_interval_and_over_the_last_minute() {
    for (width, height) in [(40, 6), (80, 24), (120, 12)] {
        let mut screen = rare(width, height);
        let interval = screen.text();
        screen.press(&[TuiCommand::SwitchRates]);
        let note = screen.lines().len() - 1;
        let window = screen.text();
        assert!(window.lines().nth(note).unwrap().starts_with("rates are over the last minute"), "{window}");
        let shown = |text: &str, span: &str, first: &str, rate: &str| {
            let header = text.lines().position(|line| line.contains("KEY")).unwrap();
            let (header, row) = (text.lines().nth(header).unwrap(), text.lines().nth(header + 1).unwrap());
            assert!(header.contains("rates: ") && header.contains(span) && header.contains("BYTES/S▼"), "{text}");
            assert!(row.contains(first) && row.contains(rate), "{text}");
        };
        shown(&interval, "1.0 s", "config:all", " 400.0 kB");
        shown(&window, "1m00s", "menu:json", " 786.4 kB");
        assert!(window.lines().nth(1).unwrap().starts_with("last 1m00s: 7,810 calls/s"), "{window}");
        screen.press(&[TuiCommand::SwitchRates]);
        let again = screen.text();
        assert_eq!(again.lines().take(note).collect::<Vec<_>>(), interval.lines().take(note).collect::<Vec<_>>());
    }
}

#[test]
fn the_span_is_shown_if_a_rate_is_shown() {
    let span_text = |columns: &[Column], sort, width| {
        let mut screen = rare(width, 6);
        screen.state.columns = columns.to_vec();
        screen.press(&[TuiCommand::SortBy(sort)]);
        screen.text();
        screen.lines().into_iter().find(|line| line.contains("KEY")).unwrap()
    };
    assert!(span_text(&[Column::Rate], Column::Rate, 40).contains("rates: last 1.0 s"));
    assert!(span_text(&[Column::ShareBytes], Column::ShareBytes, 40).contains("rates: last 1.0 s"));
    assert!(span_text(&[Column::Rate], Column::Calls, 40).contains(" rates: 1.0 s"), "even if there is little room");
    assert!(!span_text(&[Column::Size], Column::Size, 80).contains("last"), "no column shows a rate");
}

#[test]
fn the_share_in_the_details_is_over_the_same_span_as_in_the_table() {
    let mut screen = Screen::new(100, 24).showing(sample::rare(64));
    screen.press(&[TuiCommand::SortBy(Column::Calls), TuiCommand::Move(Motion::Last), TuiCommand::Open]);
    let share = |screen: &mut Screen| {
        let text = screen.text();
        text.lines().find(|line| line.starts_with("share")).unwrap_or(&text).to_owned()
    };
    assert_eq!(share(&mut screen), "share      0.0% of calls, 0.0% of bytes · last 1.0 s");
    screen.press(&[TuiCommand::SwitchRates]);
    assert_eq!(share(&mut screen), "share      <0.1% of calls, 22.2% of bytes · last 1m00s");
}

#[test]
fn bars_are_as_long_as_their_shares() {
    let mut screen = Screen::new(220, 12).showing(sample::rare(64));
    screen.press(&[TuiCommand::SortBy(Column::Size)]);
    let barred = |screen: &mut Screen| {
        screen.text();
        let lines = screen.lines();
        let line = lines.iter().position(|line| line.contains(" menu:json ")).unwrap() as u16;
        let buffer = screen.terminal.backend().buffer();
        (0..220).filter(|x| buffer[(*x, line)].modifier.contains(Modifier::REVERSED)).count()
    };
    assert_eq!(barred(&mut screen), 0);
    screen.press(&[TuiCommand::SwitchRates]);
    assert_eq!(barred(&mut screen), 2, "22.2% of seven cells");
}

#[test]
fn an_interval_of_almost_a_second_does_not_shift_the_text() {
    for (millis, span_text) in [(970, "last 0.97 s: "), (985, "last 1.0 s: "), (1_004, "last 1.0 s: ")] {
        let mut snapshot = sample::flash_sale();
        snapshot.interval = Duration::from_millis(millis);
        let text = Screen::new(80, 24).showing(snapshot).text();
        assert!(text.lines().nth(1).unwrap().starts_with(span_text), "{text}");
    }
}
