//! A gzip tar that is streamed although the size of its first file is known only at the end.
//!
//! A tar header contains the file's size. So the first blocks of the tar are stored uncompressed in
//! the gzip stream and overwritten at the end. The result is a normal archive with one gzip member.

use std::io::{self, Seek, SeekFrom, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

const RECORDS: &str = "commit-metadata.jsonl";
const METADATA: &str = "metadata.json";
const BLOCK: usize = 512;

/// No name, no time, unknown compression level, unknown operating system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Of the first deflate block: its type, its length, and its inverted length.
const STORED_HEADER_BYTES: usize = 5;

/// Records of tens of megabytes shrink to a tenth at any level; a higher one takes more time than
/// it saves in the upload.
const LEVEL: Compression = Compression::new(4);

/// An archive in progress. What is written to it becomes the content of the records file.
pub(crate) struct Archive<W: Write + Seek> {
    compressed: DeflateEncoder<W>,
    directory: String,
    modified: u64,
    /// Of everything after the first blocks.
    crc: Crc,
    written: u64,
}

impl<W: Write + Seek> Archive<W> {
    /// `modified` is in seconds since 1970.
    pub(crate) fn new(mut output: W, directory: &str, modified: u64) -> io::Result<Self> {
        // Reserves the space of the final header.
        let front = file_header(directory, RECORDS, 0, modified)?;
        output.write_all(&GZIP_HEADER)?;
        output.write_all(&stored_block_header(&front)?)?;
        output.write_all(&front)?;
        Ok(Self {
            compressed: DeflateEncoder::new(output, LEVEL),
            directory: directory.to_owned(),
            modified,
            crc: Crc::new(),
            written: 0,
        })
    }

    /// Ends the records, adds the metadata file, and returns the output.
    pub(crate) fn finish(mut self, metadata: &[u8]) -> io::Result<W> {
        let records = self.written;
        self.pad()?;
        let size = metadata.len() as u64;
        let header = file_header(&self.directory, METADATA, size, self.modified)?;
        self.write_all(&header)?;
        self.write_all(metadata)?;
        self.pad()?;
        // Two empty blocks end a tar.
        self.write_all(&[0; 2 * BLOCK])?;

        let front = file_header(&self.directory, RECORDS, records, self.modified)?;
        let mut crc = Crc::new();
        crc.update(&front);
        crc.combine(&self.crc);
        let mut output = self.compressed.finish()?;
        output.write_all(&crc.sum().to_le_bytes())?;
        output.write_all(&crc.amount().to_le_bytes())?;
        output.seek(SeekFrom::Start(
            (GZIP_HEADER.len() + STORED_HEADER_BYTES) as u64,
        ))?;
        output.write_all(&front)?;
        output.seek(SeekFrom::End(0))?;
        output.flush()?;
        Ok(output)
    }

    fn pad(&mut self) -> io::Result<()> {
        let in_last_block = usize::try_from(self.written % BLOCK as u64).unwrap_or_default();
        if in_last_block > 0 {
            self.write_all(&[0; BLOCK][in_last_block..])?;
        }
        Ok(())
    }
}

impl<W: Write + Seek> Write for Archive<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.compressed.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.compressed.flush()
    }
}

/// The tar blocks before a file's content.
fn file_header(directory: &str, name: &str, size: u64, modified: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(modified);
    header.set_size(0);
    // The library encodes long names; the size is set afterwards.
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, format!("{directory}/{name}"), io::empty())?;
    let mut blocks = builder.get_ref().clone();
    header.set_size(size);
    header.set_cksum();
    let last = blocks.len() - header.as_bytes().len();
    blocks.truncate(last);
    blocks.extend_from_slice(header.as_bytes());
    Ok(blocks)
}

fn stored_block_header(content: &[u8]) -> io::Result<[u8; STORED_HEADER_BYTES]> {
    let length = u16::try_from(content.len())
        .map_err(|_| io::Error::other("the archive's name is too long"))?;
    let [low, high] = length.to_le_bytes();
    Ok([0, low, high, !low, !high])
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use flate2::read::GzDecoder;

    use super::*;

    fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut whole = Vec::new();
        let mut decoder = GzDecoder::new(bytes);
        decoder.read_to_end(&mut whole).unwrap();
        let mut archive = tar::Archive::new(whole.as_slice());
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| {
                let mut entry = entry.unwrap();
                let name = entry.path().unwrap().display().to_string();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (name, content)
            })
            .collect()
    }

    #[test]
    fn writes_a_normal_archive_with_one_member() {
        for (directory, records) in [
            ("d".to_owned(), Vec::new()),
            ("d".to_owned(), b"{}\n".repeat(300_000)),
            ("d".repeat(200), vec![b'x'; 512]),
        ] {
            let mut archive =
                Archive::new(Cursor::new(Vec::new()), &directory, 1_700_000_000).unwrap();
            for part in records.chunks(1_000) {
                archive.write_all(part).unwrap();
            }
            let bytes = archive.finish(b"{\"a\":1}").unwrap().into_inner();
            let files = unpacked(&bytes);
            assert_eq!(files.len(), 2);
            assert_eq!(files[0].0, format!("{directory}/{RECORDS}"));
            assert!(files[0].1 == records);
            assert_eq!(
                files[1],
                (format!("{directory}/{METADATA}"), b"{\"a\":1}".to_vec())
            );
        }
    }

    #[test]
    fn rejects_a_name_that_does_not_fit_into_the_first_block() {
        assert!(Archive::new(Cursor::new(Vec::new()), &"d".repeat(70_000), 0).is_err());
    }
}
