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
                    if name_at(inside).is_empty() {
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
        let rest = self.rest();
        let whitespace = whitespace_length(rest);
        let rest = rest.get(whitespace..).unwrap_or_default();
        match rest.as_bytes() {
            [b'>', ..] => {
                self.is_in_tag = false;
                self.position += whitespace + 1;
                return Ok(None);
            }
            [b'/', b'>', ..] => {
                self.is_in_tag = false;
                self.is_empty_element = true;
                self.position += whitespace + 2;
                return Ok(None);
            }
            [] => return Err("unexpected end of file inside a tag".to_owned()),
            _ => {}
        }
        let name = name_at(rest);
        let after_name = rest.get(name.len()..).unwrap_or_default();
        let equals = whitespace_length(after_name);
        if after_name.as_bytes().get(equals) != Some(&b'=') || name.is_empty() {
            return Err(format!("attribute `{}` has no value", first_word(rest)));
        }
        let after_equals = after_name.get(equals + 1..).unwrap_or_default();
        let quote_at = whitespace_length(after_equals);
        let Some(&quote @ (b'"' | b'\'')) = after_equals.as_bytes().get(quote_at) else {
            return Err(format!("value of attribute `{name}` is not quoted"));
        };
        let value = after_equals.get(quote_at + 1..).unwrap_or_default();
        let bytes = value.as_bytes();
        let first = memchr3(quote, b'&', b'\n', bytes);
        let is_plain = first.is_some_and(|first| bytes.get(first) == Some(&quote));
        let end = if is_plain {
            first
        } else {
            first.and_then(|first| Some(first + memchr(quote, bytes.get(first..)?)?))
        };
        let end = end.ok_or_else(|| {
            format!("unexpected end of file inside the value of attribute `{name}`")
        })?;
        self.attribute_start = self.position + whitespace;
        self.position = self.attribute_start + name.len() + equals + 1 + quote_at + 1 + end + 1;
        Ok(Some(Attribute {
            name: without_prefix(name),
            raw: value.get(..end).unwrap_or_default(),
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
        let name = name_at(self.rest());
        if name.is_empty() {
            return Err("expected a name after `<` (write a literal `<` as `&lt;`)".to_owned());
        }
        self.position += name.len();
        self.open.push(name);
        self.is_in_tag = true;
        Ok(Token::Start(without_prefix(name)))
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
}

/// Whether a byte ends the name of a tag or an attribute.
const ENDS_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let ends = b" \t\r\n=/>\"'<";
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = true;
        at += 1;
    }
    table
};

/// The name at the start of `text`; may be empty.
fn name_at(text: &str) -> &str {
    let end = text.bytes().position(|byte| ENDS_NAME[usize::from(byte)]);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn without_prefix(name: &str) -> &str {
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => name.get(colon + 1..).unwrap_or(name),
        None => name,
    }
}

fn whitespace_length(text: &str) -> usize {
    text.bytes()
        .position(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r'))
        .unwrap_or(text.len())
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
