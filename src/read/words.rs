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
}
