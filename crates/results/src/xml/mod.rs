//! A one-pass tokenizer for XML reports.
//!
//! A report of 200,000 test cases is mostly attributes. A general-purpose reader scans each tag
//! twice, first for its end and then for its attributes; this one scans it once, which halves the
//! time (`docs/design/parsing.md` has the figures).
//!
//! It checks that tags match and values are quoted; it does not check which characters a name
//! contains. Text that should have been escaped is read as it is written. A document type
//! definition is skipped if it declares no entities, and rejected otherwise.

mod references;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr2, memchr3, memmem};

use references::{attribute_value, split_reference};
pub use references::{resolve, with_line_feeds};

const COMMENT: (&str, &str) = ("<!--", "-->");
const CDATA: (&str, &str) = ("<![CDATA[", "]]>");
const INSTRUCTION: (&str, &str) = ("<?", "?>");
const DOCTYPE: &str = "<!DOCTYPE";

/// One piece of a document. Texts are as written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A start tag, by its name without the namespace prefix. [`Tokens::next_attribute`] continues
    /// in it; [`Tokens::next_token`] skips the attributes that are left.
    Start(&'a str),
    /// The end of the innermost open element. An empty element (`<a/>`) yields one, too.
    End,
    /// Text between tags and references; [`with_line_feeds`] normalizes its line breaks.
    Text(&'a str),
    /// The text between `&` and `;`, see [`resolve`].
    Reference(&'a str),
    /// The content of a CDATA section.
    CData(&'a str),
    /// The end of the file. Elements may still be open.
    Eof,
}

/// Splits a document into [`Token`]s; skips comments and processing instructions.
///
/// All errors are messages for people; [`Tokens::start`] is their place in the document.
pub struct Tokens<'a> {
    text: &'a str,
    position: usize,
    start: usize,
    attribute_start: usize,
    /// The open elements' names with prefixes.
    open: Vec<&'a str>,
    is_in_tag: bool,
    /// The last start tag ended in `/>`, and its [`Token::End`] is due.
    is_empty_element: bool,
    /// Whether the document contains tabs or carriage returns. Most do not, and then one scan finds
    /// everything that matters in a value: its end, references and line breaks.
    may_have_tabs: bool,
}

impl<'a> Tokens<'a> {
    /// Reads `text` from its first byte.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            start: 0,
            attribute_start: 0,
            open: Vec::new(),
            is_in_tag: false,
            is_empty_element: false,
            may_have_tabs: memchr2(b'\t', b'\r', text.as_bytes()).is_some(),
        }
    }

    /// The byte offset at which the last token begins; errors refer to it.
    pub const fn start(&self) -> usize {
        self.start
    }

    /// The byte offset after what was read last. After the last attribute of a start tag this is
    /// the end of the tag.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The byte range of the last attribute, from the name to the closing quote.
    pub const fn attribute_range(&self) -> Range<usize> {
        self.attribute_start..self.position
    }

    /// The name of the innermost open element, including its prefix. An empty element counts as
    /// open until its [`Token::End`].
    pub fn open_name(&self) -> Option<&'a str> {
        self.open.last().copied()
    }

    /// The next token; [`Token::Eof`] again and again at the end of the document.
    ///
    /// # Errors
    ///
    /// When the document is malformed or declares entities.
    pub fn next_token(&mut self) -> Result<Token<'a>, String> {
        while self.is_in_tag {
            self.next_attribute()?;
        }
        if self.is_empty_element {
            self.is_empty_element = false;
            self.open.pop();
            return Ok(Token::End);
        }
        loop {
            self.start = self.position;
            let rest = self.rest();
            match rest.as_bytes() {
                [] => return Ok(Token::Eof),
                [b'<', b'/', ..] => return self.end_tag(),
                [b'<', b'!', ..] => {
                    if rest.starts_with(COMMENT.0) {
                        self.take_between(COMMENT, "a comment")?;
                    } else if rest.starts_with(CDATA.0) {
                        return Ok(Token::CData(self.take_between(CDATA, "a CDATA section")?));
                    } else if self.open.is_empty() && is_doctype(rest) {
                        self.position += doctype_length(rest)?;
                    } else {
                        return Err(
                            "expected a comment or a CDATA section after `<!` (write a literal \
                             `<!` as `&lt;!`)"
                                .to_owned(),
                        );
                    }
                }
                [b'<', b'?', ..] => {
                    let inside = self.take_between(INSTRUCTION, "a processing instruction")?;
                    if names_at(inside).0.is_empty() {
                        return Err(
                            "expected a name after `<?` (write a literal `<?` as `&lt;?`)".into(),
                        );
                    }
                }
                [b'<', ..] => return self.start_tag(),
                [b'&', ..] => {
                    let Some((name, after)) = split_reference(rest.split_at(1).1) else {
                        return Ok(Token::Text(self.take(1)));
                    };
                    self.position = self.text.len() - after.len();
                    return Ok(Token::Reference(name));
                }
                bytes => {
                    let end = memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
                    return Ok(Token::Text(self.take(end)));
                }
            }
        }
    }

    /// The next attribute of the last start tag; `None` at the tag's end.
    ///
    /// # Errors
    ///
    /// When an attribute has no quoted value or the tag does not end.
    pub fn next_attribute(&mut self) -> Result<Option<Attribute<'a>>, String> {
        if !self.is_in_tag {
            return Ok(None);
        }
        // By index into the bytes: most of a report is attributes, and each slice of a text checks
        // that it does not cut a character.
        let bytes = self.text.as_bytes();
        let start = after_whitespace(bytes, self.position);
        match bytes.get(start..).unwrap_or_default() {
            [b'>', ..] => {
                self.is_in_tag = false;
                self.position = start + 1;
                return Ok(None);
            }
            [b'/', b'>', ..] => {
                self.is_in_tag = false;
                self.is_empty_element = true;
                self.position = start + 2;
                return Ok(None);
            }
            [] => return Err("unexpected end of file inside a tag".to_owned()),
            _ => {}
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let (name, local_name) = names_at(rest);
        let equals = after_whitespace(bytes, start + name.len());
        if bytes.get(equals) != Some(&b'=') || name.is_empty() {
            return Err(format!("attribute `{}` has no value", first_word(rest)));
        }
        let quote_at = after_whitespace(bytes, equals + 1);
        let Some(&quote @ (b'"' | b'\'')) = bytes.get(quote_at) else {
            return Err(format!("value of attribute `{name}` is not quoted"));
        };
        let value = bytes.get(quote_at + 1..).unwrap_or_default();
        let first = memchr3(quote, b'&', b'\n', value);
        let is_plain = first.is_some_and(|first| value.get(first) == Some(&quote));
        let length = if is_plain {
            first
        } else {
            first.and_then(|first| Some(first + memchr(quote, value.get(first..)?)?))
        };
        let length = length.ok_or_else(|| {
            format!("unexpected end of file inside the value of attribute `{name}`")
        })?;
        let end = quote_at + 1 + length;
        self.attribute_start = start;
        self.position = end + 1;
        Ok(Some(Attribute {
            name: local_name,
            raw: self.text.get(quote_at + 1..end).unwrap_or_default(),
            is_plain: is_plain && !self.may_have_tabs,
        }))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.position += taken.len();
        taken
    }

    /// Reads a section whose first mark comes next, and returns its content.
    fn take_between(&mut self, marks: (&str, &str), section: &str) -> Result<&'a str, String> {
        let inside = self.rest().get(marks.0.len()..).unwrap_or_default();
        let end = memmem::find(inside.as_bytes(), marks.1.as_bytes())
            .ok_or_else(|| format!("unexpected end of file inside {section}"))?;
        self.position += marks.0.len() + end + marks.1.len();
        Ok(inside.get(..end).unwrap_or_default())
    }

    fn start_tag(&mut self) -> Result<Token<'a>, String> {
        self.position += "<".len();
        let (name, local_name) = names_at(self.rest());
        if name.is_empty() {
            return Err("expected a name after `<` (write a literal `<` as `&lt;`)".to_owned());
        }
        self.position += name.len();
        self.open.push(name);
        self.is_in_tag = true;
        Ok(Token::Start(local_name))
    }

    fn end_tag(&mut self) -> Result<Token<'a>, String> {
        self.position += "</".len();
        let end =
            memchr(b'>', self.rest().as_bytes()).ok_or("unexpected end of file inside a tag")?;
        let found = self.take(end).trim_ascii_end();
        self.position += ">".len();
        match self.open.pop() {
            Some(expected) if expected == found => Ok(Token::End),
            Some(expected) => Err(format!("expected `</{expected}>`, found `</{found}>`")),
            None => Err(format!("found `</{found}>`, but no element is open")),
        }
    }
}

/// An attribute of a start tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Without the namespace prefix.
    pub name: &'a str,
    raw: &'a str,
    /// Contains neither references nor line breaks.
    is_plain: bool,
}

impl<'a> Attribute<'a> {
    /// The value with references resolved and tabs and line breaks replaced by spaces.
    pub fn value(&self) -> Cow<'a, str> {
        if self.is_plain {
            return Cow::Borrowed(self.raw);
        }
        attribute_value(self.raw)
    }

    /// Cuts the value, as it is written, to at most `bytes`. Returns how many are missing.
    pub fn cut(&mut self, bytes: usize) -> usize {
        let end = self.raw.floor_char_boundary(bytes);
        let missing = self.raw.len() - end;
        self.raw = &self.raw[..end];
        missing
    }
}

/// The bytes that end the name of a tag or an attribute.
const ENDS_NAME: [bool; 256] = table_of(b" \t\r\n=/>\"'<");
/// The bytes that end a name or its prefix.
const ENDS_PREFIX: [bool; 256] = table_of(b" \t\r\n=/>\"'<:");

const fn table_of(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

fn length_before(text: &str, ends: &[bool; 256]) -> usize {
    let end = text.bytes().position(|byte| ends[usize::from(byte)]);
    end.unwrap_or(text.len())
}

/// The name at the start of `text`, which may be empty, and the part of it after the prefix.
fn names_at(text: &str) -> (&str, &str) {
    let first = length_before(text, &ENDS_PREFIX);
    if text.as_bytes().get(first) != Some(&b':') {
        let name = text.get(..first).unwrap_or_default();
        return (name, name);
    }
    let name = text.get(..length_before(text, &ENDS_NAME));
    let name = name.unwrap_or_default();
    (name, name.get(first + 1..).unwrap_or_default())
}

/// The index of the first byte from `at` that is not whitespace.
fn after_whitespace(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
        at += 1;
    }
    at
}

fn is_doctype(rest: &str) -> bool {
    let start = rest.get(..DOCTYPE.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(DOCTYPE))
}

/// The length of the document type definition at the start of `rest`.
fn doctype_length(rest: &str) -> Result<usize, String> {
    let mut is_in_subset = false;
    let mut at = DOCTYPE.len();
    while let Some(&byte) = rest.as_bytes().get(at) {
        let after = rest.as_bytes().get(at + 1..).unwrap_or_default();
        let marked = rest.get(at..).unwrap_or_default();
        at += 1;
        match byte {
            b'"' | b'\'' => match memchr(byte, after) {
                Some(end) => at += end + 1,
                None => break,
            },
            b'[' => is_in_subset = true,
            b']' => is_in_subset = false,
            b'>' if !is_in_subset => return Ok(at),
            b'<' if marked.starts_with(COMMENT.0) => {
                match memmem::find(after, COMMENT.1.as_bytes()) {
                    Some(end) => at += end + COMMENT.1.len(),
                    None => break,
                }
            }
            b'<' if marked.starts_with("<!ENTITY") => {
                return Err(
                    "document type definitions with entities are not supported: write the report \
                     without them"
                        .to_owned(),
                );
            }
            _ => {}
        }
    }
    Err("unexpected end of file inside a document type definition".to_owned())
}

/// The first word of a tag's rest, for errors.
fn first_word(text: &str) -> &str {
    let ends = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '=' | '>' | '/');
    text.split(ends).next().unwrap_or_default()
}
