//! JUnit XML: cut between test cases.
//!
//! Elements that are open at a cut are closed there and opened again in the next part, with their
//! attributes, since cases inherit some of them. The counts of a suite that is cut no longer hold
//! and are left out, but for one thing that they alone can tell: a suite that counts a failure and
//! has no failed case could not run as a whole. Its last part keeps them.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use test_engine_results::{Detail, Format, parse_with};

use super::piece::{Edit, Part, Piece, edited};

/// Attributes by which a suite counts its cases.
const COUNTS: [&[u8]; 5] = [b"tests", b"failures", b"errors", b"skipped", b"disabled"];

/// An element outside test cases.
struct Element {
    name: String,
    /// Its start tag.
    tag: Range<usize>,
    /// Behind its end tag.
    end: usize,
    /// Where its counts stand in the tag.
    counts: Vec<Range<usize>>,
    counts_failures: bool,
    has_problem: bool,
    /// The part in which it ends, when it is cut.
    last_part: Option<usize>,
}

/// A place between two test cases, with what is open there, outermost first.
struct Cut {
    at: usize,
    open: Vec<usize>,
}

pub(super) fn cut(text: &str, most: usize) -> Option<Vec<Part>> {
    let mut walk = Walk {
        text,
        most,
        elements: Vec::new(),
        open: Vec::new(),
        case_depth: 0,
        cases: 0,
        candidate: None,
        cuts: Vec::new(),
    };
    let mut reader = Reader::from_str(text);
    loop {
        let start = usize::try_from(reader.buffer_position()).ok()?;
        let event = reader.read_event().ok()?;
        let end = usize::try_from(reader.buffer_position()).ok()?;
        match event {
            Event::Start(tag) => walk.enter(&tag, start..end, false)?,
            Event::Empty(tag) => walk.enter(&tag, start..end, true)?,
            Event::End(_) => walk.leave(end)?,
            Event::Eof => break,
            _ => {}
        }
    }
    walk.parts()
}

struct Walk<'a> {
    text: &'a str,
    most: usize,
    /// Every element outside test cases, in the order of their start tags.
    elements: Vec<Element>,
    open: Vec<usize>,
    case_depth: usize,
    /// Of this part.
    cases: usize,
    /// Where to cut if another case comes.
    candidate: Option<Cut>,
    cuts: Vec<Cut>,
}

impl Walk<'_> {
    fn enter(&mut self, tag: &BytesStart<'_>, place: Range<usize>, is_empty: bool) -> Option<()> {
        let local_name = tag.local_name();
        if matches!(local_name.as_ref(), b"failure" | b"error") {
            for &element in &self.open {
                self.elements[element].has_problem = true;
            }
        }
        if self.case_depth > 0 {
            self.case_depth += usize::from(!is_empty);
        } else if local_name.as_ref() == b"testcase" {
            if let Some(cut) = self.candidate.take() {
                for &element in &cut.open {
                    self.elements[element].last_part = Some(self.cuts.len() + 1);
                }
                self.cuts.push(cut);
                self.cases = 0;
            }
            if is_empty {
                self.leave_case(place.end);
            } else {
                self.case_depth = 1;
            }
        } else if !is_empty {
            let element = self.element(tag, place)?;
            self.open.push(self.elements.len());
            self.elements.push(element);
        }
        Some(())
    }

    fn leave(&mut self, end: usize) -> Option<()> {
        if self.case_depth > 0 {
            self.case_depth -= 1;
            if self.case_depth == 0 {
                self.leave_case(end);
            }
            return Some(());
        }
        let element = self.open.pop()?;
        self.elements[element].end = end;
        // The further out a cut is, the less has to be opened again.
        if let Some(cut) = &mut self.candidate
            && self.open.len() < cut.open.len()
            && !self.open.is_empty()
        {
            cut.at = end;
            cut.open.clone_from(&self.open);
        }
        Some(())
    }

    fn leave_case(&mut self, end: usize) {
        self.cases += 1;
        if self.cases == self.most {
            self.candidate = Some(Cut {
                at: end,
                open: self.open.clone(),
            });
        }
    }

    fn element(&self, tag: &BytesStart<'_>, place: Range<usize>) -> Option<Element> {
        let mut counts = Vec::new();
        let mut counts_failures = false;
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let name = attribute.key.local_name();
            if COUNTS.contains(&name.as_ref()) {
                let start = attribute.key.as_ref().as_ptr().addr();
                let value = attribute.value.as_ref();
                let end = value.as_ptr().addr() + value.len() + "\"".len();
                let base = self.text.as_ptr().addr();
                // A value that was copied is not in the text.
                let range = start.checked_sub(base)?..end.checked_sub(base)?;
                if range.start < place.start || range.end >= place.end || range.is_empty() {
                    return None;
                }
                counts.push(range);
                counts_failures |= matches!(name.as_ref(), b"failures" | b"errors")
                    && value.iter().any(|byte| (b'1'..=b'9').contains(byte));
            }
        }
        Some(Element {
            name: std::str::from_utf8(tag.name().as_ref()).ok()?.to_owned(),
            tag: place,
            end: 0,
            counts,
            counts_failures,
            has_problem: false,
            last_part: None,
        })
    }

    fn parts(self) -> Option<Vec<Part>> {
        if self.cuts.is_empty() {
            return None;
        }
        let keeps_counts: Vec<bool> = self
            .elements
            .iter()
            .map(|element| element.last_part.is_some() && self.only_counts_tell(element))
            .collect();
        let mut parts = Vec::new();
        let mut start = 0;
        for number in 0..=self.cuts.len() {
            let mut part = Part::default();
            if let Some(before) = number.checked_sub(1) {
                part.push(Piece::text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
                for &index in &self.cuts[before].open {
                    let element = &self.elements[index];
                    let keeps = keeps_counts[index] && element.last_part == Some(number);
                    let edits = if keeps {
                        Vec::new()
                    } else {
                        element.no_counts()
                    };
                    for piece in edited(element.tag.clone(), edits) {
                        part.push(piece);
                    }
                }
            }
            let cut = self.cuts.get(number);
            let end = cut.map_or(self.text.len(), |cut| cut.at);
            let edits = self
                .elements
                .iter()
                .filter(|element| element.last_part.is_some())
                .filter(|element| (start..end).contains(&element.tag.start))
                .flat_map(Element::no_counts);
            for piece in edited(start..end, edits) {
                part.push(piece);
            }
            for &index in cut.iter().flat_map(|cut| cut.open.iter().rev()) {
                part.push(Piece::text(format!("</{}>", self.elements[index].name)));
            }
            parts.push(part);
            start = end;
        }
        Some(parts)
    }

    /// Whether a suite's counts alone tell that it could not run as a whole. The results crate
    /// knows; it is asked only where it might be so.
    fn only_counts_tell(&self, suite: &Element) -> bool {
        let place = suite.tag.start..suite.end;
        let Some(with) = self.text.get(place.clone()) else {
            return false;
        };
        if !suite.counts_failures || suite.has_problem {
            return false;
        }
        let without = Part::of(edited(place, suite.no_counts())).bytes(self.text.as_bytes());
        let errors = |document: &[u8]| {
            parse_with(Format::Junit, document, Detail::Outcomes)
                .map_or(0, |report| report.errors_outside_tests.len())
        };
        errors(with.as_bytes()) > errors(&without)
    }
}

impl Element {
    fn no_counts(&self) -> Vec<Edit> {
        let left_out = |range: &Range<usize>| Edit {
            range: range.clone(),
            with: Vec::new(),
        };
        self.counts.iter().map(left_out).collect()
    }
}
