//! The tokens of an XML file: tags, attributes, text, references.
//!
//! A report of 200,000 cases is mostly attributes. A general reader looks at each tag twice, first
//! for its end and then for what is in it, which is half of the time; this one looks once. What is
//! rare and intricate, resolving references and normalising values, is left to the XML library.
//! It checks that tags match and values are quoted; names it takes as they come. Document type
//! definitions are refused, and with them external and nested entities.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3, memmem};
use quick_xml::events::BytesRef;

const COMMENT: (&str, &str) = ("<!--", "-->");
const CDATA: (&str, &str) = ("<![CDATA[", "]]>");
const INSTRUCTION: (&str, &str) = ("<?", "?>");
const DOCTYPE: &str = "<!DOCTYPE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A start tag, by its name without a prefix. [`Tokens::attribute`] reads on in it; whatever
    /// is left of it is passed over by the next token.
    Open(&'a str),
    /// The end of the innermost element that is open, also of one that was empty.
    Close,
    /// Text as it stands in the file, without references.
    Text(&'a str),
    /// What stands between `&` and `;`.
    Reference(&'a str),
    /// The content of a CDATA section.
    Verbatim(&'a str),
    /// The end of the file; elements may still be open.
    End,
}

/// Reads the tokens one after the other. Comments and processing instructions are passed over.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    /// The byte to read next.
    at: usize,
    /// The byte at which the last token began.
    start: usize,
    /// The whole names of the elements that are open.
    open: Vec<&'a str>,
    is_in_tag: bool,
    /// The tag that was read ended in `/>`.
    was_empty: bool,
    /// Whether the file holds tabs or carriage returns. Most do not, and then one scan finds all
    /// that matters in a value: its end, references and line breaks.
    may_have_tabs: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            open: Vec::new(),
            is_in_tag: false,
            was_empty: false,
            may_have_tabs: memchr2(b'\t', b'\r', text.as_bytes()).is_some(),
        }
    }

    /// The byte at which the last token began, which is where its faults are.
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    /// The next token, or what is wrong with it.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, String> {
        while self.is_in_tag {
            self.attribute()?;
        }
        if self.was_empty {
            self.was_empty = false;
            self.open.pop();
            return Ok(Token::Close);
        }
        loop {
            self.start = self.at;
            let rest = self.rest();
            match rest.as_bytes() {
                [] => return Ok(Token::End),
                [b'<', b'/', ..] => return self.close(),
                [b'<', b'!', ..] => {
                    if rest.starts_with(COMMENT.0) {
                        self.between(COMMENT, "a comment")?;
                    } else if rest.starts_with(CDATA.0) {
                        return Ok(Token::Verbatim(self.between(CDATA, "a CDATA section")?));
                    } else {
                        return Err(markup_fault(rest));
                    }
                }
                [b'<', b'?', ..] => {
                    let inside = self.between(INSTRUCTION, "a processing instruction")?;
                    if name_at(inside).is_empty() {
                        return Err("a <? that names no instruction; write it as &lt;?".to_owned());
                    }
                }
                [b'<', ..] => return self.open(),
                [b'&', ..] => return self.reference(),
                bytes => {
                    let end = memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
                    return Ok(Token::Text(self.take(end)));
                }
            }
        }
    }

    /// The next attribute of the tag that was opened last; none at the tag's end.
    pub(crate) fn attribute(&mut self) -> Result<Option<Attribute<'a>>, String> {
        if !self.is_in_tag {
            return Ok(None);
        }
        let rest = self.rest();
        let blanks = count_blanks(rest);
        let rest = rest.get(blanks..).unwrap_or_default();
        match rest.as_bytes() {
            [b'>', ..] => {
                self.is_in_tag = false;
                self.at += blanks + 1;
                return Ok(None);
            }
            [b'/', b'>', ..] => {
                self.is_in_tag = false;
                self.was_empty = true;
                self.at += blanks + 2;
                return Ok(None);
            }
            [] => return Err("the file ends too early, inside a tag".to_owned()),
            _ => {}
        }
        let name = name_at(rest);
        let behind = rest.get(name.len()..).unwrap_or_default();
        let equals = count_blanks(behind);
        let has_value = behind.as_bytes().get(equals) == Some(&b'=') && !name.is_empty();
        if !has_value {
            return Err(format!("the attribute {} has no value", word(rest)));
        }
        let behind = behind.get(equals + 1..).unwrap_or_default();
        let quote_at = count_blanks(behind);
        let Some(&quote @ (b'"' | b'\'')) = behind.as_bytes().get(quote_at) else {
            return Err(format!("the value of the attribute {name} is not quoted"));
        };
        let value = behind.get(quote_at + 1..).unwrap_or_default();
        let bytes = value.as_bytes();
        let first = memchr3(quote, b'&', b'\n', bytes);
        let ends_plainly = first.is_some_and(|first| bytes.get(first) == Some(&quote));
        let end = if ends_plainly {
            first
        } else {
            first.and_then(|first| Some(first + memchr(quote, bytes.get(first..)?)?))
        };
        let end = end.ok_or_else(|| {
            format!("the file ends too early, inside the value of the attribute {name}")
        })?;
        self.at += blanks + name.len() + equals + 1 + quote_at + 1 + end + 1;
        Ok(Some(Attribute {
            name: local(name),
            raw: value.get(..end).unwrap_or_default(),
            is_plain: ends_plainly && !self.may_have_tabs,
        }))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next so many bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    /// What stands between two marks, of which the first is next.
    fn between(&mut self, marks: (&str, &str), what: &str) -> Result<&'a str, String> {
        let inside = self.rest().get(marks.0.len()..).unwrap_or_default();
        let end = memmem::find(inside.as_bytes(), marks.1.as_bytes())
            .ok_or_else(|| format!("the file ends too early, inside {what}"))?;
        self.at += marks.0.len() + end + marks.1.len();
        Ok(inside.get(..end).unwrap_or_default())
    }

    fn open(&mut self) -> Result<Token<'a>, String> {
        self.at += "<".len();
        let name = name_at(self.rest());
        if name.is_empty() {
            return Err("a < that begins no tag; write it as &lt;".to_owned());
        }
        self.at += name.len();
        self.open.push(name);
        self.is_in_tag = true;
        Ok(Token::Open(local(name)))
    }

    fn close(&mut self) -> Result<Token<'a>, String> {
        self.at += "</".len();
        let end =
            memchr(b'>', self.rest().as_bytes()).ok_or("the file ends too early, inside a tag")?;
        let found = self.take(end).trim_ascii_end();
        self.at += ">".len();
        match self.open.pop() {
            Some(expected) if expected == found => Ok(Token::Close),
            Some(expected) => Err(format!(
                "expected `</{expected}>`, but `</{found}>` was found"
            )),
            None => Err(format!("`</{found}>` was found, but nothing is open")),
        }
    }

    fn reference(&mut self) -> Result<Token<'a>, String> {
        self.at += "&".len();
        let bytes = self.rest().as_bytes();
        let end = memchr3(b';', b'<', b'&', bytes).filter(|&end| bytes.get(end) == Some(&b';'));
        let end = end.ok_or("a & that begins no reference; write it as &amp;")?;
        let name = self.take(end);
        self.at += ";".len();
        Ok(Token::Reference(name))
    }
}

/// What a reference in a text stands for.
pub(crate) fn resolve(reference: &str) -> Result<Cow<'static, str>, String> {
    let character = BytesRef::new(reference)
        .resolve_char_ref()
        .map_err(|error| match error {
            quick_xml::Error::Escape(fault) => fault.to_string(),
            other => other.to_string(),
        })?;
    match character {
        Some(character) => Ok(Cow::Owned(character.to_string())),
        None => quick_xml::escape::resolve_xml_entity(reference)
            .map(Cow::Borrowed)
            .ok_or_else(|| format!("unknown entity &{reference};")),
    }
}

/// A text with all line breaks made `\n`, as XML has it.
pub(crate) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// One attribute: its name without a prefix, and its value as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    raw: &'a str,
    /// It holds neither references nor line breaks: it is its own value.
    is_plain: bool,
}

impl<'a> Attribute<'a> {
    /// The value, references resolved and line breaks made blanks, as XML has it.
    pub(crate) fn value(&self) -> Result<Cow<'a, str>, String> {
        if self.is_plain {
            return Ok(Cow::Borrowed(self.raw));
        }
        let bytes = self.raw.as_bytes();
        if memchr3(b'\n', b'\t', b'\r', bytes).is_none() {
            return quick_xml::escape::unescape(self.raw).map_err(|error| error.to_string());
        }
        let attribute = quick_xml::events::attributes::Attribute::from((b"".as_slice(), bytes));
        attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map(|value| Cow::Owned(value.into_owned()))
            .map_err(|error| error.to_string())
    }
}

/// Whether a byte ends the name of a tag or an attribute.
const ENDS_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let ends = b" \t\r\n=/>\"'<";
    let mut at = 0;
    while at < ends.len() {
        #[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
        {
            table[ends[at] as usize] = true;
        }
        at += 1;
    }
    table
};

/// The name that a text begins with; may be empty.
fn name_at(text: &str) -> &str {
    let ends = |&byte: &u8| {
        ENDS_NAME
            .get(usize::from(byte))
            .copied()
            .unwrap_or_default()
    };
    let end = text.as_bytes().iter().position(ends);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => name.get(colon + 1..).unwrap_or(name),
        None => name,
    }
}

fn count_blanks(text: &str) -> usize {
    let is_other = |byte: &u8| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
    text.as_bytes()
        .iter()
        .position(is_other)
        .unwrap_or(text.len())
}

/// What is wrong with markup that begins with `<!` and is neither comment nor CDATA.
fn markup_fault(rest: &str) -> String {
    let is_doctype = rest
        .get(..DOCTYPE.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(DOCTYPE));
    if is_doctype {
        "a document type definition (<!DOCTYPE>) is refused; write the report without one"
            .to_owned()
    } else {
        "a <! that begins neither a comment nor a CDATA section; write it as &lt;!".to_owned()
    }
}

/// The first word of a tag's rest, for errors.
fn word(text: &str) -> &str {
    let ends = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '=' | '>' | '/');
    text.split(ends).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::{collection, sample};

    use super::*;

    fn attributes(tag: &str) -> Result<Vec<(String, String)>, String> {
        let document = format!("<a{tag}>");
        let mut tokens = Tokens::new(&document);
        assert_eq!(tokens.next(), Ok(Token::Open("a")));
        let mut read = Vec::new();
        while let Some(attribute) = tokens.attribute()? {
            read.push((attribute.name.to_owned(), attribute.value()?.into_owned()));
        }
        Ok(read)
    }

    fn tokens(document: &str) -> Result<Vec<Token<'_>>, (usize, String)> {
        let mut tokens = Tokens::new(document);
        let mut read = Vec::new();
        loop {
            match tokens.next() {
                Ok(Token::End) => return Ok(read),
                Ok(token) => read.push(token),
                Err(message) => return Err((tokens.start(), message)),
            }
        }
    }

    #[test]
    fn attributes_are_cut_out() {
        let table: [(&str, &[(&str, &str)]); 9] = [
            ("", &[]),
            (" \n", &[]),
            (" a='1'", &[("a", "1")]),
            (" a='1'/", &[("a", "1")]),
            (" a='1' b=\"2\" ", &[("a", "1"), ("b", "2")]),
            ("\n\ta = '1'\r\nb\t=\n\"2\"", &[("a", "1"), ("b", "2")]),
            (" a='\"=/>' b=\"'\"", &[("a", "\"=/>"), ("b", "'")]),
            (" x:a='é &amp; &#10;\r\n\t.'", &[("a", "é & \n  .")]),
            (" a='1'b='2'", &[("a", "1"), ("b", "2")]),
        ];
        for (text, expected) in table {
            let expected = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(attributes(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_attribute_is_told() {
        let table = [
            (" a", "the attribute a has no value"),
            (" a/", "the attribute a has no value"),
            (" a b='1'", "the attribute a has no value"),
            (" ='1'", "the attribute  has no value"),
            (" 'a'='1'", "the attribute 'a' has no value"),
            (" a=1", "the value of the attribute a is not quoted"),
            (" a=", "the value of the attribute a is not quoted"),
            (
                " a='1",
                "the file ends too early, inside the value of the attribute a",
            ),
            (" a='&b;'", "at 1..2: unrecognized entity `b`"),
        ];
        for (text, told) in table {
            assert_eq!(attributes(text), Err(told.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn tokens_come_in_order() {
        use Token::{Close, Open, Reference, Text, Verbatim};
        let document = "<?xml version='1.0'?><!-- <a> --><x:a b='>'>1<b c='&'/>&amp;2\
                        <![CDATA[<c>]]></x:a >\n";
        let expected = [
            Open("a"),
            Text("1"),
            Open("b"),
            Close,
            Reference("amp"),
            Text("2"),
            Verbatim("<c>"),
            Close,
            Text("\n"),
        ];
        assert_eq!(tokens(document), Ok(expected.to_vec()));
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let table = [
            ("<a></b>", 3, "expected `</a>`, but `</b>` was found"),
            ("<a/></a>", 4, "`</a>` was found, but nothing is open"),
            ("x<a", 1, "the file ends too early, inside a tag"),
            ("<a></a", 3, "the file ends too early, inside a tag"),
            ("<!-- a", 0, "the file ends too early, inside a comment"),
            (
                "<![CDATA[ a ]]",
                0,
                "the file ends too early, inside a CDATA section",
            ),
            (
                "<?xml",
                0,
                "the file ends too early, inside a processing instruction",
            ),
            (
                "<?>?>",
                0,
                "a <? that names no instruction; write it as &lt;?",
            ),
            (
                "<!ELEMENT a>",
                0,
                "a <! that begins neither a comment nor a CDATA section; write it as &lt;!",
            ),
            ("1 < 2", 2, "a < that begins no tag; write it as &lt;"),
            ("a & b;<c/>", 3, "unknown entity & b;"),
            (
                "a & b<c/>;",
                2,
                "a & that begins no reference; write it as &amp;",
            ),
            (
                "é <!doctype a>",
                3,
                "a document type definition (<!DOCTYPE>) is refused; write the report without one",
            ),
        ];
        for (document, place, told) in table {
            let read = tokens(document).and_then(|read| {
                let named = read.iter().find_map(|token| match token {
                    Token::Reference(name) => Some(resolve(name)),
                    _ => None,
                });
                match named {
                    Some(Err(message)) => Err((place, message)),
                    _ => Ok(read),
                }
            });
            assert_eq!(read, Err((place, told.to_owned())), "{document:?}");
        }
    }

    #[test]
    fn references_and_line_breaks_are_resolved() {
        for (reference, stands_for) in [("amp", "&"), ("#10", "\n"), ("#x1F600", "\u{1F600}")] {
            assert_eq!(resolve(reference), Ok(stands_for.into()), "{reference}");
        }
        for reference in ["nbsp", "#0", "#xD800", "#", ""] {
            assert!(resolve(reference).is_err(), "{reference}");
        }
        assert_eq!(with_line_feeds("a\r\nb\rc\n"), "a\nb\nc\n");
    }

    /// What a document holds, told by both readers in the same words.
    #[derive(Debug, PartialEq, Eq)]
    enum Told {
        Open(String, Vec<(String, String)>),
        Close,
        Text(String),
    }

    /// Neighbouring pieces of text are one text: the readers cut them differently.
    fn tell(told: &mut Vec<Told>, more: &str) {
        match told.last_mut() {
            Some(Told::Text(text)) => text.push_str(more),
            _ if more.is_empty() => {}
            _ => told.push(Told::Text(more.to_owned())),
        }
    }

    fn by_us(document: &str) -> Option<Vec<Told>> {
        let mut tokens = Tokens::new(document);
        let mut told = Vec::new();
        let mut depth = 0_usize;
        loop {
            match tokens.next().ok()? {
                Token::Open(name) => {
                    depth += 1;
                    let mut attributes = Vec::new();
                    while let Some(attribute) = tokens.attribute().ok()? {
                        let value = attribute.value().ok()?.into_owned();
                        attributes.push((attribute.name.to_owned(), value));
                    }
                    told.push(Told::Open(name.to_owned(), attributes));
                }
                Token::Close => {
                    depth -= 1;
                    told.push(Told::Close);
                }
                Token::Text(text) | Token::Verbatim(text) => {
                    tell(&mut told, &with_line_feeds(text));
                }
                Token::Reference(name) => tell(&mut told, &resolve(name).ok()?),
                Token::End => return (depth == 0).then_some(told),
            }
        }
    }

    fn by_the_library(document: &str) -> Option<Vec<Told>> {
        use quick_xml::events::{BytesStart, Event};
        fn open(start: &BytesStart<'_>) -> Option<Told> {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
            let mut read = start.attributes();
            let attributes = read
                .with_checks(false)
                .map(|attribute| {
                    let attribute = attribute.ok()?;
                    let value = attribute
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .ok()?;
                    let name = text(attribute.key.local_name().as_ref())?;
                    Some((name, value.into_owned()))
                })
                .collect::<Option<_>>()?;
            Some(Told::Open(text(start.local_name().as_ref())?, attributes))
        }
        let mut reader = quick_xml::Reader::from_str(document);
        let mut told = Vec::new();
        let mut depth = 0_usize;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    depth += 1;
                    told.push(open(&start)?);
                }
                Event::Empty(start) => told.extend([open(&start)?, Told::Close]),
                Event::End(_) => {
                    depth -= 1;
                    told.push(Told::Close);
                }
                Event::Text(text) => tell(&mut told, &text.xml10_content().ok()?),
                Event::CData(text) => tell(&mut told, &text.xml10_content().ok()?),
                Event::GeneralRef(name) => {
                    let name = name.decode().ok()?;
                    tell(&mut told, &resolve(&name).ok()?);
                }
                Event::DocType(_) => return None,
                Event::Eof => return (depth == 0).then_some(told),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// What both can read, both read alike; what we read, the library can read too.
        #[test]
        fn documents_are_read_as_the_library_reads_them(
            pieces in collection::vec(sample::select(PIECES), 0..12)
        ) {
            let document = pieces.concat();
            if let Some(ours) = by_us(&document) {
                prop_assert_eq!(Some(ours), by_the_library(&document), "{}", document);
            }
        }

        /// Whole elements, which every reader must take.
        #[test]
        fn whole_elements_are_never_refused(
            texts in collection::vec(("[a-z:]{0,3}[a-z]", "[^<&\"]{0,12}", "[^<&]{0,12}"), 1..6)
        ) {
            let element = |(name, value, text): &(String, String, String)| {
                format!("<{name} a=\"{value}\" b='&lt;&#x41;'>{text}&gt;<![CDATA[<&{text}]]></{name} ><{name}/>")
            };
            let document: String = texts.iter().map(element).collect();
            let ours = by_us(&document);
            prop_assert!(ours.is_some(), "{}", document);
            prop_assert_eq!(ours, by_the_library(&document), "{}", document);
        }
    }

    const PIECES: &[&str] = &[
        "<a>",
        "<b:a>",
        "</a>",
        "</b:a>",
        "<a/>",
        "<a b='1'>",
        "<a b = \"x>y\" c='&amp;'/>",
        "<a b='&#10;\t'>",
        "<a ",
        "b",
        "='",
        "'",
        "\"",
        ">",
        "/",
        "/>",
        "</",
        "<",
        "&",
        ";",
        "&amp;",
        "&#65;",
        "&no;",
        "x y",
        "\r\n",
        "\r",
        "\n",
        " ",
        "é",
        "<!--",
        "-->",
        "<!-- < & -->",
        "<![CDATA[",
        "]]>",
        "<![CDATA[a<&]]>",
        "<?x",
        "?>",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a>",
        "=",
        "-",
        "]",
    ];
}
