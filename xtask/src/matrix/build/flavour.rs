//! The compilers and options that memcached is built with in practice.

/// Which compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// GNU.
    Gcc,
    /// LLVM.
    Clang,
    /// GNU, with musl instead of glibc.
    Musl,
}

/// A compiler and its options.
#[derive(Debug)]
pub struct Flavour {
    /// A short name, which is also part of file names.
    pub name: &'static str,
    /// The compiler.
    pub family: Family,
    /// Compiler options.
    pub cflags: &'static str,
    /// Linker options.
    pub ldflags: &'static str,
    /// Which versions it is built of.
    pub scope: Scope,
}

/// Which versions a flavour is built of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every version whose source is available.
    Every,
    /// The two [`MAIN_VERSIONS`].
    Main,
    /// [`SINGLE_VERSION`].
    Single,
    /// The newest.
    Newest,
    /// [`SINGLE_VERSION`], as a negative control.
    Control,
}

/// The versions that every flavour is built of.
pub const MAIN_VERSIONS: [&str; 2] = ["1.6.18", "1.6.38"];

/// The version of flavours that are built once.
pub const SINGLE_VERSION: &str = "1.6.18";

const fn flavour(name: &'static str, family: Family, cflags: &'static str, scope: Scope) -> Flavour {
    Flavour { name, family, cflags, ldflags: "", scope }
}

/// All flavours. Debug information, which is also memcached's default, changes no code.
pub const FLAVOURS: [Flavour; 15] = [
    flavour("gcc-O2", Family::Gcc, "-g -O2", Scope::Every),
    flavour("gcc-O3", Family::Gcc, "-g -O3", Scope::Main),
    flavour("gcc-Os", Family::Gcc, "-g -Os", Scope::Main),
    flavour("gcc-lto", Family::Gcc, "-g -O2 -flto=auto", Scope::Every),
    flavour("gcc-cet", Family::Gcc, "-g -O2 -fcf-protection", Scope::Main),
    Flavour { ldflags: "-no-pie", ..flavour("gcc-nopie", Family::Gcc, "-g -O2 -fno-pie", Scope::Main) },
    Flavour { ldflags: "-static", ..flavour("gcc-static", Family::Gcc, "-g -O2", Scope::Main) },
    // The options of Ubuntu's and Fedora's packages.
    Flavour {
        ldflags: "-Wl,-z,relro -Wl,-z,now",
        ..flavour(
            "gcc-hardened",
            Family::Gcc,
            "-g -O2 -flto=auto -fexceptions -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection \
             -fcf-protection -D_FORTIFY_SOURCE=2",
            Scope::Every,
        )
    },
    // The lowest optimisation, which inlines differently.
    flavour("gcc-O1", Family::Gcc, "-g -O1", Scope::Main),
    // As in Alpine, but static, because other systems lack its libraries.
    Flavour { ldflags: "-static", ..flavour("musl-static", Family::Musl, "-g -O2", Scope::Newest) },
    flavour("clang-O2", Family::Clang, "-g -O2", Scope::Every),
    flavour("clang-O3", Family::Clang, "-g -O3", Scope::Main),
    // The smallest code, which sets up arguments differently.
    flavour("clang-Oz", Family::Clang, "-g -Oz", Scope::Newest),
    // Without optimisation, where the exact site is not found: for the other kinds of site.
    flavour("gcc-O0", Family::Gcc, "-g -O0", Scope::Single),
    flavour("gcc-nounwind", Family::Gcc, "-O2 -fno-asynchronous-unwind-tables -fno-unwind-tables", Scope::Control),
];

/// Those of the reduced matrix, of [`SINGLE_VERSION`].
pub const REDUCED: [&str; 4] = ["gcc-lto", "gcc-O3", "clang-O2", "gcc-nounwind"];

impl Flavour {
    /// Whether it is built of a version; `newest` if there is no newer one.
    #[must_use]
    pub fn covers(&self, version: &str, newest: bool) -> bool {
        match self.scope {
            Scope::Every => true,
            Scope::Main => MAIN_VERSIONS.contains(&version),
            Scope::Newest => newest,
            Scope::Single | Scope::Control => version == SINGLE_VERSION,
        }
    }

    /// Its options on one line, as a user would give them.
    #[must_use]
    pub fn flags(&self) -> String {
        [self.cflags, self.ldflags].join(" ").trim_end().to_owned()
    }
}
