//! Reads the elements of an XML document that are results, one at a time.

use test_engine_results::MAX_XML_DEPTH;
use test_engine_results::xml::{Token, Tokens, resolve, with_line_feeds};

use super::Problem;
use crate::result_format::ConvertedFormat;

#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let (_, value) = attributes.find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// The attribute, or an empty text.
    pub(super) fn get(&self, name: &str) -> String {
        self.attribute(name).unwrap_or_default().to_owned()
    }

    /// The first descendant at this path of names.
    pub(super) fn child(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let mut children = self.children.iter();
        children.find(|child| child.name == *first)?.child(rest)
    }

    pub(super) fn text_at(&self, path: &[&str]) -> String {
        let text = self.child(path).map(|element| element.text.trim());
        text.unwrap_or_default().to_owned()
    }

    pub(super) fn seconds(&self, attribute: &str) -> Option<f64> {
        self.attribute(attribute)?.parse().ok()
    }
}

/// Calls `on_record` with each outermost element whose name is in `records`, after its end, and
/// with the elements around it, outermost first. These have attributes, but neither children nor
/// text.
pub(super) fn read(
    text: &str,
    format: ConvertedFormat,
    records: &[&str],
    mut on_record: impl FnMut(&[Element], Element),
) -> Result<(), Problem> {
    let roots = format.roots();
    let mut tokens = Tokens::new(text);
    // Around a record, then a record and the open elements in it.
    let mut open: Vec<Element> = Vec::new();
    let mut record_depth = None;
    let mut has_root = false;
    loop {
        let token = tokens.next_token().map_err(|message| Problem {
            at: tokens.start(),
            message,
        })?;
        match token {
            Token::Start(name) => {
                if !has_root && !roots.contains(&name) {
                    let roots = roots.join(" or ");
                    let message = format!("expected {roots} as the root element, found {name}");
                    return Err(Problem {
                        at: tokens.start(),
                        message,
                    });
                }
                has_root = true;
                if open.len() >= MAX_XML_DEPTH {
                    return Err(Problem {
                        at: tokens.start(),
                        message: format!("elements are nested more than {MAX_XML_DEPTH} deep"),
                    });
                }
                let element = start(name, &mut tokens)?;
                if record_depth.is_none() && records.contains(&name) {
                    record_depth = Some(open.len());
                }
                open.push(element);
            }
            Token::End => {
                let Some(element) = open.pop() else { continue };
                if record_depth == Some(open.len()) {
                    record_depth = None;
                    on_record(&open, element);
                } else if record_depth.is_some()
                    && let Some(parent) = open.last_mut()
                {
                    parent.children.push(element);
                }
            }
            Token::Text(text) | Token::CData(text) => {
                push_text(&mut open, record_depth, &with_line_feeds(text));
            }
            Token::Reference(name) => push_text(&mut open, record_depth, &resolve(name)),
            Token::Eof => break,
        }
    }
    let at = text.len();
    match open.last() {
        Some(element) => Err(Problem {
            at,
            message: format!("unexpected end of file inside {}", element.name),
        }),
        None if has_root => Ok(()),
        None => Err(Problem::at_start(format!(
            "no element found, expected {}",
            roots.join(" or ")
        ))),
    }
}

fn start(name: &str, tokens: &mut Tokens<'_>) -> Result<Element, Problem> {
    let mut element = Element {
        name: name.to_owned(),
        ..Element::default()
    };
    let at = tokens.start();
    while let Some(attribute) = tokens
        .next_attribute()
        .map_err(|message| Problem { at, message })?
    {
        let value = attribute.value().into_owned();
        element.attributes.push((attribute.name.to_owned(), value));
    }
    Ok(element)
}

fn push_text(open: &mut [Element], record_depth: Option<usize>, text: &str) {
    if record_depth.is_some()
        && let Some(element) = open.last_mut()
    {
        element.text.push_str(text);
    }
}
