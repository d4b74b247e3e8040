//! A strict JSON reader that hands out pieces of the text instead of building a tree (RFC 8259).

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::polygons::Point;
use crate::read::number;
use crate::read::strings::{Fault, string_end, unescape};
use crate::read::words::{after_space, string_stop};

/// Deepest nesting accepted; real exports need about 12.
const MAX_DEPTH: usize = 512;

/// What a value is, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    String,
    /// `-` or a digit
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A value that is no container, or the fact that it was one.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The digits as written.
    Number(&'a str),
    /// The text, unescaped.
    Text(Cow<'a, str>),
    /// An object or a list, skipped.
    Container,
}

impl Scalar<'_> {
    /// The number, if it is one; infinite where it is beyond doubles.
    pub fn number(&self) -> Option<f64> {
        match self {
            Scalar::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The whole number, if it is one that fits; also written as `7.0`.
    pub fn integer(&self) -> Option<i64> {
        let Scalar::Number(digits) = self else { return None };
        digits.parse().ok().or_else(|| {
            let value: f64 = digits.parse().ok()?;
            (value.fract() == 0.0 && value.abs() < 9.0e15).then_some(value as i64)
        })
    }
}

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Where the text starts in the file, for positions in errors.
    base: usize,
}

impl<'a> Cursor<'a> {
    /// Start at the beginning of a text that lies at byte `base` of a file.
    pub fn new(text: &'a str, base: usize) -> Self {
        Cursor { text, at: 0, base }
    }

    /// The current byte, counted from the start of the file.
    pub fn position(&self) -> usize {
        self.base + self.at
    }

    /// An error at the current byte.
    #[cold]
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::Export { message: message.into(), position: self.position() }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        self.at = after_space(self.text.as_bytes(), self.at);
    }

    /// What the next value is; the cursor moves to its first byte.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind> {
        self.space();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(self.error("not JSON: a value should start here")),
            None => Err(self.cut_off()),
        }
    }

    #[cold]
    fn cut_off(&self) -> Error {
        self.error("the file ends in the middle; it was cut off: download or export it again")
    }

    #[inline]
    fn require(&mut self, byte: u8) -> Result<()> {
        self.space();
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.error(format!("not JSON: '{}' should stand here", byte as char))),
            None => Err(self.cut_off()),
        }
    }

    /// After an element: whether another one follows (`,`) or the container ends.
    #[inline]
    fn more(&mut self, close: u8) -> Result<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) => Err(self.error(format!("not JSON: ',' or '{}' should stand here", close as char))),
            None => Err(self.cut_off()),
        }
    }

    /// Walk an object. `member` gets each key with the cursor before the value, and must consume the value.
    #[inline]
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.members(|cursor, key| member(cursor, &key))
    }

    /// Walk an object as [`Cursor::object`] does, with keys that may be kept.
    #[inline]
    pub fn members(&mut self, member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>) -> Result<()> {
        self.require(b'{')?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        self.space();
        let key = self.string()?;
        self.require(b':')?;
        self.members_from(key, member)
    }

    /// Walk an object from behind a key on.
    #[inline]
    pub(super) fn members_from(
        &mut self,
        mut key: Cow<'a, str>,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>,
    ) -> Result<()> {
        loop {
            member(self, key)?;
            if !self.more(b'}')? {
                return Ok(());
            }
            self.space();
            key = self.string()?;
            self.require(b':')?;
        }
    }

    /// Walk a list. `item` is called with the cursor before each value, and must consume the value.
    #[inline]
    pub fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.require(b'[')?;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// The next value, if it is no container; containers are skipped.
    pub fn scalar(&mut self) -> Result<Scalar<'a>> {
        Ok(match self.kind()? {
            Kind::Null => {
                self.skip()?;
                Scalar::Null
            }
            Kind::Bool => Scalar::Bool(self.raw()? == "true"),
            Kind::Number => Scalar::Number(self.raw()?),
            Kind::String => Scalar::Text(self.string()?),
            Kind::Object | Kind::Array => {
                self.skip()?;
                Scalar::Container
            }
        })
    }

    /// Skip the next value, checking its grammar, and return its text.
    pub fn raw(&mut self) -> Result<&'a str> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// The text from here to a later place.
    pub fn until(&self, later: &Self) -> &'a str {
        self.text.get(self.at..later.at).unwrap_or_default()
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Result<f64> {
        match number::number(self.text, self.at) {
            Ok((value, end)) => {
                self.at = end;
                Ok(value)
            }
            Err(missing) => Err(self.unfinished_number(missing)),
        }
    }

    /// The next value if it is a number; anything else is skipped.
    #[inline]
    pub fn number_or_skip(&mut self) -> Result<Option<f64>> {
        if self.kind()? == Kind::Number { self.number().map(Some) } else { self.skip().map(|()| None) }
    }

    /// A list of points, pairs of numbers. Whether all were; those that are none are left out.
    pub fn points(&mut self, points: &mut Vec<Point>) -> Result<bool> {
        self.require(b'[')?;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(true);
        }
        let mut all = true;
        loop {
            match pair(self.text.as_bytes(), self.at) {
                Some((point, end)) => {
                    points.push(point);
                    self.at = end;
                }
                None => match self.point()? {
                    Some(point) => points.push(point),
                    None => all = false,
                },
            }
            if self.peek() == Some(b',') {
                self.at += 1;
            } else if !self.more(b']')? {
                return Ok(all);
            }
        }
    }

    /// A pair of numbers in any notation; `None` for any other value.
    #[cold]
    fn point(&mut self) -> Result<Option<Point>> {
        if self.kind()? != Kind::Array {
            self.skip()?;
            return Ok(None);
        }
        let (mut point, mut count, mut all) = ([f64::NAN; 2], 0_usize, true);
        self.array(|cursor| {
            match cursor.number_or_skip()? {
                Some(number) => {
                    if let Some(slot) = point.get_mut(count) {
                        *slot = number;
                    }
                }
                None => all = false,
            }
            count += 1;
            Ok(())
        })?;
        Ok((all && count == 2).then_some(point))
    }

    /// Go past a list, an object or a string that has been read before, if the text stands here again byte by byte. What
    /// was read is whole, so that nothing longer can start with it.
    #[inline]
    pub fn repeated(&mut self, before: &str) -> bool {
        let here = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let same = !before.is_empty() && here.starts_with(before.as_bytes());
        if same {
            self.at += before.len();
        }
        same
    }

    /// A string, unescaped; borrowed where nothing was escaped.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        match self.plain_string() {
            Some(plain) => Ok(Cow::Borrowed(plain)),
            None => self.any_string(),
        }
    }

    /// A string without escapes, as almost all are.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        if self.peek() != Some(b'"') {
            return None;
        }
        let end = string_stop(bytes, self.at + 1);
        if bytes.get(end) != Some(&b'"') {
            return None;
        }
        let inner = self.text.get(self.at + 1..end);
        self.at = end + 1;
        inner
    }

    fn any_string(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at + 1;
        let escaped = self.skip_string()?;
        let inner = &self.text[start..self.at - 1];
        if escaped { Ok(Cow::Owned(unescape(inner))) } else { Ok(Cow::Borrowed(inner)) }
    }

    /// Nothing but space may follow.
    pub fn end(&mut self) -> Result<()> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.error("not JSON: something follows after the end"))
        }
    }

    /// Skip a value of any kind, checking its grammar.
    #[inline]
    pub fn skip(&mut self) -> Result<()> {
        match self.kind()? {
            Kind::String => match self.plain_string() {
                Some(_) => Ok(()),
                None => self.skip_string().map(|_| ()),
            },
            Kind::Number => self.skip_number(),
            Kind::Bool | Kind::Null => self.skip_literal(),
            Kind::Object | Kind::Array => self.skip_container(),
        }
    }

    /// Without recursion, so that no nesting can exhaust the stack.
    fn skip_container(&mut self) -> Result<()> {
        let mut objects = [0_u64; MAX_DEPTH / 64];
        let mut depth = 0;
        loop {
            match self.kind()? {
                Kind::String => {
                    self.skip_string()?;
                }
                Kind::Number => self.skip_number()?,
                Kind::Bool | Kind::Null => self.skip_literal()?,
                kind => {
                    self.at += 1;
                    self.space();
                    let object = kind == Kind::Object;
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        if depth == MAX_DEPTH {
                            return Err(
                                self.error(format!("nested deeper than {MAX_DEPTH} levels; no export is"))
                            );
                        }
                        let bit = 1 << (depth % 64);
                        objects[depth / 64] =
                            if object { objects[depth / 64] | bit } else { objects[depth / 64] & !bit };
                        depth += 1;
                        if object {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = objects[(depth - 1) / 64] & (1 << ((depth - 1) % 64)) != 0;
                if self.more(if object { b'}' } else { b']' })? {
                    if object {
                        self.skip_key()?;
                    }
                    break;
                }
                depth -= 1;
            }
        }
    }

    fn skip_key(&mut self) -> Result<()> {
        self.space();
        self.skip_string()?;
        self.require(b':')
    }

    fn skip_literal(&mut self) -> Result<()> {
        let rest = &self.text.as_bytes()[self.at..];
        for word in ["true", "false", "null"] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(());
            }
        }
        if rest.len() < 5 && ["true", "false", "null"].iter().any(|word| word.as_bytes().starts_with(rest)) {
            return Err(self.cut_off());
        }
        Err(self.error("not JSON: true, false or null should stand here"))
    }

    /// Skip a string; returns whether it holds escapes.
    fn skip_string(&mut self) -> Result<bool> {
        let bytes = self.text.as_bytes();
        if self.peek() != Some(b'"') {
            return Err(if self.at < bytes.len() {
                self.error("not JSON: a string in double quotes should stand here")
            } else {
                self.cut_off()
            });
        }
        match string_end(bytes, self.at + 1) {
            Ok((end, escaped)) => {
                self.at = end;
                Ok(escaped)
            }
            Err(fault) => Err(self.no_string(fault)),
        }
    }

    #[cold]
    fn no_string(&mut self, fault: Fault) -> Error {
        let (at, message) = match fault {
            Fault::CutOff => {
                self.at = self.text.len();
                return self.cut_off();
            }
            Fault::Escape(at) => (at, "not JSON: unknown escape in a string"),
            Fault::Control(at) => (at, "not JSON: control character in a string"),
        };
        self.at = at;
        self.error(message)
    }

    #[inline]
    fn skip_number(&mut self) -> Result<()> {
        match number::skip_number(self.text.as_bytes(), self.at) {
            Ok(end) => {
                self.at = end;
                Ok(())
            }
            Err(missing) => Err(self.unfinished_number(missing)),
        }
    }

    #[cold]
    fn unfinished_number(&mut self, missing: usize) -> Error {
        self.at = missing.min(self.text.len());
        if missing >= self.text.len() {
            self.cut_off()
        } else {
            self.error("not JSON: a number is not finished here")
        }
    }
}

/// `[x, y]` with two numbers as exports write them, and where it ends; `None` for anything else.
#[inline]
fn pair(bytes: &[u8], from: usize) -> Option<(Point, usize)> {
    let at = expect(bytes, from, b'[')?;
    let (x, at) = number::plain(bytes, after_space(bytes, at))?;
    let at = expect(bytes, at, b',')?;
    let (y, at) = number::plain(bytes, after_space(bytes, at))?;
    Some(([x, y], expect(bytes, at, b']')?))
}

/// The place after a certain byte that may have space before it.
#[inline]
fn expect(bytes: &[u8], from: usize, byte: u8) -> Option<usize> {
    let at = after_space(bytes, from);
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<()> {
        let mut cursor = Cursor::new(text, 0);
        cursor.skip()?;
        cursor.end()
    }

    #[test]
    fn grammar() {
        for good in
            ["0", "-0.5e+10", "[]", "{}", " [1, {\"a\": [null, true, \"\\u00e9\\n\"]}] ", "\"\"", "1e400"]
        {
            assert!(verdict(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "nul",
            "NaN",
            "\"\\x\"",
            "\"a",
            "[",
            "]",
            "{\"a\"}",
            "\"\\u12\"",
            "\"\t\"",
            "1 1",
            "[1}",
            "+1",
            "'a'",
            "-Infinity",
        ] {
            assert!(verdict(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        assert!(verdict(&"[".repeat(1_000_000)).is_err());
        assert!(verdict(&format!("{}{}", "[".repeat(500), "]".repeat(500))).is_ok());
        let mixed = "[{\"a\":".repeat(200) + "1" + &"}]".repeat(200);
        assert!(verdict(&mixed).is_ok());
    }

    #[test]
    fn positions_count_from_the_start_of_the_file() {
        let mut cursor = Cursor::new("{\"a\": x}", 100);
        assert_eq!(
            cursor.skip().unwrap_err(),
            Error::Export { message: "not JSON: a value should start here".into(), position: 106 }
        );
    }

    #[test]
    fn strings_are_unescaped() {
        let mut cursor = Cursor::new(r#""a\"\\\/\b\u00e9\ud83d\ude00\ud83dx\n""#, 0);
        assert_eq!(cursor.string().unwrap(), "a\"\\/\u{8}é😀\u{fffd}x\n");
    }

    #[test]
    fn numbers() {
        assert_eq!(Scalar::Number("7.0").integer(), Some(7));
        assert_eq!(Scalar::Number("9007199254740993").integer(), Some(9_007_199_254_740_993));
        assert_eq!(Scalar::Number("7.5").integer(), None);
        assert_eq!(Scalar::Number("1e400").number(), Some(f64::INFINITY));
    }
}
