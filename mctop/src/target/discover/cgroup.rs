//! The container, systemd unit and control group of a process, from `/proc/PID/cgroup` (cgroups(7)).

use serde::Serialize;

/// Length of a container ID of Docker, containerd, CRI-O and Podman, in characters.
const ID_LENGTH: usize = 64;
/// Length to which tools abbreviate container IDs, in characters.
const SHORT_ID_LENGTH: usize = 12;
/// At most this many lines are read. Version 1 has one for each of about a dozen controllers.
const LINES_MAX: usize = 64;

/// A container runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, standalone or under Kubernetes.
    Containerd,
    /// CRI-O, under Kubernetes.
    #[serde(rename = "cri-o")]
    CriO,
    /// Podman.
    Podman,
    /// LXC or LXD.
    Lxc,
    /// systemd-nspawn.
    #[serde(rename = "systemd-nspawn")]
    SystemdNspawn,
    /// The path of the control group does not say which.
    Unknown,
}

impl Runtime {
    /// Its name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Lxc => "lxc",
            Self::SystemdNspawn => "systemd-nspawn",
            Self::Unknown => "unknown",
        }
    }
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its runtime.
    pub runtime: Runtime,
    /// Its ID, or its name if the runtime has no IDs.
    pub id: String,
}

/// The control group of a process, and what its path reveals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CgroupInfo {
    /// The innermost container.
    pub container: Option<Container>,
    /// The innermost systemd unit, which may belong to a systemd inside the container.
    pub unit: Option<String>,
    /// Path of the control group, as seen from ours; `None` for the root.
    pub cgroup: Option<String>,
}

impl CgroupInfo {
    /// Whether both belong to the same systemd service.
    #[must_use]
    pub fn is_same_service(&self, other: &Self) -> bool {
        self.unit == other.unit && self.unit.as_ref().is_some_and(|unit| unit.ends_with(".service"))
    }

    /// Whether both belong to the same Kubernetes pod.
    #[must_use]
    pub fn is_same_pod(&self, other: &Self) -> bool {
        self.pod().is_some() && self.pod() == other.pod()
    }

    /// The control group of its pod, the parent of those of the pod's containers.
    fn pod(&self) -> Option<&str> {
        // On a systemd host without the systemd cgroup driver: `kubepods-….slice:cri-containerd:ID`.
        let (pod, _) = self.cgroup.as_ref()?.rsplit_once(['/', ':'])?;
        pod.rsplit('/').next().filter(|name| name.starts_with("pod") || name.contains("-pod"))?;
        Some(pod)
    }
}

/// Parses the content of a `/proc/PID/cgroup`.
pub(crate) fn parse(text: &str) -> CgroupInfo {
    // `ID:CONTROLLERS:PATH`; a path may contain colons.
    let lines = text.lines().take(LINES_MAX).filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    let mut ranked: Vec<(u8, &str)> = lines
        .filter(|(_, _, path)| *path != "/")
        .map(|(id, controllers, path)| (rank(id, controllers), path))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut info = CgroupInfo { cgroup: ranked.first().map(|(_, path)| (*path).to_owned()), ..CgroupInfo::default() };
    for (_, path) in ranked {
        let (container, unit) = of_path(path);
        info.container = info.container.or(container);
        info.unit = info.unit.or(unit);
    }
    info
}

/// Which hierarchy to prefer: version 2, which all current systemd hosts have, then systemd's own, then the others.
fn rank(id: &str, controllers: &str) -> u8 {
    match (id, controllers) {
        ("0", "") => 0,
        (_, "name=systemd") => 1,
        _ => 2,
    }
}

/// The innermost container of a path, and the innermost unit inside it; without a container, the innermost unit.
fn of_path(path: &str) -> (Option<Container>, Option<String>) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut unit = None;
    for (index, part) in parts.iter().enumerate().rev() {
        let parents = parts.get(..index).unwrap_or_default();
        if let Some(container) = container(parents, part) {
            return (Some(container), unit);
        }
        let is_unit = (part.ends_with(".service") || part.ends_with(".scope")) && *part != "init.scope";
        if unit.is_none() && is_unit {
            unit = Some(unescape(part));
        }
    }
    (None, unit)
}

/// The container that a component of a path belongs to, given the components before it.
fn container(parents: &[&str], part: &str) -> Option<Container> {
    let found = |runtime, id: &str| Some(Container { runtime, id: unescape(id) });
    let parent = parents.last().copied().unwrap_or_default();
    if let Some(name) = part.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service")) {
        return found(Runtime::SystemdNspawn, name);
    }
    if let Some(name) = part.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope")) {
        // libvirt numbers its containers: `lxc\x2d4711\x2dNAME`. Its virtual machines are not containers.
        return match name.strip_prefix("lxc\\x2d") {
            Some(rest) => found(Runtime::Lxc, rest.split_once("\\x2d").map_or(rest, |(_, name)| name)),
            None if name.starts_with("qemu\\x2d") => None,
            None => found(Runtime::SystemdNspawn, name),
        };
    }
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return found(Runtime::Lxc, name);
    }
    if matches!(parent, "lxc" | "lxc.payload") {
        return found(Runtime::Lxc, part);
    }
    let part = part.strip_suffix(".scope").unwrap_or(part);
    // On a systemd host without the systemd cgroup driver: `kubepods-….slice:cri-containerd:ID`.
    if let Some((slice, id)) = part.rsplit_once(':')
        && is_id(id, SHORT_ID_LENGTH)
    {
        return found(slice.rsplit(':').next().map_or(Runtime::Unknown, runtime), id);
    }
    if let Some((prefix, id)) = part.rsplit_once('-')
        && is_id(id, SHORT_ID_LENGTH)
        && runtime(prefix) != Runtime::Unknown
    {
        return found(runtime(prefix), id);
    }
    is_id(part, ID_LENGTH).then_some(())?;
    let runtime = match parent {
        "docker" => Runtime::Docker,
        // The default namespace of containerd's own tools.
        "default" => Runtime::Containerd,
        _ => Runtime::Unknown,
    };
    found(runtime, part)
}

/// The runtime that puts this prefix before a container ID.
fn runtime(prefix: &str) -> Runtime {
    match prefix {
        "docker" => Runtime::Docker,
        "cri-containerd" | "containerd" | "nerdctl" => Runtime::Containerd,
        "crio" => Runtime::CriO,
        "libpod" => Runtime::Podman,
        _ => Runtime::Unknown,
    }
}

fn is_id(text: &str, shortest: usize) -> bool {
    (shortest..=ID_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes systemd's escapes from a name: `\x2d` is a dash (systemd.unit(5)).
fn unescape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.push_str(before);
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(u8::is_ascii_graphic) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push_str("\\x");
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "3f2a6a0d5c7b4e1f8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f7";

    fn of(text: &str) -> (Option<(Runtime, String)>, Option<String>) {
        let place = parse(text);
        (place.container.map(|container| (container.runtime, container.id)), place.unit)
    }

    #[test]
    fn containers() {
        let id = |runtime| (Some((runtime, ID.to_owned())), None);
        for (path, expected) in [
            (format!("0::/system.slice/docker-{ID}.scope"), id(Runtime::Docker)),
            (format!("0::/docker/{ID}"), id(Runtime::Docker)),
            (format!("12:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/"), id(Runtime::Docker)),
            (format!("0::/default/{ID}"), id(Runtime::Containerd)),
            (format!("0::/system.slice/nerdctl-{ID}.scope"), id(Runtime::Containerd)),
            (
                format!(
                    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7c.slice/cri-containerd-{ID}.scope"
                ),
                id(Runtime::Containerd),
            ),
            (
                format!("0::/system.slice/containerd.service/kubepods-besteffort-pod7c.slice:cri-containerd:{ID}"),
                id(Runtime::Containerd),
            ),
            (format!("0::/kubepods/burstable/pod0b0c-11/{ID}"), id(Runtime::Unknown)),
            (format!("0::/kubepods.slice/kubepods-pod7c.slice/crio-{ID}.scope"), id(Runtime::CriO)),
            (format!("0::/machine.slice/libpod-{ID}.scope/container"), id(Runtime::Podman)),
            (
                format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"),
                id(Runtime::Podman),
            ),
            ("0::/lxc.payload.web-1".to_owned(), (Some((Runtime::Lxc, "web-1".to_owned())), None)),
            ("7:cpu:/lxc/web".to_owned(), (Some((Runtime::Lxc, "web".to_owned())), None)),
            (
                "0::/machine.slice/systemd-nspawn@cache.service/payload".to_owned(),
                (Some((Runtime::SystemdNspawn, "cache".to_owned())), None),
            ),
            (
                "0::/machine.slice/machine-cache\\x2d1.scope/payload".to_owned(),
                (Some((Runtime::SystemdNspawn, "cache-1".to_owned())), None),
            ),
            (
                "0::/machine.slice/machine-lxc\\x2d4711\\x2dcache\\x2d1.scope".to_owned(),
                (Some((Runtime::Lxc, "cache-1".to_owned())), None),
            ),
        ] {
            assert_eq!(of(&path), expected, "{path}");
        }
    }

    #[test]
    fn containers_of_one_pod() {
        let other = ID.replace('3', "4");
        for (pod, container) in [
            ("0::/kubepods/burstable/pod0b0c-11", "/"),
            ("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7c.slice", "/cri-containerd-"),
            ("0::/system.slice/containerd.service/kubepods-besteffort-pod7c.slice", ":cri-containerd:"),
        ] {
            let place = parse(&format!("{pod}{container}{ID}"));
            assert!(place.is_same_pod(&parse(&format!("{pod}{container}{other}"))), "{place:?}");
            let elsewhere = pod.replace("11", "12").replace("7c", "8c");
            assert!(!place.is_same_pod(&parse(&format!("{elsewhere}{container}{other}"))), "{place:?}");
        }
        let of = |path: &str| parse(&format!("0::{path}{ID}"));
        assert!(!of("/docker/").is_same_pod(&of("/docker/")));
        assert!(!of("/system.slice/docker-").is_same_pod(&of("/machine.slice/libpod-")));
    }

    #[test]
    fn units() {
        let unit = |name: &str| (None, Some(name.to_owned()));
        assert_eq!(of("0::/system.slice/memcached.service"), unit("memcached.service"));
        assert_eq!(
            of("0::/system.slice/system-memcached.slice/memcached@a\\x2db.service"),
            unit("memcached@a-b.service")
        );
        assert_eq!(of("0::/user.slice/user-0.slice/session-3.scope"), unit("session-3.scope"));
        assert_eq!(of("5:pids:/x\n1:name=systemd:/system.slice/memcached.service\n0::/"), unit("memcached.service"));
        assert_eq!(
            of("0::/lxc.payload.web/system.slice/memcached.service"),
            (Some((Runtime::Lxc, "web".to_owned())), Some("memcached.service".to_owned()))
        );
        // A unit around a container says nothing about the process.
        assert_eq!(
            of(&format!("0::/system.slice/docker.service/docker/{ID}")),
            (Some((Runtime::Docker, ID.to_owned())), None)
        );
    }

    #[test]
    fn neither_container_nor_unit() {
        for text in
            ["", "0::/", "0::/init.scope", "nonsense", "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/x.slice"]
        {
            assert_eq!(parse(text).container, None, "{text}");
        }
        assert_eq!(parse("4:memory:/grown/by-hand\n1:name=systemd:/\n0::/").cgroup.as_deref(), Some("/grown/by-hand"));
        // Podman's monitor runs outside the container.
        assert_eq!(of(&format!("0::/machine.slice/libpod-conmon-{ID}.scope")).0, None);
        assert_eq!(unescape("a\\x"), "a\\x");
        assert_eq!(unescape("a\\x1b\\xe4"), "a\\x1b\\xe4");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = parse(&text);
        }
    }
}
