//! The modules of a crate, and which of them use each other, read from the source text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::{mem, slice};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path of modules from the root of the crate, which is empty.
pub type ModulePath = Vec<String>;

/// What the code of one module names, without its tests.
#[derive(Default)]
pub struct Module {
    children: Vec<String>,
    /// Paths as written.
    uses: Vec<Vec<String>>,
    /// Paths by the names under which `pub use` re-exports them.
    exports: BTreeMap<String, Vec<String>>,
}

/// The modules of a crate that are compiled without tests.
pub struct Crate(BTreeMap<ModulePath, Module>);

impl Crate {
    /// Reads a crate from the directory with its `lib.rs`, `main.rs` or both.
    pub fn read(directory: &Path) -> Self {
        Self::from_text(|path| {
            let base = directory.join(path.join("/"));
            let files = if path.is_empty() {
                [base.join("lib.rs"), base.join("main.rs")]
            } else {
                [base.with_extension("rs"), base.join("mod.rs")]
            };
            files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
        })
    }

    /// Reads a crate whose modules have these texts.
    pub fn from_text(text_of: impl Fn(&[String]) -> String) -> Self {
        let mut modules = BTreeMap::new();
        let mut pending = vec![ModulePath::new()];
        while let Some(path) = pending.pop() {
            let mut module = Module::default();
            module.read(text_of(&path).parse().unwrap());
            pending.extend(module.children.iter().map(|child| [path.as_slice(), slice::from_ref(child)].concat()));
            modules.insert(path, module);
        }
        Self(modules)
    }

    /// Each use of an item, or of a whole module, by another module: who uses it, the module that declares it, its name.
    pub fn uses(&self) -> impl Iterator<Item = (&ModulePath, ModulePath, Option<String>)> {
        let all = self.0.iter().flat_map(|(user, module)| module.uses.iter().map(move |used| (user, used)));
        all.filter_map(|(user, used)| {
            let (declaring, item) = self.resolve(user, used)?;
            (declaring != *user).then_some((user, declaring, item))
        })
    }

    /// The module that declares what a path names inside of a module; `None` for other crates.
    fn resolve(&self, within: &[String], path: &[String]) -> Option<(ModulePath, Option<String>)> {
        let mut module = within.to_vec();
        let mut rest = path;
        while let [first, after @ ..] = rest {
            match first.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => drop(module.pop()),
                name if self.0[&module].children.iter().any(|child| child == name) => module.push(name.to_owned()),
                name => {
                    if let Some(target) = self.0[&module].exports.get(name).filter(|_| rest.len() < path.len()) {
                        return self.resolve(&module, target);
                    }
                    break;
                }
            }
            rest = after;
        }
        (rest.len() < path.len()).then(|| (module, rest.first().cloned()))
    }

    /// The circles in each folder below `root`, as `root/folder: module, module`. The folder's own file is called `self`.
    pub fn circles(&self, root: &str) -> Vec<String> {
        let mut folders: BTreeMap<&[String], BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
        for (user, used, item) in self.uses() {
            let common = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            let from = user.get(common).map_or("self", String::as_str);
            let to = used.get(common).map_or("self", String::as_str);
            // Types, traits and constants, which a module declares for its children to build on.
            let is_vocabulary = to == "self" && item.is_some_and(|name| name.starts_with(char::is_uppercase));
            if !is_vocabulary {
                folders.entry(&user[..common]).or_default().entry(from).or_default().insert(to.to_owned());
            }
        }
        let circles = folders.iter().flat_map(|(folder, edges)| {
            let folder = [&[root.to_owned()], *folder].concat().join("/");
            strongly_connected(edges).into_iter().map(move |circle| format!("{folder}: {}", circle.join(", ")))
        });
        circles.collect()
    }
}

/// The sets of two or more nodes that can all reach each other.
fn strongly_connected<'a>(edges: &'a BTreeMap<&'a str, BTreeSet<String>>) -> BTreeSet<Vec<&'a str>> {
    let reachable = |start: &'a str| {
        let mut seen = BTreeSet::new();
        let mut pending = vec![start];
        while let Some(node) = pending.pop() {
            let next = edges.get(node).into_iter().flatten().map(String::as_str);
            pending.extend(next.filter(|&next| seen.insert(next)));
        }
        seen
    };
    let reach: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|&node| (node, reachable(node))).collect();
    let circle = |(&node, reached): (&&'a str, &BTreeSet<&'a str>)| -> Vec<&'a str> {
        reached.iter().copied().filter(|other| reach.get(other).is_some_and(|back| back.contains(node))).collect()
    };
    reach.iter().map(circle).filter(|circle| circle.len() > 1).collect()
}

impl Module {
    fn read(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut tokens = tokens.as_slice();
        let mut is_public = false;
        while let [first, rest @ ..] = tokens {
            let was_public = mem::take(&mut is_public);
            match (first, rest) {
                (TokenTree::Group(attribute), _) if attribute.to_string() == "[cfg (test)]" => {
                    tokens = after_item(rest);
                    continue;
                }
                (TokenTree::Group(group), _) => {
                    self.read(group.stream());
                    // `pub(crate)` is public.
                    is_public = was_public && group.delimiter() == Delimiter::Parenthesis;
                }
                (TokenTree::Ident(word), _) if word == "pub" => is_public = true,
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Punct(_), ..]) if word == "mod" => {
                    self.children.push(name.to_string());
                }
                (TokenTree::Ident(word), [TokenTree::Ident(_), TokenTree::Group(body), after @ ..])
                    if word == "mod" =>
                {
                    // Code in braces belongs to this file, which it calls `super`.
                    let outside = self.uses.len();
                    self.read(body.stream());
                    for path in &mut self.uses[outside..] {
                        path.splice(..1, (path[0] != "super").then(|| path[0].clone()));
                    }
                    tokens = after;
                    continue;
                }
                (TokenTree::Ident(word), _) if word == "use" => {
                    for (name, path) in use_tree(&[], rest) {
                        if was_public {
                            self.exports.insert(name, path);
                        } else {
                            self.uses.push(path);
                        }
                    }
                    tokens = after_item(rest);
                    continue;
                }
                (TokenTree::Ident(_), _) => {
                    let path = path_at(tokens);
                    // Between two words stand two colons.
                    tokens = &tokens[3 * path.len() - 2..];
                    if path.len() > 1 {
                        self.uses.push(path);
                    }
                    continue;
                }
                _ => {}
            }
            tokens = rest;
        }
    }
}

/// What follows the item at the start of `tokens`.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(body) => body.delimiter() == Delimiter::Brace,
        _ => false,
    };
    tokens.iter().position(is_end).map_or(&[], |end| &tokens[end + 1..])
}

/// The words of the path at the start of `tokens`: `a::b::c`.
fn path_at(tokens: &[TokenTree]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(word), after @ ..] = rest {
        path.push(word.to_string());
        let [TokenTree::Punct(first), TokenTree::Punct(second), after @ ..] = after else { break };
        if first.as_char() != ':' || second.as_char() != ':' {
            break;
        }
        rest = after;
    }
    path
}

/// The names that a `use` declaration brings into scope, with their paths; `tokens` follow `use` or a prefix of the path.
fn use_tree(prefix: &[String], tokens: &[TokenTree]) -> Vec<(String, Vec<String>)> {
    let mut path = prefix.to_vec();
    for token in tokens {
        match token {
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Punct(mark) if mark.as_char() == ';' => break,
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            TokenTree::Group(group) => {
                let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
                return tokens.split(is_comma).flat_map(|tree| use_tree(&path, tree)).collect();
            }
        }
    }
    let alias = path.iter().position(|word| word == "as").map(|at| path.split_off(at).swap_remove(1));
    if path.len() > 1 {
        path.pop_if(|last| last == "self");
    }
    path.last().cloned().map(|last| (alias.unwrap_or(last), path)).into_iter().collect()
}
