//! Made-up facts for tests.

use std::time::Duration;

use super::Facts;
use super::capabilities::{self, Privileges};
use super::cost;
use super::kernel::{Kernel, Lockdown};
use super::limits::Limit;
use super::servers::{Probe, Search, Server, Tracing};
use super::trial::{Attached, Loaded, LoadedProgram, Programs, Trial};
use crate::kernel::filesystems::FilesystemFault;
use crate::kernel::memory;
use crate::model::probe_point::{FoundBy, ProbeKind};
use crate::probe::memory_check::MemoryCheck;
use crate::target::discover::cgroup::{CgroupInfo, Container, Runtime};
use crate::target::discover::namespaces::Namespace;
use crate::target::discover::options::{Protocol, ServerOptions};
use crate::target::steps::{SearchStep, SymbolSource};

/// A host without problems and one memcached.
pub fn healthy() -> Facts {
    Facts {
        host: "cache-7".to_owned(),
        kernel: Kernel {
            release: "6.1.0-13-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
            attach_cookies: Some(true),
            btf: true,
            uprobes: true,
            jit: Some(true),
            lockdown: Some(Lockdown::Integrity),
            unprivileged_bpf_disabled: Some(2),
            perf_event_paranoid: Some(3),
        },
        faults: Vec::new(),
        hidepid: None,
        privileges: privileges(u64::MAX, 0),
        programs: Programs {
            object: "x86_64 sha256 2e2b125b".to_owned(),
            load: Trial::Done(Loaded {
                ms: 23.4,
                programs: vec![program("command", 4_997), program("lookup", 22_955)],
            }),
            attach: Trial::Done(Attached {
                ms: 8.1,
                emulated: Duration::from_nanos(600),
                single_stepped: Duration::from_micros(6),
            }),
            cookies: Some(true),
        },
        memory: MemoryCheck { asked: 64 << 20, needed: 128 << 20, limit: None, address_space: None },
        costs: cost::ELSEWHERE,
        search: Search { servers: vec![server(4_242, 11_211)], ..Search::default() },
    }
}

fn privileges(held: u64, uid: u32) -> Privileges {
    Privileges {
        uid,
        capabilities: capabilities::of(held),
        sufficient: held == u64::MAX,
        initial_user_namespace: Some(true),
        initial_pid_namespace: Some(true),
    }
}

fn program(name: &str, verified: u32) -> LoadedProgram {
    LoadedProgram { name: name.to_owned(), verified_instructions: Some(verified) }
}

/// A server from Debian's package.
pub fn server(pid: u32, port: u16) -> Server {
    Server {
        pid,
        inner_pid: None,
        binary: "/usr/bin/memcached".to_owned(),
        deleted: false,
        version: Some("1.6.18".to_owned()),
        build_id: Some("cb4951e778913a1598cb9fa92e8c377dfc545320".to_owned()),
        listen: vec![format!("127.0.0.1:{port}")],
        place: CgroupInfo {
            container: None,
            unit: Some("memcached.service".to_owned()),
            cgroup: Some("/system.slice/memcached.service".to_owned()),
        },
        uid: 105,
        user: Some("memcache".to_owned()),
        threads: 10,
        seccomp: Some(0),
        namespaces: Some(Vec::new()),
        options: ServerOptions::default(),
        resolution_ms: 21.7,
        same_binary_as: None,
        tracing: Some(Tracing {
            probes: vec![
                probe(ProbeKind::Command, "process_command_ascii", 139_840, "push r15", true),
                probe(ProbeKind::Lookup, "do_item_get", 92_484, "je 0x1697e", true),
            ],
            full_probes: vec![Probe {
                name: ProbeKind::Eviction,
                function: "lru_pull_tail".to_owned(),
                offset: 0x1710d,
                instruction: "jne 0x1711a".to_owned(),
                found_by: FoundBy::Recovered,
                proof: vec!["It branches on the flag 0x40 of the logger that lookups are logged by.".to_owned()],
                emulated: true,
                expected_cost_us: 0.9,
            }],
            steps: vec![
                SearchStep { source: SymbolSource::Symtab, found: false, outcome: "there is none".into() },
                SearchStep { source: SymbolSource::Recovery, found: true, outcome: "the code tells".into() },
            ],
            notes: Vec::new(),
            limits: Vec::new(),
        }),
        refusal: None,
    }
}

fn probe(name: ProbeKind, function: &str, offset: u64, instruction: &str, emulated: bool) -> Probe {
    Probe {
        name,
        function: function.to_owned(),
        offset,
        instruction: instruction.to_owned(),
        found_by: FoundBy::Recovered,
        proof: vec![
            "It is the only function that refers to 4 of the lookup's debug messages.".to_owned(),
            "Every path through the function passes it exactly once.".to_owned(),
        ],
        emulated,
        expected_cost_us: cost::ELSEWHERE.expected_us(emulated),
    }
}

/// A user without privileges who may examine one of two servers.
pub fn unprivileged() -> Facts {
    let mut facts = healthy();
    facts.kernel.jit = None;
    facts.kernel.lockdown = None;
    facts.kernel.attach_cookies = None;
    facts.privileges = privileges(0, 1_000);
    let reason = "this process lacks CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE".to_owned();
    facts.programs.load = Trial::NotTried { reason: reason.clone() };
    facts.programs.attach = Trial::NotTried { reason };
    facts.search.denied = 131;
    facts.search.likely = vec![4_711];
    facts
}

/// A kernel that forbids tracing even for root.
pub fn lockdown() -> Facts {
    let mut facts = healthy();
    facts.kernel.lockdown = Some(Lockdown::Confidentiality);
    facts.kernel.attach_cookies = None;
    facts.programs.load = Trial::Failed {
        reason: "The kernel refused to load the eBPF program lookup: the BPF_PROG_LOAD syscall returned Operation not \
                 permitted (os error 1). Verifier output: \n0: R1=ctx()\n1: unknown func\n"
            .to_owned(),
        lacks_memory: false,
    };
    facts.programs.attach = Trial::NotTried { reason: "the eBPF object could not be loaded".to_owned() };
    facts
}

/// A container without `/sys`.
pub fn no_sys() -> Facts {
    let mut facts = healthy();
    facts.faults = vec![FilesystemFault::NoSys];
    facts.kernel.uprobes = false;
    facts.kernel.attach_cookies = None;
    facts.programs.attach = Trial::NotTried { reason: FilesystemFault::NoSys.problem() };
    facts
}

/// A container whose memory limit is too small for the kernel's tables.
pub fn no_memory() -> Facts {
    let mut facts = healthy();
    facts.kernel.attach_cookies = None;
    facts.memory.limit =
        Some(memory::MemoryLimit { file: "/sys/fs/cgroup/memory.max".into(), bytes: 80 << 20, left: 78 << 20 });
    facts.programs.load = Trial::Failed {
        reason: "cannot load mctop's eBPF maps: map error: failed to create map `TABLE_0`: Cannot allocate memory (os error 12)"
            .to_owned(),
        lacks_memory: true,
    };
    facts.programs.attach = Trial::NotTried { reason: "the eBPF object could not be loaded".to_owned() };
    facts
}

/// A host without memcached.
pub fn no_server() -> Facts {
    Facts { search: Search::default(), ..healthy() }
}

/// One server that can be traced, and one whose binary is refused.
pub fn refused() -> Facts {
    let mut facts = healthy();
    let refused = Server {
        version: None,
        build_id: None,
        tracing: None,
        refusal: Some(
            "/proc/4300/exe cannot be traced: it has no unwind tables. mctop attaches only where it can prove what it would \
             read."
                .to_owned(),
        ),
        binary: "/opt/cache/bin/memcached".to_owned(),
        deleted: true,
        listen: Vec::new(),
        namespaces: None,
        seccomp: None,
        user: None,
        place: CgroupInfo { container: None, unit: None, cgroup: Some("/by/hand".to_owned()) },
        ..server(4_300, 11_212)
    };
    facts.search.servers.push(refused);
    facts
}

/// Two servers of one binary, the second in a container and with limits.
pub fn sharing() -> Facts {
    let mut facts = healthy();
    let mut second = server(4_300, 11_212);
    second.same_binary_as = Some(4_242);
    second.inner_pid = Some(1);
    second.seccomp = Some(2);
    second.namespaces = Some(vec![Namespace::Mnt, Namespace::Pid, Namespace::Net]);
    let id = "3f2a6a0d5c7b4e1f8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f7".to_owned();
    second.place = CgroupInfo { container: Some(Container { runtime: Runtime::Docker, id }), unit: None, cgroup: None };
    second.options = ServerOptions {
        given: vec!["-o proxy_config=/etc/routes.lua".to_owned(), "-B binary".to_owned(), "-Z".to_owned()],
        protocol: Protocol::Binary,
        proxy: true,
        sasl: false,
        tls: true,
        no_cas: false,
    };
    if let Some(tracing) = &mut second.tracing {
        let limit = |what: &str, fix: &str, certain| Limit { what: what.to_owned(), fix: fix.to_owned(), certain };
        tracing.limits = vec![
            limit("Requests that it routes to other servers are not seen.", "Run mctop on those.", true),
            limit("Binary commands count as OTHER.", "Use the text protocol.", false),
        ];
    }
    facts.search.servers.push(second);
    facts
}

/// Control sequences in every text that a stranger controls.
pub fn hostile() -> Facts {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}5A\u{202e}drawkcab\u{200b}\r\n\u{1b}[31mred";
    let mut facts = healthy();
    facts.host = evil.to_owned();
    facts.kernel.release = evil.to_owned();
    facts.programs.attach = Trial::Failed { reason: evil.to_owned(), lacks_memory: false };
    let server = &mut facts.search.servers[0];
    for text in [&mut server.binary, server.version.get_or_insert_default(), server.user.get_or_insert_default()] {
        *text = evil.to_owned();
    }
    server.listen = vec![format!("unix:/tmp/{evil}")];
    server.options.given = vec![format!("-o {evil}")];
    server.place = CgroupInfo {
        container: Some(Container { runtime: Runtime::Lxc, id: evil.to_owned() }),
        unit: Some(evil.to_owned()),
        cgroup: Some(evil.to_owned()),
    };
    let tracing = server.tracing.get_or_insert(Tracing {
        probes: Vec::new(),
        full_probes: Vec::new(),
        steps: Vec::new(),
        notes: Vec::new(),
        limits: Vec::new(),
    });
    tracing.notes.push(evil.to_owned());
    tracing.probes[0].function = evil.to_owned();
    tracing.probes[0].proof.push(evil.to_owned());
    let refused = Server { tracing: None, refusal: Some(evil.to_owned()), ..super::sample::server(7, 7) };
    facts.search.servers.push(refused);
    facts
}
