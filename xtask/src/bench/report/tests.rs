use super::*;
use serde_json::json;

fn section(name: &str, goals: Vec<Goal>) -> BenchSection {
    BenchSection {
        name: name.into(),
        title: format!("Title of {name}"),
        date: "2026-01-02".into(),
        commit: "0123456789ab".into(),
        load: 0.25,
        method: "How.".into(),
        tables: vec![BenchTable {
            title: "What:".into(),
            head: vec!["a".into(), "b".into()],
            rows: vec![vec!["x|y".into(), "1\n2".into()]],
        }],
        goals,
        unavailable: vec!["a tool: why".into()],
        notes: vec!["A note.".into()],
        data: json!({ "x": 1 }),
    }
}

fn report(sections: Vec<BenchSection>) -> BenchReport {
    BenchReport {
        schema: SCHEMA.into(),
        machine: BenchMachine {
            processor: "CPU, 2 cores".into(),
            system: "Linux".into(),
            kernel: "6.1".into(),
            memory: 24 << 30,
            versions: vec!["memcached 1.6".into()],
        },
        sections,
    }
}

#[test]
fn a_report_shows_every_goal_and_every_gap() {
    let goals = vec![
        Goal::new("cost", Bound::AtMost(1.3), Some(1.25), "×"),
        Goal::new("ratio", Bound::AtLeast(1.5), Some(1.4), "×"),
        Goal::new("whole", Bound::AtLeast(100.0), Some(99.999_99), "%"),
        Goal::new("unknown", Bound::AtMost(1.0), None, "s"),
    ];
    let text = markdown(&report(vec![section("cost", goals)]));
    for wanted in [
        "Of 4 goals 1 are met, 2 are missed, 1 could not be measured.",
        "| cost | ≤ 1.30 × | 1.25 × | pass |",
        "| ratio | ≥ 1.50 × | 1.40 × | **miss** |",
        "| whole | ≥ 100.00000 % | 99.99999 % | **miss** |",
        "| unknown | ≤ 1.00 s | - | not measured |",
        "CPU, 2 cores, 24.0 GiB, Linux, kernel 6.1, with memcached 1.6.",
        "## Title of cost",
        "Measured on 2026-01-02 at commit 0123456789ab; load average 0.25 at the start.",
        "| x\\|y | 1 2 |",
        "- A note.\n- Not available here: a tool: why\n",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    assert!(text.ends_with("why\n"));
}

#[test]
fn sections_that_were_not_measured_again_stay() {
    let old = report(vec![section("cost", Vec::new()), section("churn", Vec::new())]);
    let mut fresh = section("churn", Vec::new());
    fresh.date = "2026-02-03".into();
    fresh.commit = "ba9876543210".into();
    let both = merged(report(vec![fresh.clone()]), Some(old.clone()), &["cost", "churn"]);
    let tell = |section: &BenchSection| format!("{} {} {}", section.name, section.date, section.commit);
    let merged_sections: Vec<_> = both.sections.iter().map(tell).collect();
    assert_eq!(merged_sections, ["cost 2026-01-02 0123456789ab", "churn 2026-02-03 ba9876543210"]);
    let mut elsewhere = old;
    elsewhere.machine.kernel = "6.2".into();
    assert_eq!(merged(report(vec![fresh]), Some(elsewhere), &["cost", "churn"]).sections.len(), 1);
}

#[test]
fn a_report_survives_its_own_json() {
    let goal = Goal::new("cost", Bound::AtMost(1.3), Some(1.25), "×");
    let report = report(vec![section("cost", vec![goal.clone()])]);
    let again: BenchReport = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again.sections[0].goals, [goal]);
    assert_eq!(markdown(&again), markdown(&report));
}

#[test]
fn figures_have_three_significant_digits() {
    for (value, text) in [
        (0.0, "0.00"),
        (0.1234, "0.123"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (-1_234_567.0, "-1,234,567"),
    ] {
        assert_eq!(figure(value), text);
    }
}

#[test]
fn the_committed_document_shows_the_committed_figures() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let report: BenchReport = serde_json::from_slice(&std::fs::read(docs.join("benchmarks.json")).unwrap()).unwrap();
    let document = markdown(&report);
    for wanted in
        ["each key of each request costs memcached", "**A saturated server**", "**Latency**", "**Completeness**"]
    {
        assert!(document.contains(wanted), "no {wanted}: the data no longer has the shape that the introduction needs");
    }
    let path = docs.join("benchmarks.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, document).unwrap();
    } else {
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(
            written == document,
            "docs/benchmarks.md is out of date: run UPDATE_DOCS=1 cargo test -p xtask committed"
        );
    }
}
