//! Recursive descent over the filter language, in bounded depth.

use super::{Figure, FilterError, Node, Operator};
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
        self.error_at(self.position, message)
    }

    fn error_at(&self, position: usize, message: impl Into<String>) -> FilterError {
        let before = self.source.get(..position).unwrap_or(self.source);
        FilterError { position, character: before.chars().count() + 1, message: message.into() }
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
            let ends = self.rest().is_empty() || self.rest().starts_with([')', '|']) || self.at_or();
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
        regex(&source).map(Node::Matches).map_err(|message| self.error_at(begin, message))
    }

    fn quoted(&mut self) -> Result<Node, FilterError> {
        let (_, text) = self.delimited('"')?;
        Ok(Node::Contains(text.into_bytes()))
    }

    /// What stands until a space, a parenthesis or a symbol of the language. It is not taken.
    fn ahead(&self) -> &'a str {
        let rest = self.rest();
        let ends = |(at, c): (usize, char)| {
            let behind = rest.get(at..).unwrap_or_default();
            (c.is_whitespace() || "()".contains(c) || behind.starts_with("&&") || behind.starts_with("||"))
                .then_some(at)
        };
        let length = rest.char_indices().find_map(ends).unwrap_or(rest.len());
        rest.get(..length).unwrap_or(rest)
    }

    fn word(&mut self) -> Result<Node, FilterError> {
        let begin = self.position;
        let word = self.ahead();
        if let Some(at) = word.find(['<', '>', '=']) {
            let name = word.get(..at).unwrap_or_default();
            return self.comparison(name.strip_suffix('!').unwrap_or(name));
        }
        let behind = self.rest().get(word.len()..).unwrap_or_default().trim_start();
        if behind.starts_with(['<', '>', '=']) || behind.starts_with("!=") {
            return self.comparison(word);
        }
        self.position += word.len();
        if word.contains(['*', '?']) {
            return glob(word).map(Node::Matches).map_err(|message| self.error_at(begin, message));
        }
        Ok(Node::Contains(word.as_bytes().to_vec()))
    }

    /// A comparison of what the name at hand stands for; spaces may surround the operator.
    fn comparison(&mut self, name: &str) -> Result<Node, FilterError> {
        let Some(figure) = Figure::by_name(name) else {
            return Err(self.error(format!(
                "{name:?} is not a column that can be compared; these are: {}. Text with < > = goes in quotes",
                Figure::names()
            )));
        };
        self.position += name.len();
        self.space();
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("!=", Operator::NotEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
        ];
        let Some((_, operator)) = operators.into_iter().find(|(symbol, _)| self.symbol(symbol)) else {
            return Err(self.error("expected one of < <= > >= = != behind the column"));
        };
        self.space();
        let text = self.ahead();
        let value = figure
            .value(text)
            .map_err(|expected| self.error(format!("{text:?} is not a value of {name}; expected {expected}")))?;
        self.position += text.len();
        Ok(Node::Compare(figure, operator, value))
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
