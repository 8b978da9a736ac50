//! A `multipart/form-data` body with one file, which comes last and is not held in memory.
//!
//! Only the form of RFC 7578; where the bytes go is the caller's business.

use std::fmt::Write as _;

/// Everything of the body but the file's bytes.
#[derive(Debug)]
pub(crate) struct Form {
    head: Vec<u8>,
    tail: Vec<u8>,
    content_type: String,
}

impl Form {
    /// A form of these fields, then a file of this name in the field `file_field`.
    pub(crate) fn new<'f>(
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
        file_field: &str,
        file_name: &str,
    ) -> Self {
        // Random, so that no file can hold it by accident or on purpose.
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

    /// What stands before the file.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// What stands after it.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The header that names the boundary.
    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The body's length in bytes with a file of this length.
    pub(crate) fn length_with(&self, file: u64) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + file
    }
}

/// As browsers write names: quotes and line ends cannot end the header.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_body() {
        let form = Form::with_boundary(
            "B",
            [("format", "json"), ("tags[a\"\r\nb]", "x\ny")],
            "data",
            "r\".json",
        );
        let body = [form.head(), b"[]", form.tail()].concat();
        assert_eq!(form.length_with(2), body.len() as u64);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "--B\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\njson\r\n\
             --B\r\nContent-Disposition: form-data; name=\"tags[a%22%0D%0Ab]\"\r\n\r\nx\ny\r\n\
             --B\r\nContent-Disposition: form-data; name=\"data\"; filename=\"r%22.json\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n[]\r\n--B--\r\n"
        );
        assert_eq!(form.content_type(), "multipart/form-data; boundary=B");
    }

    #[test]
    fn no_two_forms_share_a_boundary() {
        let boundary = || Form::new([], "data", "a").content_type().to_owned();
        assert_ne!(boundary(), boundary());
    }
}
