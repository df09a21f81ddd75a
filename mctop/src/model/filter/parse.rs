//! Recursive descent over the filter language, in bounded depth.

use super::{CUTS, Figure, FilterError, Node, Operator};
use crate::model::column::Column;
use crate::model::key::{as_escaped, unescaped};
use crate::model::pattern::{glob, regex, regex_of_any_case};

/// Deepest nesting of parentheses and negations.
const DEPTH_MAX: usize = 64;

/// The advice for text that was taken for something else.
const QUOTE: &str = "text goes in double quotes";

/// The comparison operators, the longer ones first.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

/// Characters that are common in regular expressions and rare in paths.
const REGEX_CHARACTERS: &[char] = &['^', '$', '[', ']', '(', ')', '{', '}', '|', '+', '\\'];

/// Parses a whole filter.
pub(super) fn parse(source: &str) -> Result<Node, FilterError> {
    let mut parser = Parser { source, position: 0 };
    let node = parser.any(0)?;
    parser.space();
    match parser.rest().chars().next() {
        None => Ok(node),
        Some(c) => Err(parser.error(format!("unexpected {c}; {QUOTE}"))),
    }
}

struct Parser<'a> {
    source: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        self.error_at(self.position, message)
    }

    fn error_at(&self, position: usize, message: impl Into<String>) -> FilterError {
        let before = self.source.get(..position).unwrap_or(self.source);
        FilterError { position, character: before.chars().count() + 1, message: message.into() }
    }

    fn space(&mut self) {
        self.position = self.source.len() - self.rest().trim_start().len();
    }

    /// Consumes a symbol, if it is next.
    fn symbol(&mut self, symbol: &str) -> bool {
        self.space();
        let taken = self.rest().starts_with(symbol);
        if taken {
            self.position += symbol.len();
        }
        taken
    }

    /// Consumes a keyword, if it is next and a word of its own.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.space();
        let after = self.rest().strip_prefix(keyword);
        let taken = after.is_some_and(|after| after.chars().next().is_none_or(|c| c.is_whitespace() || c == '('));
        if taken {
            self.position += keyword.len();
        }
        taken
    }

    fn any(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all(depth)?];
        while self.symbol("||") || self.keyword("or") || self.keyword("OR") {
            nodes.push(self.all(depth)?);
        }
        Ok(only_or(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.not(depth)?];
        loop {
            let joined = self.symbol("&&") || self.keyword("and") || self.keyword("AND");
            self.space();
            let rest = self.rest();
            let ends = rest.is_empty() || rest.starts_with(')') || rest.starts_with("||") || self.at_or();
            if ends && !joined {
                return Ok(only_or(nodes, Node::All));
            }
            nodes.push(self.not(depth)?);
        }
    }

    fn at_or(&self) -> bool {
        let mut ahead = Parser { ..*self };
        ahead.keyword("or") || ahead.keyword("OR")
    }

    fn not(&mut self, depth: usize) -> Result<Node, FilterError> {
        if depth >= DEPTH_MAX {
            return Err(self.error(format!("more than {DEPTH_MAX} levels are nested")));
        }
        if self.symbol("!") {
            return Ok(Node::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.symbol("(") {
            let node = self.any(depth + 1)?;
            return match self.symbol(")") {
                true => Ok(node),
                false => Err(self.error(format!("a closing ) is missing; {QUOTE}"))),
            };
        }
        self.space();
        match self.rest().chars().next() {
            None => {
                let advice = if self.source.trim().is_empty() { String::new() } else { format!("; {QUOTE}") };
                Err(self.error(format!("expected a pattern or a comparison, such as product: or hit<50{advice}")))
            }
            Some('/') => self.regex_or_path(),
            Some('"') => self.quoted(),
            Some('|') if !self.rest().starts_with("||") => {
                Err(self.error(format!("use the word or instead of | between alternatives; {QUOTE}")))
            }
            Some(')' | '|') => Err(self.error(format!("expected a pattern or a comparison before this; {QUOTE}"))),
            Some(_) => self.word(),
        }
    }

    /// The text between two delimiters, and where it starts. A backslash escapes the delimiter; other backslashes are kept.
    fn delimited(&mut self, delimiter: char) -> Result<(usize, String), FilterError> {
        let start = self.position + 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = characters.next() {
            match c {
                c if c == delimiter => {
                    self.position += offset + c.len_utf8();
                    return Ok((start, text));
                }
                '\\' => match characters.next() {
                    Some((_, protected)) if protected == delimiter => text.push(protected),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.error(format!("the closing {delimiter} is missing; write \\{delimiter} for a {delimiter} inside")))
    }

    /// A regular expression; or text that starts with a slash, as paths do, if there is no second slash or more text follows it.
    fn regex_or_path(&mut self) -> Result<Node, FilterError> {
        let slash = self.position;
        let delimited = self.delimited('/');
        if let Ok((start, source)) = &delimited {
            let any_case = self.rest().strip_prefix('i').is_some_and(is_end_of_pattern);
            if any_case || is_end_of_pattern(self.rest()) {
                self.position += usize::from(any_case);
                let regex = if any_case { regex_of_any_case(source) } else { regex(source) };
                return regex.map(Node::Matches).map_err(|message| self.error_at(*start, message));
            }
        }
        self.position = slash;
        let word = self.ahead();
        if word.contains(REGEX_CHARACTERS) || self.after(word).starts_with('(') {
            let inside = delimited.map(|_| self.error("write \\/ for a / inside a regular expression"));
            let FilterError { message, .. } = inside.unwrap_or_else(|error| error);
            return Err(self.error(format!("{message}; {QUOTE}")));
        }
        self.text(word)
    }

    fn quoted(&mut self) -> Result<Node, FilterError> {
        let (_, text) = self.delimited('"')?;
        Ok(contains(&text))
    }

    /// The text up to the next space, parenthesis or operator of the language. It is not consumed.
    fn ahead(&self) -> &'a str {
        let rest = self.rest();
        let mut end = 0;
        loop {
            let after = rest.get(end..).unwrap_or_default();
            let Some(c) = after.chars().next().filter(|_| !is_end_of_word(after)) else { break };
            end += match c {
                '(' if end == 0 => break,
                '(' => match parenthesised(after) {
                    Some(length) => length,
                    None => break,
                },
                c => c.len_utf8(),
            };
        }
        rest.get(..end).unwrap_or(rest)
    }

    fn word(&mut self) -> Result<Node, FilterError> {
        let word = self.ahead();
        // Spaces may surround the operator.
        let name = match word.find(['<', '>', '=']) {
            Some(at) => word.get(..at).map(|name| name.strip_suffix('!').unwrap_or(name)),
            None => Some(word).filter(|_| operator(self.after(word).trim_start()).is_some()),
        };
        match name {
            Some(name) if Figure::by_name(name).is_some() => self.comparison(name),
            Some(name) => match mistake(name, self.after(name).trim_start()) {
                Some(message) => Err(self.error(message)),
                None => self.text(word),
            },
            None => self.text(word),
        }
    }

    /// What follows a text that is next.
    fn after(&self, text: &str) -> &'a str {
        self.rest().get(text.len()..).unwrap_or_default()
    }

    /// Consumes a word that is not a comparison.
    fn text(&mut self, word: &str) -> Result<Node, FilterError> {
        let start = self.position;
        self.position += word.len();
        if !word.contains(['*', '?']) {
            return Ok(contains(word));
        }
        let glob = |shown| glob(word, shown).map(Node::Matches).map_err(|message| self.error_at(start, message));
        let mut nodes = vec![glob(false)?];
        if unescaped(word).is_some() {
            nodes.push(glob(true)?);
        }
        Ok(only_or(nodes, Node::Any))
    }

    /// Consumes a comparison with the figure whose name is next.
    fn comparison(&mut self, name: &str) -> Result<Node, FilterError> {
        let Some(figure) = Figure::by_name(name) else { return Err(self.error(not_a_column(name))) };
        self.position += name.len();
        self.space();
        let Some((symbol, operator)) = operator(self.rest()) else {
            return Err(self.error("expected one of < <= > >= = != after the column"));
        };
        self.position += symbol.len();
        self.space();
        let text = self.ahead();
        let text = text.split(['(', ')']).next().unwrap_or(text);
        let value = figure.value(text).map_err(|expected| {
            let advice = if text.starts_with(|c: char| c.is_ascii_digit()) || text.is_empty() {
                String::new()
            } else {
                format!("; {QUOTE}")
            };
            self.error(format!("{text:?} is not a value of {name}; expected {expected}{advice}"))
        })?;
        self.position += text.len();
        Ok(Node::Compare(figure, operator, value))
    }
}

/// Matches keys that contain a text, as written or as shown.
fn contains(text: &str) -> Node {
    let mut nodes = vec![Node::Contains(text.as_bytes().to_vec())];
    nodes.extend(unescaped(text).map(Node::Contains));
    let may_be_cut = CUTS.iter().any(|(ellipsis, _)| text.contains(ellipsis));
    nodes.extend(may_be_cut.then(|| Node::Cut(as_escaped(text))));
    only_or(nodes, Node::Any)
}

/// The comparison operator that a text starts with. Symbols such as `=>` and `==` start with one, too.
fn operator(text: &str) -> Option<(&'static str, Operator)> {
    OPERATORS.into_iter().find(|(symbol, _)| text.starts_with(symbol))
}

/// What is wrong with a word that was more likely meant as a comparison than as text. `name` is not a figure, and `rest` follows it.
fn mistake(name: &str, rest: &str) -> Option<String> {
    let (symbol, operator) = operator(rest)?;
    let value = rest.get(symbol.len()..)?;
    if value.starts_with(['<', '>', '=', '~']) || !name.chars().all(|c| c.is_ascii_alphabetic() || "-/%".contains(c)) {
        return None;
    }
    if Column::by_name(name) == Some(Column::Key) {
        return Some(format!("the key is matched by text, a glob or /regex/ without {name}{symbol}; {QUOTE}"));
    }
    let value = value.trim_start();
    let is_number = value.strip_prefix('.').unwrap_or(value).starts_with(|c: char| c.is_ascii_digit());
    let is_mistake = is_number && (operator != Operator::Equal || Figure::closest(name).is_some());
    is_mistake.then(|| not_a_column(name))
}

fn not_a_column(name: &str) -> String {
    match Figure::closest(name) {
        Some(known) => format!("{name:?} is not a column; did you mean {known}? Otherwise {QUOTE}"),
        None => format!("{name:?} is not a column; {QUOTE}. The columns: {}", Figure::names()),
    }
}

/// Whether a word ends where this text begins.
fn is_end_of_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_whitespace() || c == ')') || text.starts_with("&&") || text.starts_with("||")
}

/// Whether a pattern ends where this text begins.
fn is_end_of_pattern(text: &str) -> bool {
    text.is_empty() || is_end_of_word(text)
}

/// Length of the parentheses that a text starts with, if they close before the word ends.
fn parenthesised(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        let after = text.get(at..).unwrap_or_default();
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth -= 1,
            _ if is_end_of_word(after) => return None,
            _ => {}
        }
    }
    None
}

fn only_or(mut nodes: Vec<Node>, several: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(node) if nodes.is_empty() => node,
        last => {
            nodes.extend(last);
            several(nodes)
        }
    }
}
