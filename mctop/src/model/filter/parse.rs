//! Recursive descent over the filter language, in bounded depth.

use super::{FilterError, Node, Operator, column, column_names};
use crate::model::pattern::{glob, regex};

/// Deepest nesting of parentheses and negations.
const DEPTH_MAX: usize = 64;

/// Parses a whole filter.
pub fn parse(source: &str) -> Result<Node, FilterError> {
    let mut parser = Parser { source, position: 0 };
    let node = parser.any(0)?;
    parser.space();
    match parser.rest().chars().next() {
        None => Ok(node),
        Some(c) => Err(parser.error(format!("there is a {c:?} too many"))),
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
        FilterError { position: self.position, message: message.into() }
    }

    fn space(&mut self) {
        self.position = self.source.len() - self.rest().trim_start().len();
    }

    /// Takes a symbol.
    fn symbol(&mut self, symbol: &str) -> bool {
        self.space();
        let taken = self.rest().starts_with(symbol);
        if taken {
            self.position += symbol.len();
        }
        taken
    }

    /// Takes a word of the language, where it stands alone.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.space();
        let behind = self.rest().strip_prefix(keyword);
        let taken = behind.is_some_and(|behind| behind.chars().next().is_none_or(|c| c.is_whitespace() || c == '('));
        if taken {
            self.position += keyword.len();
        }
        taken
    }

    fn any(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all(depth)?];
        while self.symbol("||") || self.keyword("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(only_or(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.not(depth)?];
        loop {
            let joined = self.symbol("&&") || self.keyword("and");
            self.space();
            let ends = self.rest().is_empty() || self.rest().starts_with([')', '|']) || self.at_or();
            if ends && !joined {
                return Ok(only_or(nodes, Node::All));
            }
            nodes.push(self.not(depth)?);
        }
    }

    fn at_or(&self) -> bool {
        Parser { ..*self }.keyword("or")
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
            return if self.symbol(")") { Ok(node) } else { Err(self.error("a closing ) is missing")) };
        }
        self.space();
        match self.rest().chars().next() {
            None => Err(self.error("expected a pattern or a comparison, such as product: or hit<50")),
            Some('/') => self.regex(),
            Some('"') => self.quoted(),
            Some(')' | '|') => Err(self.error("expected a pattern or a comparison before this")),
            Some(_) => self.word(),
        }
    }

    /// What stands between two of a delimiter, which a backslash protects; the text keeps other backslashes.
    fn delimited(&mut self, delimiter: char) -> Result<(usize, String), FilterError> {
        let begin = self.position + 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = characters.next() {
            match c {
                c if c == delimiter => {
                    self.position += offset + c.len_utf8();
                    return Ok((begin, text));
                }
                '\\' => match characters.next() {
                    Some((_, protected)) if protected == delimiter => text.push(protected),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.error(format!("the closing {delimiter} is missing")))
    }

    fn regex(&mut self) -> Result<Node, FilterError> {
        let (begin, source) = self.delimited('/')?;
        regex(&source).map(Node::Matches).map_err(|message| FilterError { position: begin, message })
    }

    fn quoted(&mut self) -> Result<Node, FilterError> {
        let (_, text) = self.delimited('"')?;
        Ok(Node::Contains(text.into_bytes()))
    }

    fn word(&mut self) -> Result<Node, FilterError> {
        let begin = self.position;
        let length = self.rest().find(|c: char| c.is_whitespace() || "()".contains(c)).unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        if let Some(at) = word.find(['<', '>', '=']) {
            return self.comparison(word, at);
        }
        self.position += length;
        if word.contains(['*', '?']) {
            return glob(word).map(Node::Matches).map_err(|message| FilterError { position: begin, message });
        }
        Ok(Node::Contains(word.as_bytes().to_vec()))
    }

    fn comparison(&mut self, word: &str, at: usize) -> Result<Node, FilterError> {
        let at = if word[..at].ends_with('!') { at - 1 } else { at };
        let (name, rest) = word.split_at(at);
        let Some(column) = column(name) else {
            return Err(self.error(format!(
                "{name:?} is not a column that can be compared; these are: {}. Text with < > = goes in quotes",
                column_names()
            )));
        };
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("!=", Operator::NotEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
        ];
        let Some((symbol, operator)) = operators.into_iter().find(|(symbol, _)| rest.starts_with(symbol)) else {
            return Err(self.error("expected one of < <= > >= = != behind the column"));
        };
        self.position += at + symbol.len();
        let text = &rest[symbol.len()..];
        let value = number(text).ok_or_else(|| {
            self.error(format!("{text:?} is not a value; expected a number such as 50, 1.5M, 20%, 30s, 2h, or never"))
        })?;
        self.position += text.len();
        Ok(Node::Compare(column, operator, value))
    }
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

/// A number with an SI prefix, a percent sign or a unit of time. A small m is minutes: there is no millicall.
fn number(text: &str) -> Option<f64> {
    if text == "never" {
        return Some(f64::INFINITY);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "%" | "s" | "B" => 1.0,
        "k" | "K" | "kB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * factor).filter(|number| number.is_finite())
}
