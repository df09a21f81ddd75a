//! Judgements of facts made by hand, and how they are written.

use serde_json::Value;

use super::diagnosis::{Area, Diagnosis, Facts, Problem, Severity, Verdict};
use super::kernel::Lockdown;
use super::servers::Search;
use super::text::Form;
use super::trial::Trial;
use super::{json, sample, text};
use crate::error::FailureKind;
use crate::kernel::filesystems::Fault;
use crate::text::fit;
use crate::text::glyphs::{ASCII, Glyphs, UNICODE};

const WIDTH: usize = 100;

fn text_of(facts: Facts, glyphs: &Glyphs, width: usize) -> String {
    write(facts, Form { glyphs, width, verbose: false })
}

fn write(facts: Facts, form: Form<'_>) -> String {
    let mut out = Vec::new();
    text::write(&Diagnosis::of(facts), form, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_of(facts: Facts) -> (String, Value) {
    let mut out = Vec::new();
    json::write(&Diagnosis::of(facts), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

fn all() -> [(&'static str, Facts); 9] {
    [
        ("healthy", sample::healthy()),
        ("unprivileged", sample::unprivileged()),
        ("lockdown", sample::lockdown()),
        ("no_sys", sample::no_sys()),
        ("no_memory", sample::no_memory()),
        ("no_server", sample::no_server()),
        ("refused", sample::refused()),
        ("sharing", sample::sharing()),
        ("hostile", sample::hostile()),
    ]
}

#[test]
fn texts() {
    for (name, facts) in all() {
        insta::assert_snapshot!(name, text_of(facts, &UNICODE, WIDTH));
    }
}

#[test]
fn proofs_are_for_those_who_ask() {
    let proof = "Every path through the function passes it exactly once.";
    let verbose = write(sample::healthy(), Form { glyphs: &UNICODE, width: WIDTH, verbose: true });
    insta::assert_snapshot!("verbose", verbose);
    let plain = text_of(sample::healthy(), &UNICODE, WIDTH);
    assert!(verbose.contains(proof) && !plain.contains(proof));
    assert!(plain.contains("2 proofs") && plain.contains("--verbose"), "{plain}");
    // Machines get them in any case.
    assert!(json_of(sample::healthy()).0.contains(proof));
}

#[test]
fn what_does_not_concern_root_concerns_others() {
    let of = |facts: Facts| {
        let text = text_of(facts, &UNICODE, WIDTH);
        let lines = text.lines().filter(|line| line.contains("perf_event_paranoid") || line.contains("bpf_disabled"));
        lines.map(str::to_owned).collect::<String>()
    };
    assert_eq!(of(sample::healthy()).matches("does not concern root").count(), 2);
    let told = of(sample::unprivileged());
    assert!(!told.contains("root") && told.contains("CAP_BPF") && told.contains("CAP_SYS_ADMIN"), "{told}");
}

#[test]
fn documents() {
    insta::assert_snapshot!("json_healthy", json_of(sample::healthy()).0);
    insta::assert_snapshot!("json_unprivileged", json_of(sample::unprivileged()).0);
    insta::assert_snapshot!("json_sharing", json_of(sample::sharing()).0);
}

#[test]
fn verdicts() {
    for (name, facts) in all() {
        let (verdict, code) = match name {
            "healthy" | "refused" | "sharing" => (Verdict::Works, 0),
            "no_memory" => (Verdict::NoMemory, 1),
            "no_server" => (Verdict::NoTarget, 4),
            _ => (Verdict::NotPermitted, 3),
        };
        let diagnosis = Diagnosis::of(facts);
        assert_eq!((diagnosis.verdict, diagnosis.exit_code()), (verdict, code), "{name}");
        let (_, document) = json_of(diagnosis.facts);
        assert_eq!(document["exit_code"], code, "{name}");
    }
}

#[test]
fn what_is_missing_decides_before_what_is_not_found() {
    let mut facts = sample::unprivileged();
    facts.search.servers.clear();
    facts.search.likely.clear();
    assert_eq!(Diagnosis::of(facts).verdict, Verdict::NotPermitted);

    // Enough privilege to trace, but not to look.
    let mut facts = sample::no_server();
    facts.search.denied = 1;
    assert_eq!(Diagnosis::of(facts.clone()).verdict, Verdict::NoTarget);
    facts.search.likely = vec![1];
    assert_eq!(Diagnosis::of(facts).verdict, Verdict::NotPermitted);
}

#[test]
fn of_servers_that_were_named_all_must_be_traced() {
    let mut facts = sample::refused();
    facts.search.explicit = true;
    assert_eq!(Diagnosis::of(facts).verdict, Verdict::NoTarget);
    for (kind, verdict) in [(FailureKind::NoTarget, Verdict::NoTarget), (FailureKind::Privilege, Verdict::NotPermitted)]
    {
        let mut facts = sample::no_server();
        facts.search.explicit = true;
        facts.search.failure = Some((kind, "There is no process 7.".to_owned()));
        let diagnosis = Diagnosis::of(facts);
        assert_eq!(diagnosis.verdict, verdict);
        assert!(diagnosis.failure().unwrap().message.contains("There is no process 7."));
    }
}

/// What is tried decides: RHEL 9 has in its 5.14 what mctop needs, and a newer kernel may lack it.
#[test]
fn a_version_decides_nothing() {
    for release in ["5.14.0-427.13.1.el9_4.x86_64", "4.18.0-553.el8_10.x86_64", "7.0.0", "unknown"] {
        let of = |attach_cookies, attach: Option<&str>| {
            let mut facts = sample::healthy();
            facts.kernel.release = release.to_owned();
            facts.kernel.attach_cookies = attach_cookies;
            if let Some(reason) = attach {
                facts.programs.attach = Trial::Failed { reason: reason.to_owned(), lacks_memory: false };
            }
            let text = text_of(facts.clone(), &UNICODE, WIDTH);
            (Diagnosis::of(facts), text)
        };
        let (works, text) = of(Some(true), None);
        assert_eq!((works.verdict, works.exit_code(), &*works.problems), (Verdict::Works, 0, &[][..]), "{release}");
        assert!(!text.contains("5.15"), "{text}");
        let (refused, text) = of(Some(false), Some("the program did not learn its attach cookie"));
        assert_eq!((refused.verdict, refused.exit_code()), (Verdict::NotPermitted, 3), "{release}");
        assert!(refused.problems[0].what.contains("no attach cookies"), "{:#?}", refused.problems);
        assert!(text.contains("missing, as tried"), "{text}");
    }
    // Where nothing may be tried, nothing is said of the kernel.
    let mut facts = sample::unprivileged();
    facts.kernel.release = "5.14.0-427.13.1.el9_4.x86_64".to_owned();
    let problems = Diagnosis::of(facts).problems;
    assert!(problems.iter().all(|problem| problem.area != Area::Kernel), "{problems:#?}");
}

#[test]
fn a_kernel_without_what_is_needed() {
    for fault in [Fault::NoProc, Fault::ForeignProc, Fault::NoSys, Fault::NoUprobes] {
        let facts = Facts { faults: vec![fault], search: Search::default(), ..sample::healthy() };
        let diagnosis = Diagnosis::of(facts);
        assert_eq!(diagnosis.exit_code(), 3, "{fault:?}");
        let failure = diagnosis.failure().unwrap().message;
        assert!(failure.contains(&fault.problem()) && failure.contains(fault.fix()), "{failure}");
        // Nothing is said of servers that could not be looked for.
        let servers = diagnosis.problems.iter().filter(|problem| problem.area == Area::Servers).count();
        assert_eq!(servers, usize::from(!fault.hides_processes()), "{fault:?}");
    }

    let mut facts = sample::healthy();
    facts.kernel.lockdown = Some(Lockdown::Confidentiality);
    assert_eq!(Diagnosis::of(facts).verdict, Verdict::Works);

    let mut facts = sample::healthy();
    facts.privileges.initial_user_namespace = Some(false);
    facts.programs.load = Trial::Failed { reason: "refused".to_owned(), lacks_memory: false };
    assert!(Diagnosis::of(facts).problems.iter().any(|problem| problem.area == Area::Privileges));
}

#[test]
fn hidden_processes_matter_only_to_those_who_may_not_examine_them() {
    let hidden = |facts: Facts| {
        let facts = Facts { hidepid: Some("hidepid=invisible".to_owned()), ..facts };
        Diagnosis::of(facts).problems.iter().any(|problem| problem.what.contains("hidepid=invisible"))
    };
    assert!(!hidden(sample::healthy()));
    assert!(hidden(sample::unprivileged()));
}

#[test]
fn with_all_privileges_a_process_that_may_not_be_examined_is_no_reason() {
    let mut facts = sample::no_server();
    facts.search.denied = 1;
    let diagnosis = Diagnosis::of(facts);
    assert_eq!(diagnosis.exit_code(), 4);
    let failure = diagnosis.failure().unwrap().message;
    assert!(failure.contains("Start one") && !failure.contains("security module"), "{failure}");
}

#[test]
fn a_limit_on_memory_is_no_matter_of_the_kernel() {
    let problems = Diagnosis::of(sample::no_memory()).problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let Problem { severity, area, what, fix, .. } = &problems[0];
    assert_eq!((*severity, *area), (Severity::Error, Area::Memory));
    assert_eq!(what.matches("failed to create map").count(), 1, "{what}");
    assert!(what.contains("80 MiB (/sys/fs/cgroup/memory.max)") && what.contains("--memory 64M"), "{what}");
    assert!(fix.contains("--memory 32M") && !fix.contains("kernel"), "{fix}");
    // It loads, and may come to take more than there is.
    let mut facts = sample::healthy();
    facts.room = sample::no_memory().room;
    let diagnosis = Diagnosis::of(facts);
    assert_eq!(diagnosis.verdict, Verdict::Works);
    assert_eq!((diagnosis.problems.len(), diagnosis.problems[0].severity), (1, Severity::Warning));
    assert!(diagnosis.problems[0].what.contains("may be memcached"), "{:#?}", diagnosis.problems);
}

#[test]
fn every_problem_has_a_fix_and_errors_come_first() {
    for (name, facts) in all() {
        let problems = Diagnosis::of(facts).problems;
        assert!(problems.iter().all(|problem| problem.fix.ends_with('.')), "{name}: {problems:#?}");
        assert!(problems.is_sorted_by_key(|problem| problem.severity), "{name}");
        if name != "healthy" {
            assert!(!problems.is_empty(), "{name}");
        }
    }
    let sharing = Diagnosis::of(sample::sharing()).problems;
    // What only some clients do is told, but no problem.
    assert_eq!(sharing.len(), 1);
    assert_eq!((sharing[0].severity, sharing[0].pid), (Severity::Warning, Some(4_300)));
}

#[test]
fn nothing_raw_reaches_a_terminal() {
    for (name, facts) in all() {
        let (document, _) = json_of(facts.clone());
        for text in [text_of(facts.clone(), &UNICODE, WIDTH), text_of(facts.clone(), &ASCII, WIDTH), document] {
            for line in text.lines() {
                assert!(!line.contains(|c: char| c.is_control() || "\u{202e}\u{200b}".contains(c)), "{name}: {line:?}");
            }
        }
        assert!(text_of(facts, &ASCII, WIDTH).is_ascii(), "{name}");
    }
    let (_, document) = json_of(sample::hostile());
    assert_eq!(document["host"], sample::hostile().host);
}

#[test]
fn lines_fit() {
    for (name, facts) in all() {
        for width in [50, 80, WIDTH] {
            for glyphs in [&UNICODE, &ASCII] {
                let text = text_of(facts.clone(), glyphs, width);
                let widest = text.lines().map(fit::width).max().unwrap();
                assert!(widest <= width, "{name}: {widest} > {width}\n{text}");
            }
        }
    }
}

#[test]
fn a_long_explanation_of_the_kernel_is_cut() {
    let mut facts = sample::lockdown();
    facts.programs.load = Trial::Failed { reason: "R1=ctx() ".repeat(100_000), lacks_memory: false };
    assert!(text_of(facts, &UNICODE, WIDTH).len() < 10_000);
}
