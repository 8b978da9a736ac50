use proptest::prelude::*;
use proptest::{collection, sample};

use super::*;

fn attributes(tag: &str) -> Result<Vec<(String, String)>, String> {
    let document = format!("<a{tag}>");
    let mut tokens = Tokens::new(&document);
    assert_eq!(tokens.next_token(), Ok(Token::Start("a")));
    let mut read = Vec::new();
    while let Some(attribute) = tokens.next_attribute()? {
        read.push((attribute.name.to_owned(), attribute.value().into_owned()));
    }
    Ok(read)
}

fn tokens(document: &str) -> Result<Vec<Token<'_>>, (usize, String)> {
    let mut tokens = Tokens::new(document);
    let mut read = Vec::new();
    loop {
        match tokens.next_token() {
            Ok(Token::Eof) => return Ok(read),
            Ok(token) => read.push(token),
            Err(message) => return Err((tokens.start(), message)),
        }
    }
}

#[test]
fn reads_names_and_values_of_attributes() {
    let table: [(&str, &[(&str, &str)]); 12] = [
        ("", &[]),
        (" \n", &[]),
        (" a='1'", &[("a", "1")]),
        (" a='1'/", &[("a", "1")]),
        (" a='1' b=\"2\" ", &[("a", "1"), ("b", "2")]),
        ("\n\ta = '1'\r\nb\t=\n\"2\"", &[("a", "1"), ("b", "2")]),
        (" a='\"=/>' b=\"'\"", &[("a", "\"=/>"), ("b", "'")]),
        (" x:a='é &amp; &#10;\r\n\t.'", &[("a", "é & \n  .")]),
        (" a='1'b='2'", &[("a", "1"), ("b", "2")]),
        (" a='\r\r\n'", &[("a", "  ")]),
        (" a='b & c;&d'", &[("a", "b & c;&d")]),
        (" a='&b;&#0;&#xD800;'", &[("a", "&b;\u{FFFD}\u{FFFD}")]),
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
fn rejects_malformed_attributes() {
    let table = [
        (" a", "attribute `a` has no value"),
        (" a/", "attribute `a` has no value"),
        (" a b='1'", "attribute `a` has no value"),
        (" ='1'", "attribute `` has no value"),
        (" 'a'='1'", "attribute `'a'` has no value"),
        (" a=1", "value of attribute `a` is not quoted"),
        (" a=", "value of attribute `a` is not quoted"),
        (
            " a='1",
            "unexpected end of file inside the value of attribute `a`",
        ),
    ];
    for (text, message) in table {
        assert_eq!(attributes(text), Err(message.to_owned()), "{text:?}");
    }
}

#[test]
fn yields_tokens_in_document_order() {
    use Token::{CData, End, Reference, Start, Text};
    let document = "<?xml version='1.0'?><!-- <a> --><x:a b='>'>1<b c='&'/>&amp;2\
                    <![CDATA[<c>]]></x:a >\n";
    let expected = [
        Start("a"),
        Text("1"),
        Start("b"),
        End,
        Reference("amp"),
        Text("2"),
        CData("<c>"),
        End,
        Text("\n"),
    ];
    assert_eq!(tokens(document), Ok(expected.to_vec()));
}

#[test]
fn skips_document_type_definitions() {
    use Token::{End, Start, Text};
    for definition in [
        "<!DOCTYPE a>",
        "<!doctype a SYSTEM 'a>.dtd'>",
        "<!DOCTYPE a PUBLIC \"-//A//B\" \"a.dtd\" [<!ELEMENT a (#PCDATA)> <!-- ]> -->] >",
    ] {
        let document = format!("{definition}<a>1</a>");
        let expected = [Start("a"), Text("1"), End];
        assert_eq!(tokens(&document), Ok(expected.to_vec()), "{definition}");
    }
}

#[test]
fn reads_a_literal_ampersand_as_text() {
    use Token::{Reference, Start, Text};
    let expected = [
        Text("a "),
        Text("&"),
        Text(" b;"),
        Start("c"),
        Text("&"),
        Text("d"),
        Reference("e"),
        Text("&"),
        Text(";"),
    ];
    assert_eq!(tokens("a & b;<c>&d&e;&;"), Ok(expected.to_vec()));
}

#[test]
fn reports_places_of_tags_and_attributes() {
    let document = "é<x:a  b = '1' c=\"&lt;\" />";
    let mut tokens = Tokens::new(document);
    assert_eq!(tokens.next_token(), Ok(Token::Text("é")));
    assert_eq!(tokens.next_token(), Ok(Token::Start("a")));
    assert_eq!((tokens.start(), tokens.open_name()), (2, Some("x:a")));
    let mut written = Vec::new();
    while tokens.next_attribute().unwrap().is_some() {
        written.push(&document[tokens.attribute_range()]);
    }
    assert_eq!(written, ["b = '1'", "c=\"&lt;\""]);
    assert_eq!(tokens.position(), document.len());
    assert_eq!(tokens.next_token(), Ok(Token::End));
    assert_eq!(tokens.position(), document.len());
    assert_eq!(tokens.open_name(), None);
}

#[test]
fn reports_errors_with_their_place() {
    let table = [
        ("<a></b>", 3, "expected `</a>`, found `</b>`"),
        ("<a/></a>", 4, "found `</a>`, but no element is open"),
        ("x<a", 1, "unexpected end of file inside a tag"),
        ("<a></a", 3, "unexpected end of file inside a tag"),
        ("<!-- a", 0, "unexpected end of file inside a comment"),
        (
            "<![CDATA[ a ]]",
            0,
            "unexpected end of file inside a CDATA section",
        ),
        (
            "<?xml",
            0,
            "unexpected end of file inside a processing instruction",
        ),
        (
            "<?>?>",
            0,
            "expected a name after `<?` (write a literal `<?` as `&lt;?`)",
        ),
        (
            "<!ELEMENT a>",
            0,
            "expected a comment or a CDATA section after `<!` (write a literal `<!` as `&lt;!`)",
        ),
        (
            "1 < 2",
            2,
            "expected a name after `<` (write a literal `<` as `&lt;`)",
        ),
        (
            "é <!doctype a [ <!ELEMENT a (b)> <!ENTITY b 'c'> ]><a/>",
            3,
            "document type definitions with entities are not supported: write the report without \
             them",
        ),
        (
            "<!DOCTYPE a [ <!-- ]> ",
            0,
            "unexpected end of file inside a document type definition",
        ),
        (
            "<a><!DOCTYPE a></a>",
            3,
            "expected a comment or a CDATA section after `<!` (write a literal `<!` as `&lt;!`)",
        ),
    ];
    for (document, place, expected) in table {
        let read = tokens(document);
        assert_eq!(read, Err((place, expected.to_owned())), "{document:?}");
    }
}

#[test]
fn resolves_references_and_line_breaks() {
    for (reference, character) in [("amp", "&"), ("#10", "\n"), ("#x1F600", "\u{1F600}")] {
        assert_eq!(resolve(reference), character, "{reference}");
    }
    for reference in ["#0", "#xD800", "#", "#x", "#a", "#99999999999"] {
        assert_eq!(resolve(reference), "\u{FFFD}", "{reference}");
    }
    assert_eq!(resolve("nbsp"), "&nbsp;");
    assert_eq!(with_line_feeds("a\r\nb\rc\n"), "a\nb\nc\n");
}

/// A document's content in a form that both readers can produce.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Start(String, Vec<(String, String)>),
    End,
    Text(String),
}

/// Joins adjacent text, because the readers split it differently.
fn push_text(content: &mut Vec<Content>, more: &str) {
    match content.last_mut() {
        Some(Content::Text(text)) => text.push_str(more),
        _ if more.is_empty() => {}
        _ => content.push(Content::Text(more.to_owned())),
    }
}

fn read_with_tokens(document: &str) -> Option<Vec<Content>> {
    let mut tokens = Tokens::new(document);
    let mut content = Vec::new();
    loop {
        match tokens.next_token().ok()? {
            Token::Start(name) => {
                let mut attributes = Vec::new();
                while let Some(attribute) = tokens.next_attribute().ok()? {
                    let value = attribute.value().into_owned();
                    attributes.push((attribute.name.to_owned(), value));
                }
                content.push(Content::Start(name.to_owned(), attributes));
            }
            Token::End => content.push(Content::End),
            Token::Text(text) | Token::CData(text) => {
                push_text(&mut content, &with_line_feeds(text));
            }
            Token::Reference(name) => push_text(&mut content, &resolve(name)),
            Token::Eof => return tokens.open_name().is_none().then_some(content),
        }
    }
}

fn read_with_quick_xml(document: &str) -> Option<Vec<Content>> {
    use quick_xml::events::{BytesStart, Event};
    fn start(tag: &BytesStart<'_>) -> Option<Content> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let mut read = tag.attributes();
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
        Some(Content::Start(text(tag.local_name().as_ref())?, attributes))
    }
    let mut reader = quick_xml::Reader::from_str(document);
    let mut content = Vec::new();
    let mut depth = 0_usize;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                depth += 1;
                content.push(start(&tag)?);
            }
            Event::Empty(tag) => content.extend([start(&tag)?, Content::End]),
            Event::End(_) => {
                depth -= 1;
                content.push(Content::End);
            }
            Event::Text(text) => push_text(&mut content, &text.xml10_content().ok()?),
            Event::CData(text) => push_text(&mut content, &text.xml10_content().ok()?),
            Event::GeneralRef(name) => {
                if let Some(character) = name.resolve_char_ref().ok()? {
                    push_text(&mut content, &character.to_string());
                } else {
                    let name = name.decode().ok()?;
                    let entity = quick_xml::escape::resolve_predefined_entity(&name)?;
                    push_text(&mut content, entity);
                }
            }
            Event::DocType(_) => return None,
            Event::Eof => return (depth == 0).then_some(content),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// quick-xml accepts every document that we accept, with the same content, unless it contains
    /// something that should have been escaped.
    #[test]
    fn reads_documents_as_quick_xml_does(
        pieces in collection::vec(sample::select(PIECES), 0..12)
    ) {
        let document = pieces.concat();
        if let Some(ours) = read_with_tokens(&document)
            && is_escaped(&document)
        {
            prop_assert_eq!(Some(ours), read_with_quick_xml(&document), "{}", document);
        }
    }

    #[test]
    fn accepts_well_formed_elements(
        texts in collection::vec(("[a-z:]{0,3}[a-z]", "[^<&\"]{0,12}", "[^<&]{0,12}"), 1..6)
    ) {
        let element = |(name, value, text): &(String, String, String)| {
            format!(
                "<{name} a=\"{value}\" b='&lt;&#x41;'>{text}&gt;<![CDATA[<&{text}]]></{name} >\
                 <{name}/>"
            )
        };
        let document: String = texts.iter().map(element).collect();
        let ours = read_with_tokens(&document);
        prop_assert!(ours.is_some(), "{}", document);
        prop_assert_eq!(ours, read_with_quick_xml(&document), "{}", document);
    }
}

/// Whether the document has neither a literal `&` nor an unknown entity nor a document type
/// definition.
fn is_escaped(document: &str) -> bool {
    let mut after_ampersands = document.split('&').skip(1);
    !document.contains("<!DOCTYPE")
        && after_ampersands.all(|after| {
            let known = ["amp;", "lt;", "#10;", "#65;", "#x41;"];
            known.iter().any(|reference| after.starts_with(reference))
        })
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
