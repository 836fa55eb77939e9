//! The elements of what thin_dump and thin_delta print: a small part of XML, one element after another, in bounded memory.

use std::io::{self, BufRead};

/// The longest element: the tools print numbers and short words.
const ELEMENT_BYTES_MAX: u64 = 4096;

/// The begin of an element or its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name; that of an end has a slash before it.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// The number that this attribute holds.
    pub(super) fn number(&self, name: &str) -> io::Result<u64> {
        let value = self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let number = value.and_then(|value| value.parse().ok());
        number.ok_or_else(|| broken(&format!("a <{}> has no number {name}", self.name)))
    }
}

/// Reads elements until the outermost, `superblock`, ends.
pub(super) struct Elements<R> {
    input: R,
    has_begun: bool,
    has_ended: bool,
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, has_begun: false, has_ended: false }
    }

    /// The next element; `None` behind the end of the outermost.
    pub(super) fn next(&mut self) -> io::Result<Option<Element>> {
        let text = loop {
            let between = self.take_until(b'<')?;
            if !between.trim_ascii().is_empty() {
                return Err(broken("there is text between its elements"));
            }
            if self.has_ended {
                return Ok(None);
            }
            let text = self.take_until(b'>')?;
            // A declaration or a comment says nothing of blocks.
            if !text.starts_with(b"?") && !text.starts_with(b"!--") {
                break text;
            }
        };
        let text = std::str::from_utf8(&text).map_err(|_| broken("it is no text"))?;
        let element = parse(text).ok_or_else(|| broken("one of its elements is none"))?;
        match (element.name.as_str(), self.has_begun) {
            ("superblock", false) => self.has_begun = true,
            (_, false) | ("superblock", true) => return Err(broken("it does not begin with one <superblock>")),
            ("/superblock", true) => self.has_ended = true,
            _ => {}
        }
        Ok(Some(element))
    }

    /// What comes before this byte, which is taken as well. Only behind the outermost element the end may come first.
    fn take_until(&mut self, byte: u8) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        io::Read::take(&mut self.input, ELEMENT_BYTES_MAX).read_until(byte, &mut text)?;
        match text.pop() {
            Some(last) if last == byte && !self.has_ended => Ok(text),
            Some(last) if last != byte && self.has_ended => Ok([text, vec![last]].concat()),
            None if self.has_ended => Ok(text),
            Some(_) if text.len() as u64 + 1 == ELEMENT_BYTES_MAX => Err(broken("one of its elements does not end")),
            Some(_) if self.has_ended => Err(broken("it goes on behind its end")),
            _ => Err(broken("it ends too early")),
        }
    }
}

/// What is wrong with an answer.
pub(super) fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("its answer is not understood: {why}"))
}

/// Takes `name key="value" …`, with a slash before or behind, apart.
fn parse(text: &str) -> Option<Element> {
    let text = text.strip_suffix('/').unwrap_or(text).trim_end();
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name(name.strip_prefix('/').unwrap_or(name)).then_some(())?;
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(Element { name: name.to_owned(), attributes });
        }
        let (key, behind) = rest.split_once("=\"")?;
        let (value, behind) = behind.split_once('"')?;
        is_name(key).then_some(())?;
        attributes.push((key.to_owned(), value.to_owned()));
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> io::Result<Vec<Element>> {
        let mut elements = Elements::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(element) = elements.next()? {
            all.push(element);
        }
        Ok(all)
    }

    #[test]
    fn elements_come_one_after_another() {
        let text = "<?xml?>\n<superblock uuid=\"\" time=\"1\">\n  <diff left=\"2\" right=\"1\"><same begin=\"0\" length = \"3\"/></diff></superblock>\n\n";
        assert!(all(text).is_err(), "a blank before the equals sign is not what the tools print");
        let elements = all(&text.replace(" = ", "=")).unwrap();
        let names: Vec<_> = elements.iter().map(|element| element.name.as_str()).collect();
        assert_eq!(names, ["superblock", "diff", "same", "/diff", "/superblock"]);
        assert_eq!((elements[2].number("length").unwrap(), elements[1].number("left").unwrap()), (3, 2));
        assert!(elements[2].number("left").is_err() && elements[0].number("uuid").is_err());
    }

    #[test]
    fn what_is_cut_or_hostile_is_an_error() {
        let whole = "<superblock time=\"1\"><a b=\"1\"/></superblock>";
        for length in 0..whole.len() {
            assert!(all(&whole[..length]).is_err(), "{length}");
        }
        let long = format!("<superblock x=\"{}\"></superblock>", "y".repeat(5000));
        let blanks = format!("<superblock>{}</superblock>", " ".repeat(5000));
        for text in [
            "<a/></superblock>",
            "<superblock><superblock></superblock>",
            "<superblock>x</superblock>",
            "<superblock></superblock>x",
            "<superblock></superblock><a/>",
            "<superblock><></superblock>",
            "<superblock a=b></superblock>",
            "<superblock a=\"b></superblock>",
            "<superblock>\u{e4}</superblock>",
            &long,
            &blanks,
        ] {
            assert!(all(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "[<>/ a=\"1superblock]{0,80}") {
            let _ = all(&text);
            let _ = all(&format!("<superblock>{text}</superblock>"));
        }
    }
}
