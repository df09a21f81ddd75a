//! Diagnoses of made-up facts, and how they are written.

use serde_json::{Value, json};

use super::Facts;
use super::diagnosis::{Diagnosis, Verdict};
use super::kernel::Lockdown;
use super::problems::{Area, Problem, Severity};
use super::servers::Search;
use super::text::PageOptions;
use super::trial::Trial;
use super::{json as document, sample, text};
use crate::error::FailureKind;
use crate::kernel::filesystems::FilesystemFault;
use crate::text::fit;
use crate::text::glyphs::{ASCII, Glyphs, UNICODE};

const WIDTH: usize = 100;

fn text_of(facts: Facts, glyphs: &Glyphs, width: usize) -> String {
    write(facts, PageOptions { glyphs, width, verbose: false })
}

fn write(facts: Facts, options: PageOptions<'_>) -> String {
    let mut out = Vec::new();
    text::write(&Diagnosis::of(facts), options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_of(facts: Facts) -> (String, Value) {
    let mut out = Vec::new();
    document::write(&Diagnosis::of(facts), &mut out).unwrap();
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
fn the_page_for_people() {
    insta::assert_snapshot!("text", text_of(sample::sharing(), &UNICODE, WIDTH));
}

#[test]
fn pages_have_the_verdict_and_what_it_is_based_on() {
    let expected = [
        ("healthy", "Tracing works: 1 of 1 memcached server can be traced.\n"),
        ("healthy", "\nProblems\n  ✓ none\n"),
        ("unprivileged", "Tracing would not work: a privilege or kernel feature is missing. See the problems below.\n"),
        ("unprivileged", "\n  ✗ CAP_BPF                   missing: "),
        ("unprivileged", "\n    load                      not tried: this process lacks CAP_SYS_ADMIN, CAP_BPF,"),
        ("unprivileged", "\n  ! mctop may not examine 131 processes; among them, named memcached: 4711\n"),
        ("lockdown", "\n  ✗ lockdown                  confidentiality (forbids tracing)\n"),
        ("lockdown", "\n  ✗ load                      failed: The kernel refused to load the eBPF program lookup: the"),
        ("no_sys", "\n  ✗ uprobe events             unknown, because /sys is not mounted\n"),
        ("no_memory", "Tracing would not work: there is not enough memory. See the problems below.\n"),
        ("no_memory", "\n  ! memory                    the control group has 78 MiB left; mctop may need 128 MiB\n"),
        ("no_server", "Tracing would not work: there is no such memcached server. See the problems below.\n"),
        ("no_server", "\n  ✗ none found\n"),
        ("refused", "Tracing works: 1 of 2 memcached servers can be traced.\n"),
        (
            "refused",
            "\n  ✗ process 4300: memcached, cannot be traced\n    binary        /opt/cache/bin/memcached (deleted",
        ),
        (
            "refused",
            "\n    listens on    no socket that mctop can see\n    runs as       user 105, 10 threads, seccomp unknown\n",
        ),
        ("refused", "\n    in            control group /by/hand\n"),
        (
            "refused",
            "\n    refused       /proc/4300/exe cannot be traced: it has no unwind tables. mctop attaches only",
        ),
        ("hostile", "\n  ✗ uprobe                    failed: \\x1b]0;owned\\x07\\x1b[2J\\u{9b}5A\\u{202e}drawkcab"),
    ];
    for (name, facts) in all() {
        let text = text_of(facts.clone(), &UNICODE, 1_000);
        for (_, expected) in expected.iter().filter(|(of, _)| *of == name) {
            assert!(text.contains(expected), "{expected:?} is not in the page of {name}:\n{text}");
        }
        for problem in Diagnosis::of(facts).problems {
            let lines = format!("{}\n    Fix: {}\n", fit::shown_text(&problem.text(), &UNICODE), problem.fix);
            assert!(text.contains(&lines), "{lines} is not in the page of {name}:\n{text}");
        }
    }
}

#[test]
fn proofs_are_listed_only_if_verbose() {
    let proof = "Every path through the function passes it exactly once.";
    let verbose = write(sample::healthy(), PageOptions { glyphs: &UNICODE, width: WIDTH, verbose: true });
    let plain = text_of(sample::healthy(), &UNICODE, WIDTH);
    assert!(verbose.contains(&format!("found by: recovered; proofs:\n{:18}- It is the only", "")), "{verbose}");
    assert!(verbose.contains(proof) && !plain.contains(proof));
    assert!(plain.contains("found by: recovered; 2 proofs (listed by --verbose)\n"), "{plain}");
    // The JSON document always has them.
    assert!(json_of(sample::healthy()).0.contains(proof));
}

#[test]
fn kernel_settings_say_whom_they_affect() {
    let of = |facts: Facts| {
        let text = text_of(facts, &UNICODE, WIDTH);
        let lines = text.lines().filter(|line| line.contains("perf_event_paranoid") || line.contains("bpf_disabled"));
        lines.map(str::to_owned).collect::<String>()
    };
    assert_eq!(of(sample::healthy()).matches("does not affect root").count(), 2);
    let text = of(sample::unprivileged());
    assert!(!text.contains("root") && text.contains("CAP_BPF") && text.contains("CAP_SYS_ADMIN"), "{text}");
}

#[test]
fn the_document() {
    let mut facts = sample::sharing();
    facts.search.servers.remove(0);
    insta::assert_snapshot!("json", json_of(facts).0);
    let (_, document) = json_of(sample::unprivileged());
    let reason = "this process lacks CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE";
    assert_eq!(document["programs"]["load"], json!({"outcome": "not_tried", "reason": reason}));
    assert_eq!(document["unexamined"], json!({"processes": 131, "likely": [4_711]}));
    assert_eq!(document["privileges"]["capabilities"][0]["held"], false);
    assert_eq!((&document["kernel"]["jit"], &document["kernel"]["attach_cookies"]), (&Value::Null, &Value::Null));
}

#[test]
fn verdicts_and_exit_codes() {
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
fn missing_privileges_take_precedence_over_missing_servers() {
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
fn all_named_servers_must_be_traceable() {
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

/// RHEL 9's Linux 5.14 has what mctop needs, and a newer kernel may lack it.
#[test]
fn trials_decide_and_not_the_kernel_version() {
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
        let (refused, text) = of(Some(false), Some("the program did not get its attach cookie"));
        assert_eq!((refused.verdict, refused.exit_code()), (Verdict::NotPermitted, 3), "{release}");
        assert!(refused.problems[0].what.contains("does not give attach cookies"), "{:#?}", refused.problems);
        assert!(text.contains("missing (tried on mctop itself)"), "{text}");
    }
    // Without a trial, nothing is reported about the kernel.
    let mut facts = sample::unprivileged();
    facts.kernel.release = "5.14.0-427.13.1.el9_4.x86_64".to_owned();
    let problems = Diagnosis::of(facts).problems;
    assert!(problems.iter().all(|problem| problem.area != Area::Kernel), "{problems:#?}");
}

#[test]
fn faults_of_the_kernel_prevent_tracing() {
    for fault in
        [FilesystemFault::NoProc, FilesystemFault::ForeignProc, FilesystemFault::NoSys, FilesystemFault::NoUprobes]
    {
        let facts = Facts { faults: vec![fault], search: Search::default(), ..sample::healthy() };
        let diagnosis = Diagnosis::of(facts);
        assert_eq!(diagnosis.exit_code(), 3, "{fault:?}");
        let failure = diagnosis.failure().unwrap().message;
        assert!(failure.contains(&fault.problem()) && failure.contains(fault.fix()), "{failure}");
        // Nothing is reported about servers if they could not be searched.
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
fn hidepid_is_a_problem_only_without_privileges() {
    let hidden = |facts: Facts| {
        let facts = Facts { hidepid: Some("hidepid=invisible".to_owned()), ..facts };
        Diagnosis::of(facts).problems.iter().any(|problem| problem.what.contains("hidepid=invisible"))
    };
    assert!(!hidden(sample::healthy()));
    assert!(hidden(sample::unprivileged()));
}

#[test]
fn with_all_privileges_a_denied_process_is_not_the_reason() {
    let mut facts = sample::no_server();
    facts.search.denied = 1;
    let diagnosis = Diagnosis::of(facts);
    assert_eq!(diagnosis.exit_code(), 4);
    let failure = diagnosis.failure().unwrap().message;
    assert!(failure.contains("Start one") && !failure.contains("security module"), "{failure}");
}

#[test]
fn lack_of_memory_is_reported_as_such() {
    let problems = Diagnosis::of(sample::no_memory()).problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let Problem { severity, area, what, fix, .. } = &problems[0];
    assert_eq!((*severity, *area), (Severity::Error, Area::Memory));
    assert_eq!(what.matches("failed to create map").count(), 1, "{what}");
    assert!(what.contains("80 MiB (/sys/fs/cgroup/memory.max)") && what.contains("--memory 64M"), "{what}");
    assert!(fix.contains("--memory 32M") && !fix.contains("kernel"), "{fix}");
    // It loads, but may need more memory later.
    let mut facts = sample::healthy();
    facts.memory = sample::no_memory().memory;
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
    // A limit that depends on the clients is not a problem.
    assert_eq!(sharing.len(), 1);
    assert_eq!((sharing[0].severity, sharing[0].pid), (Severity::Warning, Some(4_300)));
}

#[test]
fn no_control_character_reaches_a_terminal() {
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
fn a_long_kernel_message_is_truncated() {
    let mut facts = sample::lockdown();
    facts.programs.load = Trial::Failed { reason: "R1=ctx() ".repeat(100_000), lacks_memory: false };
    assert!(text_of(facts, &UNICODE, WIDTH).len() < 10_000);
}
