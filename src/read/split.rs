//! The elements of a long list, found without reading them.

use std::ops::Range;

use crate::error::Result;
use crate::read::json::Cursor;

/// Where the elements of a top-level list lie, found by brackets and quotes alone. The text after each element and before
/// the next is checked; the elements themselves are for the caller to check.
pub fn split_list(text: &str, base: usize) -> Result<Vec<Range<usize>>> {
    let mut cursor = Cursor::new(text, base);
    let mut elements = Vec::new();
    cursor.array(|cursor| {
        cursor.kind()?;
        let start = cursor.position() - base;
        match end_of_value(text.as_bytes(), start) {
            Some(end) => cursor.pass(end - start),
            // Let the strict reader say where and why.
            None => cursor.skip()?,
        }
        elements.push(start..cursor.position() - base);
        Ok(())
    })?;
    cursor.end()?;
    Ok(elements)
}

/// The end of a container by counting brackets outside strings; `None` for anything else or if it does not end.
fn end_of_value(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match *bytes.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => {
                at += 1;
                loop {
                    match *bytes.get(at)? {
                        b'"' => break,
                        b'\\' => at += 2,
                        _ => at += 1,
                    }
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_by_element() {
        let text = r#" [ {"a": "]}\"{"} , [1,[2]] , 7, "x" ] "#;
        let parts: Vec<&str> = split_list(text, 0).unwrap().into_iter().map(|range| &text[range]).collect();
        assert_eq!(parts, [r#"{"a": "]}\"{"}"#, "[1,[2]]", "7", "\"x\""]);
        for bad in ["[{}", "[{},]", "[{}] x", "[{\"a\": \"", "[}"] {
            assert!(split_list(bad, 0).is_err(), "{bad}");
        }
    }
}
