//! Patterns of test file names.
//!
//! `?` one character, `*` any run, neither across `/`; `**` any run across `/` too, and `**/` at the
//! start of a part also nothing at all; `{a,b*,c/**}` alternatives, which may be empty and nest;
//! `[abc]`, `[^abc]` never `/`; `\` escapes; `~` at the start is the home directory. Braces are
//! multiplied out first, so that where a walk begins, where it can stop and how names end is plain
//! to see; what is left becomes one regular expression.

use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

/// Alternatives multiply. Real patterns have about ten, so this many is a mistake.
const MOST_ALTERNATIVES: usize = 4096;

/// Braces in braces. The pattern is parsed by recursion.
const DEEPEST_BRACES: usize = 32;

/// Why a pattern does not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the pattern {pattern:?}: {reason}")]
pub struct PatternError {
    /// The whole pattern.
    pub pattern: String,
    /// What is wrong with it, and where (in characters, from 1).
    pub reason: String,
}

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    alternatives: Vec<Alternative>,
    /// One of these ends each file name that matches; empty when nothing can be said.
    endings: Vec<Vec<u8>>,
}

/// A pattern without braces, as far as a walk needs to know it.
#[derive(Clone, Debug)]
pub(super) struct Alternative {
    /// The directory where everything that matches lies, as it is written, up to and with its last
    /// slash; may be empty.
    pub(super) root: String,
    /// What the parts below the root must match, up to the first `**`.
    parts: Vec<Part>,
    /// There is a `**`, so what follows may be at any depth.
    any_depth: bool,
}

#[derive(Clone, Debug)]
enum Part {
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
    /// `**/` at the start of a part: any number of directories, also none.
    Directories,
    /// As a regular expression.
    Class(String),
}

impl Pattern {
    /// Reads a pattern. `home` stands for `~`.
    pub fn parse(text: &str, home: Option<&Path>) -> Result<Self, PatternError> {
        Self::parse_inner(text, home).map_err(|reason| PatternError {
            pattern: text.to_owned(),
            reason,
        })
    }

    /// Reads an exclude pattern: `./` in front and `/` at the end make no difference.
    pub fn parse_exclude(text: &str, home: Option<&Path>) -> Result<Self, PatternError> {
        let bare = text
            .strip_prefix("./")
            .unwrap_or(text)
            .trim_end_matches('/');
        Self::parse_inner(if bare.is_empty() { text } else { bare }, home).map_err(|reason| {
            PatternError {
                pattern: text.to_owned(),
                reason,
            }
        })
    }

    /// Whether a path, as it would be written, matches as a whole.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.regex.is_match(path)
    }

    /// Whether a file of this name could match, by how it ends. Quick.
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
        multiply(&nodes, &mut flat)?;
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
        let mut parts: Vec<&[Token]> = tokens.split(|token| *token == Token::Char('/')).collect();
        let deep = |part: &[Token]| {
            part.iter()
                .any(|token| matches!(token, Token::DeepRun | Token::Directories))
        };
        let mut root = String::new();
        // The last part names files, never a directory.
        let literal = parts[..parts.len() - 1]
            .iter()
            .take_while(|part| part.iter().all(|token| matches!(token, Token::Char(_))))
            .count();
        for part in parts.drain(..literal) {
            root.extend(part.iter().filter_map(|token| match token {
                Token::Char(character) => Some(*character),
                _ => None,
            }));
            root.push('/');
        }
        let closed = parts.iter().take_while(|part| !deep(part)).count();
        Ok(Self {
            root,
            any_depth: closed < parts.len(),
            parts: parts[..closed]
                .iter()
                .map(|part| Part::of(part))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether anything in a directory of this name can match. `depth` counts from the root, whose
    /// own entries are at 0.
    pub(super) fn enters(&self, depth: usize, name: &[u8]) -> bool {
        match self.parts.get(depth) {
            Some(part) => (self.any_depth || depth + 1 < self.parts.len()) && part.is_match(name),
            None => self.any_depth,
        }
    }
}

impl Part {
    fn of(tokens: &[Token]) -> Result<Self, String> {
        let literal: Option<String> = tokens
            .iter()
            .map(|token| match token {
                Token::Char(character) => Some(*character),
                _ => None,
            })
            .collect();
        match literal {
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

fn with_home<'t>(text: &'t str, home: Option<&Path>) -> Result<(Vec<Node>, &'t str), String> {
    let Some(rest) = text
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    else {
        return Ok((Vec::new(), text));
    };
    let home = home
        .and_then(Path::to_str)
        .ok_or("`~` stands for the home directory, which is not known here")?;
    let nodes = home
        .trim_end_matches('/')
        .chars()
        .map(|character| Node::Token(Token::Char(character)));
    Ok((nodes.collect(), rest))
}

struct Parser {
    characters: Vec<char>,
    at: usize,
    /// Characters in front that were read already.
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

    /// The place of the character read last, for people.
    fn place(&self) -> usize {
        self.skipped + self.at
    }

    /// Up to the end, or, inside braces, up to `,` or `}`.
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
                    let mut stars = 1;
                    while self.peek() == Some('*') {
                        self.at += 1;
                        stars += 1;
                    }
                    Node::Token(if stars == 1 {
                        Token::Run
                    } else {
                        Token::DeepRun
                    })
                }
                '[' => Node::Token(Token::Class(self.class()?)),
                '{' => self.choice(depth + 1)?,
                '}' => {
                    return Err(format!(
                        "`}}` at character {} has no `{{` (write `\\}}` for the character itself)",
                        self.place()
                    ));
                }
                '\\' => match self.next() {
                    Some(escaped) => Node::Token(Token::Char(escaped)),
                    None => return Err("it ends with a `\\` that escapes nothing".to_owned()),
                },
                plain => Node::Token(Token::Char(plain)),
            });
        }
        Ok(nodes)
    }

    fn choice(&mut self, depth: usize) -> Result<Node, String> {
        let opened = self.place();
        if depth > DEEPEST_BRACES {
            return Err(format!(
                "more than {DEEPEST_BRACES} braces stand in each other"
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
        let opened = self.place();
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut members = String::new();
        loop {
            match self.class_member(opened)? {
                None => break,
                Some(first) => {
                    let is_range = self.peek() == Some('-')
                        && self
                            .characters
                            .get(self.at + 1)
                            .is_some_and(|&next| next != ']');
                    push_escaped(&mut members, first);
                    if is_range {
                        self.at += 1;
                        let Some(last) = self.class_member(opened)? else {
                            break;
                        };
                        if last < first {
                            return Err(format!(
                                "the range `{first}-{last}` at character {} runs backwards",
                                self.place()
                            ));
                        }
                        members.push('-');
                        push_escaped(&mut members, last);
                    }
                }
            }
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
        match member {
            Some(character) => Ok(Some(character)),
            None => Err(format!("`[` at character {opened} has no `]`")),
        }
    }
}

fn push_escaped(source: &mut String, character: char) {
    if !character.is_alphanumeric() && character.is_ascii_graphic() {
        source.push('\\');
    }
    source.push(character);
}

/// Appends every combination of the nodes' alternatives to each sequence there is.
fn multiply(nodes: &[Node], flat: &mut Vec<Vec<Token>>) -> Result<(), String> {
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
                    multiply(choice, &mut with_choice)?;
                    flat.append(&mut with_choice);
                    if flat.len() > MOST_ALTERNATIVES {
                        return Err(format!(
                            "its braces stand for more than {MOST_ALTERNATIVES} alternatives"
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Finds each `**/` that begins a part. Runs after braces are gone, for its neighbours may come
/// from different alternatives.
fn join_directories(tokens: &mut Vec<Token>) {
    let old = std::mem::take(tokens);
    let mut rest = old.into_iter().peekable();
    while let Some(token) = rest.next() {
        let begins_part = matches!(
            tokens.last(),
            None | Some(Token::Char('/') | Token::Directories)
        );
        match token {
            Token::DeepRun if begins_part && rest.peek() == Some(&Token::Char('/')) => {
                rest.next();
                tokens.push(Token::Directories);
            }
            // Alternatives may bring runs together; the wider one is both.
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

/// The literal end of the last part.
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
