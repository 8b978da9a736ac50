//! A `multipart/form-data` body (RFC 7578) with one file at its end, which is streamed.

use std::fmt::Write as _;

/// The body without the content of the file.
#[derive(Debug)]
pub(crate) struct Form {
    /// Precedes the file.
    pub head: Vec<u8>,
    /// Follows the file.
    pub tail: Vec<u8>,
    /// Has the boundary.
    pub content_type: String,
}

impl Form {
    pub(crate) fn new<'f>(
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
        file_field: &str,
        file_name: &str,
    ) -> Self {
        // Random, so that no file can contain it by accident or on purpose.
        Self::with_boundary(
            &format!("bktec-{}", uuid::Uuid::new_v4().simple()),
            fields,
            file_field,
            file_name,
        )
    }

    fn with_boundary<'f>(
        boundary: &str,
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
        file_field: &str,
        file_name: &str,
    ) -> Self {
        let mut head = String::new();
        for (name, value) in fields {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n",
                escaped(name)
            );
        }
        let _ = write!(
            head,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            escaped(file_field),
            escaped(file_name)
        );
        Self {
            head: head.into_bytes(),
            tail: format!("\r\n--{boundary}--\r\n").into_bytes(),
            content_type: format!("multipart/form-data; boundary={boundary}"),
        }
    }

    /// The length of the body in bytes with a file of `file` bytes.
    pub(crate) fn length_with(&self, file: u64) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + file
    }
}

/// Escapes like browsers, so that quotes and line breaks cannot end the header.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_fields_before_the_file() {
        let form = Form::with_boundary(
            "B",
            [("format", "json"), ("tags[a\"\r\nb]", "x\ny")],
            "data",
            "r\".json",
        );
        let body = [&form.head[..], b"[]", &form.tail].concat();
        assert_eq!(form.length_with(2), body.len() as u64);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "--B\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\njson\r\n\
             --B\r\nContent-Disposition: form-data; name=\"tags[a%22%0D%0Ab]\"\r\n\r\nx\ny\r\n\
             --B\r\nContent-Disposition: form-data; name=\"data\"; filename=\"r%22.json\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n[]\r\n--B--\r\n"
        );
        assert_eq!(form.content_type, "multipart/form-data; boundary=B");
    }

    #[test]
    fn every_form_has_its_own_boundary() {
        let boundary = || Form::new([], "data", "a").content_type;
        assert_ne!(boundary(), boundary());
    }
}
