//! Looking at eight bytes of text at once.

/// One in each byte.
pub(super) const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
pub(super) const HIGH: u64 = 0x8080_8080_8080_8080;

/// Eight bytes, the first one lowest; `None` where fewer are left.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}

/// The highest bit of bytes that are zero. A byte above such a one may be marked wrongly, none below it is.
#[inline]
fn zeros(chunk: u64) -> u64 {
    chunk.wrapping_sub(ONES) & !chunk & HIGH
}

/// The first quote, backslash or control character from here on, or the end.
#[inline]
pub(super) fn string_stop(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = word(bytes, at) {
        let control = chunk.wrapping_sub(ONES * 0x20) & !chunk & HIGH;
        let stop = zeros(chunk ^ (ONES * b'"' as u64)) | zeros(chunk ^ (ONES * b'\\' as u64)) | control;
        if stop != 0 {
            return at + (stop.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// The first byte from here on that is no space, or the end.
#[inline]
pub(super) fn after_space(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        // Most bytes that are asked about are no space.
        Some(&byte) if byte > b' ' => from,
        // After ',' and ':' one blank is common.
        Some(b' ') if bytes.get(from + 1).is_some_and(|&byte| byte > b' ') => from + 1,
        _ => after_spaces(bytes, from),
    }
}

fn after_spaces(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        // Indentation.
        while word(bytes, at) == Some(ONES * b' ' as u64) {
            at += 8;
        }
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// The first byte from `at` on that is a hit, or the end; never before `at`. `hits` marks the same in the highest bits of
/// eight bytes, rightly up to the first one.
#[inline(always)]
fn find(text: &[u8], mut at: usize, hits: impl Fn(u64) -> u64, hit: impl Fn(u8) -> bool) -> usize {
    const NEAR: usize = 6;
    const BLOCK: usize = 64;
    for _ in 0..NEAR {
        let Some(eight) = word(text, at) else { break };
        let marks = hits(eight);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let Some(rest) = text.get(at..) else { return at };
    for block in rest.as_chunks::<BLOCK>().0 {
        // Without an early exit, so that it becomes a few vector instructions.
        if block.iter().fold(false, |any, &byte| any | hit(byte)) {
            break;
        }
        at += BLOCK;
    }
    text[at..].iter().position(|&byte| hit(byte)).map_or(text.len(), |found| at + found)
}

/// A line feed.
pub(super) fn find_newline(text: &[u8], at: usize) -> usize {
    find(text, at, |eight| zeros(eight ^ (ONES * 0x0a)), |byte| byte == b'\n')
}

/// The end of a string or the start of an escape.
pub(super) fn find_string_stop(text: &[u8], at: usize) -> usize {
    let hits = |eight: u64| zeros(eight ^ (ONES * 0x22)) | zeros(eight ^ (ONES * 0x5c));
    find(text, at, hits, |byte| byte == b'"' || byte == b'\\')
}

/// A quote or a curly brace; `y`, `z`, `|`, `~` and DEL, which differ from braces in bits 1 and 2 only, are found too.
pub(super) fn find_brace(text: &[u8], at: usize) -> usize {
    let hits = |eight: u64| zeros(eight ^ (ONES * 0x22)) | zeros((eight | (ONES * 6)) ^ (ONES * 0x7f));
    find(text, at, hits, |byte| byte == b'"' || byte | 6 == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stop_where_they_do_byte_by_byte() {
        for stop in 0..=0xff_u8 {
            for before in 0..20 {
                for filler in [b'a', 0x80, 0xff, b'!', b'#', b'[', b']', 0x7f] {
                    let mut bytes = vec![filler; before];
                    bytes.push(stop);
                    bytes.extend([filler; 11]);
                    let stops = stop < 0x20 || stop == b'"' || stop == b'\\';
                    let expected = if stops { before } else { bytes.len() };
                    assert_eq!(string_stop(&bytes, 0), expected, "{stop} after {before}");
                }
            }
        }
    }

    #[test]
    fn spaces_end_at_anything_else() {
        for byte in 0..=0xff_u8 {
            for before in 0..20 {
                let mut bytes = vec![b' '; before];
                bytes.push(byte);
                bytes.push(b'x');
                let expected = before + usize::from(matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
                assert_eq!(after_space(&bytes, 0), expected, "{byte} after {before}");
            }
        }
        assert_eq!(after_space(b"\n \r\t          ", 0), 14);
        assert_eq!(after_space(b"", 0), 0);
    }

    #[test]
    fn every_byte_is_found_or_passed() {
        for byte in 0..=255_u8 {
            for len in [1, 7, 8, 9, 47, 48, 49, 63, 64, 65, 111, 112, 113, 200] {
                for fill in [b' ', 0x23, 0x21, 0x5b, 0x5d, 0x80, 0xff, 0x0b, 0] {
                    let mut text = vec![fill; len];
                    text[len - 1] = byte;
                    let stop = |found: bool| if found { len - 1 } else { len };
                    assert_eq!(find_newline(&text, 0), stop(byte == b'\n'));
                    assert_eq!(find_string_stop(&text, 0), stop(byte == b'"' || byte == b'\\'));
                    assert_eq!(find_brace(&text, 0), stop(byte == b'"' || byte | 6 == 0x7f));
                }
            }
        }
        assert_eq!(find_newline(b"ab", 3), 3);
    }
}
