//! `mctop dump` on a server: from the moment it watches to its document.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::expected::{Expected, Site};
use crate::program::mctop;
use crate::schema::Judge;
use crate::server::Server;

/// A running `mctop` that watches.
pub struct Observer {
    child: Child,
    errors: BufReader<ChildStderr>,
}

impl Observer {
    /// Starts a dump of a minute and waits until it watches; [`Self::finish`] ends it early.
    pub fn start(server: &Server, options: &[&str]) -> Self {
        Self::start_on(&[&["--pid", &server.pid().to_string()], options].concat())
    }

    /// As [`Self::start`], on the servers that `options` select.
    pub fn start_on(options: &[&str]) -> Self {
        Self::run(&[&["dump", "--format", "json", "-d", "60s"], options].concat())
    }

    /// Runs a command that watches, and waits until it does.
    pub fn run(arguments: &[&str]) -> Self {
        Self::spawn(&mut mctop(arguments))
    }

    /// Spawns a command that becomes mctop, and waits until it watches.
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.arg("--verbose").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut observer = Self { child, errors };
        observer.await_words("mctop: watching");
        observer
    }

    /// Waits until it has written some words to standard error.
    pub fn await_words(&mut self, words: &str) {
        let mut said = String::new();
        while !said.contains(words) {
            let read = self.errors.read_line(&mut said).unwrap();
            assert!(read > 0, "mctop ended with {}: {said}", self.child.wait().unwrap());
        }
    }

    /// The ids of its attached probes.
    pub fn links(&self) -> BTreeSet<u64> {
        self.described("link_id:").iter().map(|id| id.parse().unwrap()).collect()
    }

    /// The kinds of its attached probes.
    pub fn link_types(&self) -> BTreeSet<String> {
        self.described("link_type:").into_iter().collect()
    }

    /// The values of a field in the kernel's descriptions of its open files.
    fn described(&self, field: &str) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/fdinfo", self.child.id())).unwrap();
        // A descriptor may be closed meanwhile.
        let files = entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
        files
            .filter_map(|file| file.lines().find_map(|line| Some(line.strip_prefix(field)?.trim().to_owned())))
            .collect()
    }

    /// Interrupts the dump and returns its document.
    pub fn finish(self) -> Document {
        self.signal(Signal::INT);
        let (document, errors) = self.wait();
        assert_eq!(errors, "");
        assert_eq!(document.0["interrupted"], true);
        document
    }

    /// As [`Self::finish`], for a document so large that its schema takes long to check.
    pub fn finish_large(self) -> Document {
        self.signal(Signal::INT);
        let (code, out, errors) = self.ended();
        assert_eq!((code, &*errors), (Some(0), ""));
        Document(serde_json::from_str(&out).unwrap())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits for the end, which must be a success: the document, which its schema accepts, and what was written to standard error
    /// since it watches.
    pub fn wait(self) -> (Document, String) {
        let (code, out, errors) = self.ended();
        assert_eq!(code, Some(0), "{errors}");
        let document = serde_json::from_str(&out).unwrap();
        Judge::of("snapshot-1").accept(&document);
        (Document(document), errors)
    }

    /// Waits for any end: exit code, standard output, and what was written to standard error since it watches.
    pub fn ended(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let mut errors = String::new();
        self.errors.read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().code(), out, errors)
    }

    /// Kills mctop without giving it a chance to clean up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A document of the schema `mctop.snapshot/1`.
pub struct Document(pub Value);

impl Document {
    /// The sum of a count over all keys and what is in no key.
    pub fn total(&self, field: &str) -> u64 {
        self.0["totals"][field].as_u64().unwrap()
    }

    /// A count of what was lost.
    pub fn lost(&self, field: &str) -> u64 {
        self.0["loss"][field].as_u64().unwrap()
    }

    /// The entries of all keys.
    pub fn keys(&self) -> &[Value] {
        self.0["keys"].as_array().unwrap()
    }

    /// The entry of a key.
    pub fn key(&self, key: &str) -> &Value {
        self.keys().iter().find(|entry| entry["key"] == key).unwrap_or_else(|| panic!("no key {key} in {:#}", self.0))
    }

    /// The probes of the first server.
    pub fn probes(&self) -> &[Value] {
        self.0["targets"][0]["probes"].as_array().unwrap()
    }

    /// The kind of site that lookups are probed at, which must be as expected.
    pub fn lookup_site(&self) -> Site {
        let lookup = self.probes().iter().find(|probe| probe["name"].as_str().unwrap().starts_with("lookup")).unwrap();
        let site = serde_json::from_value(lookup["site"].clone()).unwrap();
        assert_eq!(site, Expected::here().site, "{:#}", self.0["targets"]);
        site
    }

    /// Whether there is a probe of a name, which must be as expected.
    pub fn has_probe(&self, name: &str, expected: bool) -> bool {
        let has = self.probes().iter().any(|probe| probe["name"] == name);
        assert_eq!(has, expected, "{name} probes in {:#}", self.0["targets"]);
        Expected::has(has, &format!("what {name} probes see, of which no point is proved"))
    }

    /// Asserts `totals = Σ keys + untracked` for calls and bytes, and the same without untracked ones for the other counts.
    pub fn assert_sums(&self) {
        let sum = |field: &str| self.keys().iter().map(|entry| entry[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("calls") + self.lost("untracked_calls"), self.total("calls"));
        assert_eq!(sum("bytes") + self.lost("untracked_bytes"), self.total("bytes"));
        for field in
            ["gets", "hits", "misses", "expired", "flushed", "sets", "deletes", "delete_hits", "other", "other_hits"]
        {
            if self.lost("untracked_calls") == 0 {
                assert_eq!(sum(field), self.total(field), "{field}");
            } else {
                assert!(sum(field) <= self.total(field), "{field}");
            }
        }
    }

    /// Asserts that sums hold and nothing was lost.
    pub fn assert_whole(&self) {
        self.assert_sums();
        self.assert_nothing_lost();
    }

    /// Counts of a key.
    pub fn counts<const N: usize>(&self, key: &str, fields: [&str; N]) -> [u64; N] {
        fields.map(|field| self.key(key)[field].as_u64().unwrap())
    }

    /// Asserts that no count of losses is above zero.
    pub fn assert_nothing_lost(&self) {
        for (kind, count) in self.0["loss"].as_object().unwrap() {
            assert_eq!(count, 0, "{kind}");
        }
    }
}
