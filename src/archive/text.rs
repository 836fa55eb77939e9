//! JSON in its one spelling: a scanner that accepts nothing else, and writers for the parts of a line.
//!
//! The lines that occur once per extent are written and read here rather than with serde: there may be a million of them, and since
//! there is only one spelling, reading is comparing.

use super::digest::Digest;
use super::limit;

/// Appends a number in decimal.
pub fn push_number(text: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut first = digits.len();
    let mut rest = number;
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[first..]);
}

/// Appends a number with leading zeros, `width` digits in all.
pub fn push_padded(text: &mut Vec<u8>, number: u64, width: usize) {
    let start = text.len();
    text.resize(start + width, b'0');
    let mut rest = number;
    for digit in text[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Reads a text from its start on; each method either takes something off its front or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// A scanner of all of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Takes exactly these bytes.
    pub fn literal(&mut self, literal: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    /// Takes one byte if it is this one.
    pub fn byte(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a number without leading zeros, at most 2^53 − 1.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        let mut digits = 0;
        while let Some(digit) = self.rest.get(digits).filter(|byte| byte.is_ascii_digit()) {
            number = number * 10 + u64::from(digit - b'0');
            digits += 1;
            if number > limit::NUMBER {
                return None;
            }
        }
        if digits == 0 || (digits > 1 && self.rest[0] == b'0') {
            return None;
        }
        self.rest = &self.rest[digits..];
        Some(number)
    }

    /// Takes a number of exactly `width` digits.
    pub fn padded(&mut self, width: usize) -> Option<u64> {
        let (digits, rest) = self.rest.split_at_checked(width)?;
        let number = digits.iter().try_fold(0u64, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        })?;
        self.rest = rest;
        (number <= limit::NUMBER).then_some(number)
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self) -> Option<bool> {
        if self.literal("true").is_some() {
            return Some(true);
        }
        self.literal("false").map(|()| false)
    }

    /// Takes a digest: 64 lower-case hexadecimal digits.
    pub fn digest(&mut self) -> Option<Digest> {
        let (digits, rest) = self.rest.split_at_checked(64)?;
        let digest = Digest::from_hex(digits)?;
        self.rest = rest;
        Some(digest)
    }

    /// Takes everything up to the next quotation mark, not including it, if it is plain: 1 to `most` letters, digits, dots, slashes and the like, without escapes.
    pub fn plain(&mut self, most: usize) -> Option<&'a str> {
        let length = self.rest.iter().position(|&byte| byte == b'"')?;
        let (plain, rest) = self.rest.split_at(length);
        if plain.is_empty()
            || plain.len() > most
            || !plain.iter().all(|byte| super::member::is_name_byte(*byte) || *byte == b'/')
        {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(plain).ok()
    }

    /// Whether nothing is left.
    pub fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        let number = |text: &str| Scanner::new(text.as_bytes()).number();
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("9007199254740991,"), Some(limit::NUMBER));
        for wrong in ["", "01", "00", "-1", "+1", "9007199254740992", "99999999999999999999999999", " 1"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn plain_texts_end_at_a_quotation_mark_and_are_neither_empty_nor_long_nor_odd() {
        let plain = |text| {
            let mut scanner = Scanner::new(text);
            let plain = scanner.plain(4);
            (plain, scanner.rest)
        };
        assert_eq!(plain(b"a/.1\" and more"), (Some("a/.1"), &b"\" and more"[..]));
        assert_eq!(plain(b"x\""), (Some("x"), &b"\""[..]));
        for wrong in [&b"\""[..], b"", b"abc", b"abcde\"", b"abcdef\"", b"a b\"", b"a\\b\"", b"\xc3\xa4\""] {
            assert_eq!(plain(wrong), (None, wrong));
        }
    }

    #[test]
    fn written_numbers_read_back() {
        for number in [0, 9, 10, 4096, limit::NUMBER] {
            let mut text = Vec::new();
            push_number(&mut text, number);
            assert_eq!(Scanner::new(&text).number(), Some(number));
            text.clear();
            push_padded(&mut text, number, 20);
            assert_eq!((text.len(), Scanner::new(&text).padded(20)), (20, Some(number)));
        }
    }
}
