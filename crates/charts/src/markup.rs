//! Writes elements. Every text and every attribute value is escaped here, and nowhere else.

use std::fmt::{self, Display, Write};

/// Characters of a label that names things of other programs.
const MAX_LABEL: usize = 160;

/// Attributes with their values.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// Elements of SVG or HTML.
#[derive(Default)]
pub(crate) struct Markup(String);

impl Markup {
    pub(crate) fn open(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.0.push('>');
    }

    pub(crate) fn close(&mut self, tag: &str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element of SVG without content.
    pub(crate) fn empty(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.0.push_str("/>");
    }

    pub(crate) fn element(&mut self, tag: &str, attributes: Attributes<'_>, text: &str) {
        self.open(tag, attributes);
        self.text(text);
        self.close(tag);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.write(&text);
    }

    /// A path, unless it is empty.
    pub(crate) fn path(&mut self, class: &str, shape: &str) {
        if !shape.is_empty() {
            self.empty("path", &[("class", &class), ("d", &shape)]);
        }
    }

    /// Markup of this crate.
    pub(crate) fn insert(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn start(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.write(*value);
            self.0.push('"');
        }
    }

    fn write(&mut self, value: &dyn Display) {
        // A String accepts everything.
        let _never_fails = write!(Escaped(&mut self.0), "{value}");
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(' '),
                // Neither HTML nor XML allows them.
                _ if character.is_control() => self.0.push('\u{fffd}'),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

/// The text as markup that shows it.
pub fn escape(text: &str) -> String {
    let mut markup = Markup::default();
    markup.text(text);
    markup.finish()
}

/// A name within a sentence of a label: shortened, and without effect on the direction of the text
/// around it.
pub fn isolate(name: &str) -> String {
    let is_long = name.chars().nth(MAX_LABEL).is_some();
    let mut text: String = name.chars().take(MAX_LABEL).collect();
    if is_long {
        text.push('…');
    }
    if name.is_ascii() {
        return text;
    }
    // Unclosed overrides in the name end where the isolate ends.
    format!("\u{2068}{text}\u{2069}")
}

#[cfg(test)]
mod tests {
    use super::{Markup, escape, isolate};

    #[test]
    fn texts_and_values_cannot_end_their_place() {
        let hostile = "\"'><script>&\u{0}\n";
        let mut markup = Markup::default();
        markup.element("text", &[("aria-label", &hostile)], hostile);
        let escaped = "&quot;&#39;&gt;&lt;script&gt;&amp;\u{fffd} ";
        assert_eq!(
            markup.finish(),
            format!("<text aria-label=\"{escaped}\">{escaped}</text>")
        );
        assert_eq!(escape(hostile), escaped);
    }

    #[test]
    fn names_in_labels_are_short_and_isolated() {
        assert_eq!(isolate("main"), "main");
        assert_eq!(isolate("ענף"), "\u{2068}ענף\u{2069}");
        assert_eq!(isolate(&"é".repeat(10_000)).chars().count(), 163);
        assert_eq!(isolate(&"e".repeat(10_000)).chars().count(), 161);
    }
}
