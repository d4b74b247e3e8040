//! Strings of a JSON text: where they end, and what their escapes mean.

use crate::read::words::string_stop;

/// Why a string is none, at a byte.
pub(super) enum Fault {
    /// The text ends within it.
    CutOff,
    /// No escape of JSON.
    Escape(usize),
    /// A control character.
    Control(usize),
}

/// The place after the closing quote of a string whose text starts here, and whether it holds escapes.
#[inline]
pub(super) fn string_end(bytes: &[u8], from: usize) -> Result<(usize, bool), Fault> {
    let mut at = from;
    let mut escaped = false;
    loop {
        at = string_stop(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += escape(bytes, at)?;
            }
            Some(_) => return Err(Fault::Control(at)),
            None => return Err(Fault::CutOff),
        }
    }
}

/// How many bytes the escape at a backslash takes.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => Ok(6),
            Some(_) => Err(Fault::Escape(at)),
            None => Err(Fault::CutOff),
        },
        Some(_) => Err(Fault::Escape(at)),
        None => Err(Fault::CutOff),
    }
}

/// Replace escapes, which have been checked. Half of a surrogate pair alone becomes U+FFFD.
pub(super) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes()[at + 1];
        let mut width = 2;
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                width = 6;
                let unit =
                    |from: usize| rest.get(from..from + 4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
                let first = unit(at + 2).unwrap_or(0xFFFD);
                let pair = (0xD800..0xDC00).contains(&first) && rest.get(at + 6..at + 8) == Some("\\u");
                let second = if pair { unit(at + 8) } else { None };
                match char::decode_utf16([Some(first), second].into_iter().flatten()).next() {
                    Some(Ok(character)) => {
                        out.push(character);
                        width += if character.len_utf16() == 2 { 6 } else { 0 };
                    }
                    _ => out.push(char::REPLACEMENT_CHARACTER),
                }
            }
            other => out.push(other as char),
        }
        rest = &rest[at + width..];
    }
    out.push_str(rest);
    out
}
