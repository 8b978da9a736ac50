//! Reads `multipart/form-data` (RFC 7578) from a body in memory.
//!
//! The values are parts of the body, not copies: a form with a large file takes no more memory than
//! its body. Larger uploads than those of results are read as streams instead.

use axum::body::Bytes;
use memchr::memmem;

/// Bytes of the headers of a field: its name and the name of its file.
const MAX_HEADERS: usize = 64 * 1_024;

/// The fields of a form, in order.
pub(crate) struct Fields {
    /// What follows the delimiter of the next field, or the end of the form.
    rest: Bytes,
    /// With the line break before it.
    delimiter: Vec<u8>,
    has_ended: bool,
}

pub(crate) struct Field {
    /// Empty if the field has none.
    pub(crate) name: String,
    pub(crate) value: Bytes,
}

impl Fields {
    /// `content_type` is the value of the header.
    pub(crate) fn new(content_type: &str, body: &Bytes) -> Result<Self, &'static str> {
        let boundary = boundary(content_type).ok_or("its Content-Type has no boundary")?;
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        let first = &delimiter[2..];
        let start = if body.starts_with(first) {
            first.len()
        } else {
            let preamble = memmem::find(body, &delimiter);
            preamble.ok_or("it does not contain its boundary")? + delimiter.len()
        };
        Ok(Self {
            rest: body.slice(start..),
            delimiter,
            has_ended: false,
        })
    }

    fn read(&mut self) -> Result<Option<Field>, &'static str> {
        if self.rest.starts_with(b"--") {
            return Ok(None);
        }
        let rest = after_blanks(&self.rest);
        let rest = rest
            .strip_prefix(b"\r\n")
            .ok_or("it ends early, or its boundary is followed by text")?;
        let (headers, value) =
            split_headers(rest).ok_or("it ends in the headers of a field, or they are too long")?;
        let name = name(headers).unwrap_or_default();
        let length = self.value_length(value).ok_or("it ends in a field")?;
        let field = Field {
            name,
            value: self.rest.slice_ref(&value[..length]),
        };
        self.rest = self.rest.slice_ref(&value[length + self.delimiter.len()..]);
        Ok(Some(field))
    }

    /// The length of the value at the start of `rest`.
    fn value_length(&self, rest: &[u8]) -> Option<usize> {
        memmem::find_iter(rest, &self.delimiter).find(|at| {
            // A longer line may start like the delimiter.
            let after = after_blanks(&rest[at + self.delimiter.len()..]);
            after.is_empty() || after.starts_with(b"\r\n") || after.starts_with(b"--")
        })
    }
}

impl Iterator for Fields {
    type Item = Result<Field, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let field = self.read().transpose();
        self.has_ended = !matches!(field, Some(Ok(_)));
        field
    }
}

/// Without the spaces and tabs at the start.
fn after_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    &text[start.unwrap_or(text.len())..]
}

/// A field may have no headers.
fn split_headers(field: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(value) = field.strip_prefix(b"\r\n") {
        return Some((&[], value));
    }
    let start = &field[..field.len().min(MAX_HEADERS)];
    let end = memmem::find(start, b"\r\n\r\n")?;
    Some((&field[..end], &field[end + 4..]))
}

fn name(headers: &[u8]) -> Option<String> {
    let headers = String::from_utf8_lossy(headers);
    let mut values = headers.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_disposition = name.trim().eq_ignore_ascii_case("content-disposition");
        is_disposition.then(|| value.to_owned())
    });
    parameter(&values.next()?, "name")
}

fn boundary(content_type: &str) -> Option<String> {
    parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The value of a parameter of a header: `form-data; name="data"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        // A parameter without a value may precede it.
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let (value, after) = parameter_value(after.trim_start());
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// The value at the start of `text`, which may be quoted, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            // Browsers escape only quotes, and leave backslashes of Windows paths alone.
            '\\' if quoted[at + 1..].starts_with('"') => {
                value.push('"');
                letters.next();
            }
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::Fields;

    const TYPE: &str = "multipart/form-data; boundary=x-1";

    /// The fields as `name=value`, or the error.
    fn fields(content_type: &str, body: &[u8]) -> Result<Vec<String>, &'static str> {
        let fields = Fields::new(content_type, &Bytes::copy_from_slice(body))?;
        let shown = fields.map(|field| {
            let field = field?;
            let value = String::from_utf8_lossy(&field.value);
            Ok(format!("{}={value}", field.name))
        });
        shown.collect()
    }

    #[test]
    fn reads_fields_in_order() {
        let body = b"preamble\r\n--x-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
            --x-1  \r\ncontent-type: text/xml\r\nCONTENT-DISPOSITION: form-data; \
            filename=\"C:\\a;name=b.xml\"; name=\"run_env[\\\"k\\\"]\"\r\n\r\n\
            \r\n--x-10\r\n--x\r\n\0\xFF\r\n--x-1\r\n\r\nnameless\r\n--x-1--\r\nepilogue";
        let expected = [
            "a=1",
            "run_env[\"k\"]=\r\n--x-10\r\n--x\r\n\0\u{FFFD}",
            "=nameless",
        ];
        assert_eq!(fields(TYPE, body).unwrap(), expected);
    }

    #[test]
    fn reads_boundaries_of_every_form() {
        for content_type in [
            "multipart/form-data; boundary=x-1",
            "multipart/form-data;charset=utf-8;Boundary = \"x-1\"",
            "multipart/form-data; boundary=x-1; charset=utf-8",
        ] {
            let body = b"--x-1\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--x-1--";
            assert_eq!(
                fields(content_type, body).unwrap(),
                ["a="],
                "{content_type}"
            );
        }
    }

    #[test]
    fn a_form_without_fields_is_empty() {
        assert_eq!(fields(TYPE, b"--x-1--\r\n"), Ok(Vec::new()));
    }

    #[test]
    fn invalid_forms_are_errors() {
        for (content_type, body, expected) in [
            ("multipart/form-data", &b"--x"[..], "no boundary"),
            ("multipart/form-data; boundary=", b"--x", "no boundary"),
            (TYPE, b"", "not contain its boundary"),
            (TYPE, b"--x-2\r\n", "not contain its boundary"),
            (TYPE, b"--x-1", "ends early"),
            (TYPE, b"--x-1junk\r\n", "followed by text"),
            (TYPE, b"--x-1\r\nContent-Type: a\r\n", "in the headers"),
            (TYPE, b"--x-1\r\n\r\nvalue", "in a field"),
            (TYPE, b"--x-1\r\n\r\nvalue\r\n--x-1", "ends early"),
        ] {
            let error = fields(content_type, body).unwrap_err();
            assert!(error.contains(expected), "{body:?}: {error}");
        }
    }

    #[test]
    fn values_are_not_copied() {
        let body = Bytes::from_static(b"--x-1\r\n\r\nvalue\r\n--x-1--");
        let mut fields = Fields::new(TYPE, &body).unwrap();
        let field = fields.next().unwrap().unwrap();
        assert_eq!(field.value.as_ptr(), body[9..].as_ptr());
    }
}
