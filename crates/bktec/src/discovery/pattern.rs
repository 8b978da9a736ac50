//! Glob patterns of test file names.
//!
//! `?` matches one character and `*` any number, but not `/`; `**` also matches `/`, and `**/` at
//! the start of a component matches any number of directories, including none; `{a,b*,c/**}` are
//! alternatives, which may be empty and nested; `[abc]` and `[^abc]` never match `/`; `\` escapes;
//! `~` at the start is the home directory. Braces are expanded first, so that each alternative has
//! a literal root, components that limit the walk, and a literal ending. Then all alternatives are
//! compiled to one regular expression.

use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

/// Nested and adjacent braces multiply. Real patterns have about ten alternatives.
const MAX_ALTERNATIVES: usize = 4096;

/// Nested braces are parsed by recursion.
const MAX_BRACE_DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern {pattern:?}: {reason}")]
pub struct PatternError {
    pub pattern: String,
    /// Positions in it are in characters, from 1.
    pub reason: String,
}

#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    alternatives: Vec<Alternative>,
    /// Every file name that matches ends with one of these; empty when unknown.
    endings: Vec<Vec<u8>>,
}

/// A pattern without braces, for the walk.
#[derive(Clone, Debug)]
pub(super) struct Alternative {
    /// The literal directories that the pattern starts with, including the last slash; may be
    /// empty.
    pub(super) root: String,
    /// The components below the root, up to the first `**`.
    components: Vec<Component>,
    any_depth: bool,
}

#[derive(Clone, Debug)]
enum Component {
    Literal(Vec<u8>),
    Wild(Regex),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Token(Token),
    Choice(Vec<Vec<Self>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Run,
    DeepRun,
    /// `**/` at the start of a component: any number of directories, including none.
    Directories,
    /// A regular expression.
    Class(String),
}

impl Pattern {
    /// `home` is the value of `~`.
    pub fn parse(text: &str, home: Option<&Path>) -> Result<Self, PatternError> {
        Self::parse_inner(text, home).map_err(|reason| PatternError {
            pattern: text.to_owned(),
            reason,
        })
    }

    /// Like [`Self::parse`], but a leading `./` and trailing `/` are ignored.
    pub fn parse_exclude(text: &str, home: Option<&Path>) -> Result<Self, PatternError> {
        let bare = text.strip_prefix("./").unwrap_or(text);
        let bare = bare.trim_end_matches('/');
        Self::parse(if bare.is_empty() { text } else { bare }, home)
    }

    pub fn is_match(&self, path: &[u8]) -> bool {
        self.regex.is_match(path)
    }

    /// Whether a file of this name could match, by its ending: a fast pre-filter.
    pub(super) fn may_end(&self, name: &[u8]) -> bool {
        self.endings.is_empty() || self.endings.iter().any(|ending| name.ends_with(ending))
    }

    pub(super) fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    fn parse_inner(text: &str, home: Option<&Path>) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let (mut nodes, rest) = with_home(text, home)?;
        let skipped = text.chars().count() - rest.chars().count();
        let mut parser = Parser {
            characters: rest.chars().collect(),
            at: 0,
            skipped,
        };
        nodes.extend(parser.sequence(0)?);
        let mut flat = vec![Vec::new()];
        expand(&nodes, &mut flat)?;
        for tokens in &mut flat {
            join_directories(tokens);
        }
        flat.dedup();
        let source: Vec<String> = flat.iter().map(|tokens| regex_source(tokens)).collect();
        let mut endings: Vec<Vec<u8>> = flat.iter().map(|tokens| ending(tokens)).collect();
        endings.sort_unstable();
        endings.dedup();
        if endings.iter().any(Vec::is_empty) {
            endings.clear();
        }
        Ok(Self {
            regex: compile(&source.join("|"))?,
            alternatives: flat
                .iter()
                .map(|tokens| Alternative::of(tokens))
                .collect::<Result<_, _>>()?,
            endings,
        })
    }
}

impl Alternative {
    fn of(tokens: &[Token]) -> Result<Self, String> {
        let components: Vec<&[Token]> = tokens.split(|token| *token == Token::Char('/')).collect();
        // The last component matches files, never a directory.
        let directories = &components[..components.len() - 1];
        let literal = directories.iter().map_while(|component| literal(component));
        let literal: Vec<String> = literal.map(|directory| directory + "/").collect();
        let components = &components[literal.len()..];
        let is_deep = |token: &Token| matches!(token, Token::DeepRun | Token::Directories);
        let shallow = components
            .iter()
            .take_while(|component| !component.iter().any(is_deep));
        let shallow = shallow.map(|component| Component::of(component));
        let shallow: Vec<Component> = shallow.collect::<Result<_, _>>()?;
        Ok(Self {
            root: literal.concat(),
            any_depth: shallow.len() < components.len(),
            components: shallow,
        })
    }

    /// Whether anything in a directory of this name can match. The entries of the root have depth
    /// 0.
    pub(super) fn enters(&self, depth: usize, name: &[u8]) -> bool {
        match self.components.get(depth) {
            Some(component) => {
                let is_last = depth + 1 == self.components.len();
                (self.any_depth || !is_last) && component.is_match(name)
            }
            None => self.any_depth,
        }
    }
}

impl Component {
    fn of(tokens: &[Token]) -> Result<Self, String> {
        match literal(tokens) {
            Some(text) => Ok(Self::Literal(text.into_bytes())),
            None => compile(&regex_source(tokens)).map(Self::Wild),
        }
    }

    fn is_match(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Wild(regex) => regex.is_match(name),
        }
    }
}

fn literal(tokens: &[Token]) -> Option<String> {
    let characters = tokens.iter().map(|token| match token {
        Token::Char(character) => Some(*character),
        _ => None,
    });
    characters.collect()
}

fn with_home<'t>(text: &'t str, home: Option<&Path>) -> Result<(Vec<Node>, &'t str), String> {
    let Some(rest) = text
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    else {
        return Ok((Vec::new(), text));
    };
    let home = home
        .and_then(Path::to_str)
        .ok_or("`~` is the home directory, which is unknown")?;
    let nodes = home
        .trim_end_matches('/')
        .chars()
        .map(|character| Node::Token(Token::Char(character)));
    Ok((nodes.collect(), rest))
}

struct Parser {
    characters: Vec<char>,
    at: usize,
    /// Characters before `characters`.
    skipped: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek();
        self.at += usize::from(character.is_some());
        character
    }

    /// The position of the last character read, from 1.
    fn position(&self) -> usize {
        self.skipped + self.at
    }

    /// Parses up to the end or, inside braces, up to `,` or `}`.
    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        while let Some(character) = self.peek() {
            if depth > 0 && matches!(character, ',' | '}') {
                break;
            }
            self.at += 1;
            nodes.push(match character {
                '?' => Node::Token(Token::One),
                '*' => {
                    let mut run = Token::Run;
                    while self.peek() == Some('*') {
                        self.at += 1;
                        run = Token::DeepRun;
                    }
                    Node::Token(run)
                }
                '[' => Node::Token(Token::Class(self.class()?)),
                '{' => self.choice(depth + 1)?,
                '}' => {
                    return Err(format!(
                        "`}}` at character {} has no `{{` (write `\\}}` for a literal brace)",
                        self.position()
                    ));
                }
                '\\' => match self.next() {
                    Some(escaped) => Node::Token(Token::Char(escaped)),
                    None => return Err("it ends with an unfinished escape `\\`".to_owned()),
                },
                plain => Node::Token(Token::Char(plain)),
            });
        }
        Ok(nodes)
    }

    fn choice(&mut self, depth: usize) -> Result<Node, String> {
        let opened = self.position();
        if depth > MAX_BRACE_DEPTH {
            return Err(format!(
                "braces are nested more than {MAX_BRACE_DEPTH} deep"
            ));
        }
        let mut choices = Vec::new();
        loop {
            choices.push(self.sequence(depth)?);
            match self.next() {
                Some(',') => {}
                Some(_) => return Ok(Node::Choice(choices)),
                None => return Err(format!("`{{` at character {opened} has no `}}`")),
            }
        }
    }

    fn class(&mut self) -> Result<String, String> {
        let opened = self.position();
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut members = String::new();
        while let Some(first) = self.class_member(opened)? {
            push_escaped(&mut members, first);
            let after = self.characters.get(self.at + 1);
            if self.peek() != Some('-') || after.is_none_or(|&after| after == ']') {
                continue;
            }
            self.at += 1;
            let Some(last) = self.class_member(opened)? else {
                break;
            };
            if last < first {
                return Err(format!(
                    "the range `{first}-{last}` at character {} is reversed",
                    self.position()
                ));
            }
            members.push('-');
            push_escaped(&mut members, last);
        }
        if members.is_empty() {
            return Err(format!("the brackets at character {opened} are empty"));
        }
        Ok(if negated {
            format!("[^{members}/]")
        } else {
            format!("[[{members}]--[/]]")
        })
    }

    fn class_member(&mut self, opened: usize) -> Result<Option<char>, String> {
        let member = match self.next() {
            Some(']') => return Ok(None),
            Some('\\') => self.next(),
            other => other,
        };
        let unclosed = || format!("`[` at character {opened} has no `]`");
        member.map(Some).ok_or_else(unclosed)
    }
}

fn push_escaped(source: &mut String, character: char) {
    if !character.is_alphanumeric() && character.is_ascii_graphic() {
        source.push('\\');
    }
    source.push(character);
}

/// Appends every combination of the nodes' alternatives to each sequence in `flat`.
fn expand(nodes: &[Node], flat: &mut Vec<Vec<Token>>) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Token(token) => {
                for tokens in &mut *flat {
                    tokens.push(token.clone());
                }
            }
            Node::Choice(choices) => {
                let before = std::mem::take(flat);
                for choice in choices {
                    let mut with_choice = before.clone();
                    expand(choice, &mut with_choice)?;
                    flat.append(&mut with_choice);
                    if flat.len() > MAX_ALTERNATIVES {
                        return Err(format!(
                            "its braces have more than {MAX_ALTERNATIVES} alternatives"
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Joins each `**/` at the start of a component to one token. Runs after braces are expanded,
/// because the tokens around it may come from different alternatives.
fn join_directories(tokens: &mut Vec<Token>) {
    let old = std::mem::take(tokens);
    let mut rest = old.into_iter().peekable();
    while let Some(token) = rest.next() {
        let starts_component = matches!(
            tokens.last(),
            None | Some(Token::Char('/') | Token::Directories)
        );
        match token {
            Token::DeepRun if starts_component && rest.peek() == Some(&Token::Char('/')) => {
                rest.next();
                tokens.push(Token::Directories);
            }
            // Adjacent runs, from different alternatives, are equivalent to the wider one.
            Token::Run | Token::DeepRun
                if matches!(tokens.last(), Some(Token::Run | Token::DeepRun)) =>
            {
                tokens.pop();
                tokens.push(Token::DeepRun);
            }
            token => tokens.push(token),
        }
    }
}

fn regex_source(tokens: &[Token]) -> String {
    let mut source = String::new();
    for token in tokens {
        match token {
            Token::Char(character) => push_escaped(&mut source, *character),
            Token::One => source.push_str("[^/]"),
            Token::Run => source.push_str("(?-u:[^/])*"),
            Token::DeepRun => source.push_str("(?s-u:.)*"),
            Token::Directories => source.push_str("(?:(?s-u:.)*/)?"),
            Token::Class(class) => source.push_str(class),
        }
    }
    source
}

fn compile(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!(r"\A(?:{source})\z"))
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => other.to_string(),
        })
}

fn ending(tokens: &[Token]) -> Vec<u8> {
    let mut characters: Vec<char> = tokens
        .iter()
        .rev()
        .map_while(|token| match token {
            Token::Char(character) if *character != '/' => Some(*character),
            _ => None,
        })
        .collect();
    characters.reverse();
    characters.into_iter().collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests;
