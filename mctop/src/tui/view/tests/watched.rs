//! What optional probes add to the screen, and how unwatched time is shown.

use super::*;
use crate::model::outcomes::Outcomes;
use crate::model::probe_point::ProbeKind;

fn details(snapshot: Snapshot) -> String {
    let mut screen = Screen::new(120, 40).showing(snapshot);
    screen.press(&[TuiCommand::Open]);
    screen.text()
}

#[test]
fn outcomes_are_shown_if_they_are_watched() {
    let mut snapshot = sample::flash_sale();
    snapshot.rows[0].outcomes = Outcomes { not_stored: 1_234, exists: 5, evicted: 67 };
    assert!(!details(snapshot.clone()).contains("not stored"));
    let mut target = snapshot.targets[0].clone();
    for kind in [ProbeKind::Store, ProbeKind::Eviction] {
        let probe = target.probes[0].clone();
        target.probes.push(crate::model::snapshot::ProbeInfo { name: kind, ..probe });
    }
    snapshot.targets = [target].into();
    let shown = details(snapshot);
    let expected = "items      1,234 not stored, 5 rejected because the item had changed (cas); evicted 67 times";
    assert!(shown.contains(expected), "{shown}");
    assert!(shown.contains("probes: eviction, lookup, store"), "{shown}");
}

#[test]
fn estimates_are_marked() {
    let mut snapshot = sample::flash_sale();
    let calls = snapshot.total.calls() / 50;
    for second in 0..50 {
        snapshot.estimate.add(Duration::from_secs(1), calls, second % 10 != 0);
    }
    for (width, height) in [(40, 6), (80, 24), (120, 40)] {
        let shown = Screen::new(width, height).showing(snapshot.clone()).text();
        assert!(shown.contains(" ESTIMATED for 9s"), "{shown}");
        assert!(!shown.contains("last 1.0 s: "), "nothing is known of it: {shown}");
    }
    let mut watched = snapshot.clone();
    watched.estimate.add(Duration::from_secs(1), calls, false);
    let shown = Screen::new(120, 40).showing(watched).text();
    assert!(!shown.contains("ESTIMATED for") && shown.contains("last 1.0 s: "), "{shown}");
    let shown = details(snapshot);
    assert!(shown.contains("estimated, to within ") && shown.contains("5.0 s of 50.0 s watched: see ?"), "{shown}");
}
