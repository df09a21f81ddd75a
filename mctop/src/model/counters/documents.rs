//! The schemas and the page on the capture format have all counters. `UPDATE_DOCS=1 cargo test -p mctop counters` adds those of
//! the lists that are missing.

use std::path::PathBuf;

use crate::model::counts::Counts;
use crate::model::loss::Loss;
use crate::model::outcomes::Outcomes;

/// Names and meanings of counters.
type CounterList = Vec<(&'static str, String)>;

fn list(names: &[&'static str], meanings: &[&str]) -> CounterList {
    let meanings = meanings.iter().map(|meaning| meaning.trim().replace('`', ""));
    names.iter().copied().zip(meanings).collect()
}

/// Compares a file of docs/ with what it should be, or writes that.
fn check(file: &str, should: impl FnOnce(&str) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    let is = std::fs::read_to_string(&path).unwrap();
    let should = should(&is);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, should).unwrap();
        return;
    }
    let differs = is.lines().zip(should.lines()).find(|(is, should)| is != should);
    let same = is == should;
    assert!(
        same,
        "docs/{file} differs from the lists of counters: run UPDATE_DOCS=1 cargo test -p mctop counters ({differs:?})"
    );
}

/// Replaces each run of counters in a schema by the whole list: the properties of an object, and the names that it requires. What
/// has one counter of a list only is something else of the same name.
fn with_counters(schema: &str, lists: &[CounterList]) -> String {
    let lines: Vec<&str> = schema.lines().collect();
    let (mut out, mut at) = (String::new(), 0);
    while let Some(line) = lines.get(at) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let property = |name: &str| format!("{indent}\"{name}\": {{");
        let required = |name: &str| format!("{indent}\"{name}\"");
        // A property ends with the first line that is indented as its first.
        let end_of_property = |at: usize| {
            let length = lines[at..].iter().position(|line| line.trim_end_matches(',') == format!("{indent}}}"));
            at + length.unwrap() + 1
        };
        let run = |list: &CounterList, is: &dyn Fn(&str, &str) -> bool, next: &dyn Fn(usize) -> usize| {
            let (mut end, mut length) = (at, 0);
            while lines.get(end).is_some_and(|line| list.iter().any(|(name, _)| is(line, name))) {
                (end, length) = (next(end), length + 1);
            }
            (length > 1).then_some(end)
        };
        let found = lists.iter().find_map(|list| {
            let properties = run(list, &|line, name| line == property(name), &end_of_property);
            let names = run(list, &|line, name| line.trim_end_matches(',') == required(name), &|at| at + 1);
            properties.map(|end| (list, end, true)).or(names.map(|end| (list, end, false)))
        });
        let Some((list, end, are_properties)) = found else {
            out += &format!("{line}\n");
            at += 1;
            continue;
        };
        let texts: Vec<String> = list
            .iter()
            .map(|(name, meaning)| match are_properties {
                true => format!(
                    "{}\n{indent}  \"description\": \"{meaning}\",\n{indent}  \"type\": \"integer\",\n{indent}  \"minimum\": 0\n{indent}}}",
                    property(name)
                ),
                false => required(name),
            })
            .collect();
        let comma = if lines[end - 1].ends_with(',') { "," } else { "" };
        out += &format!("{}{comma}\n", texts.join(",\n"));
        at = end;
    }
    out
}

#[test]
fn the_schemas_have_all_counters() {
    for (name, of_outcomes) in [
        ("capture", ""),
        ("diff", ""),
        ("snapshot", " Absent where this is not watched."),
        ("snapshot-lines", " Absent where this is not watched."),
    ] {
        let mut outcomes = list(&Outcomes::NAMES, &Outcomes::MEANINGS);
        outcomes.iter_mut().for_each(|(_, meaning)| *meaning += of_outcomes);
        let lists = [list(&Counts::NAMES, &Counts::MEANINGS), outcomes, list(&Loss::NAMES, &Loss::MEANINGS)];
        check(&format!("schema/mctop.{name}-1.schema.json"), |schema| {
            let complete = with_counters(schema, &lists);
            for (name, _) in &lists[0] {
                assert!(complete.contains(&format!("\"{name}\": {{")), "{name} is nowhere");
            }
            complete
        });
    }
}

#[test]
fn the_page_on_the_capture_format_has_all_counters() {
    const START: &str = "<!-- counters -->\n";
    const END: &str = "<!-- end of counters -->\n";
    let lists = [list(&Counts::NAMES, &Counts::MEANINGS), list(&Outcomes::NAMES, &Outcomes::MEANINGS)];
    let lines = lists.iter().flatten().map(|(name, meaning)| format!("| `{name}` | {meaning} |\n"));
    let table = format!("| count | what |\n|---|---|\n{}", lines.collect::<String>());
    check("capture-format.md", |page| {
        let (before, rest) = page.split_once(START).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        format!("{before}{START}{table}{END}{after}")
    });
}
