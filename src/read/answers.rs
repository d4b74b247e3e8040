//! Values of controls: numbers, ticked choices and typed texts.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::columns::{Place, Tables};
use crate::read::entry::{Entry, text};
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::privacy::unsigned;
use crate::read::value::Arena;

/// A value as text or as number.
pub(super) type Answer<'a> = (Option<Cow<'a, str>>, f64);

/// The value of a control; one that cannot be read is reported.
pub(super) fn control<'a>(
    entry: &Entry<'a>,
    arena: &Arena<'a>,
    place: Place,
    tables: &mut Tables,
) -> Result<Option<Answer<'a>>> {
    let field = match &*entry.kind {
        "textarea" => "text",
        "pairwise" => "selected",
        kind => kind,
    };
    let numeric = matches!(&*entry.kind, "number" | "rating");
    let mut found = None;
    if let Some((member, several)) = entry.value.as_ref().and_then(|value| arena.member(value, field)) {
        if several {
            repeated_key(place, "value", tables);
        }
        let mut cursor = Cursor::new(member.raw, member.base);
        found = match cursor.kind()? {
            Kind::Array | Kind::Object if numeric => None,
            Kind::Array => Some((texts(member.raw)?, f64::NAN)),
            Kind::Object => Some((Some(Cow::Owned(compact(member.raw)?)), f64::NAN)),
            _ => match cursor.scalar()? {
                // A number typed as text is still that number.
                Scalar::Text(text) if numeric => finite(&text),
                // The editor writes a year alone as a number.
                Scalar::Number(digits) if entry.kind == "datetime" => {
                    Some((Some(Cow::Borrowed(digits)), f64::NAN))
                }
                Scalar::Number(digits) => finite(digits),
                Scalar::Text(text) => Some((Some(text), f64::NAN)),
                Scalar::Bool(_) if !numeric => Some((Some(Cow::Borrowed(member.raw)), f64::NAN)),
                _ => None,
            },
        };
    }
    if found.is_none() {
        let message = format!("the value of {} could not be read", entry.kind);
        tables.problems.report(place, "value", "control_not_read", &message, false);
    }
    Ok(found.map(|(text, number)| (text.map(unsigned), number)))
}

/// Report that a key stands twice in one object.
pub(super) fn repeated_key(place: Place, field: &str, tables: &mut Tables) {
    let message = "a key stands twice in one object; its last value was taken, as JSON readers do";
    tables.problems.report(place, field, "repeated_key", message, false);
}

fn finite<'a>(digits: &str) -> Option<Answer<'a>> {
    let number: f64 = digits.trim().parse().ok()?;
    number.is_finite().then_some((None, number))
}

/// A list of one text is that text, an empty list is nothing, anything else stays a JSON list in the form of [`compact`].
pub(super) fn texts(raw: &str) -> Result<Option<Cow<'_, str>>> {
    let mut first: Option<Cow<str>> = None;
    let mut joined = String::new();
    let mut plain = true;
    Cursor::new(raw, 0).array(|cursor| {
        match (cursor.scalar()?, &first) {
            (Scalar::Text(text), None) => first = Some(text),
            (Scalar::Text(text), Some(first)) => {
                if joined.is_empty() {
                    joined = format!("[{}", quoted(first));
                }
                joined.push(',');
                joined.push_str(&quoted(&text));
            }
            _ => plain = false,
        }
        Ok(())
    })?;
    if !plain {
        return Ok(Some(Cow::Owned(compact(raw)?)));
    }
    if joined.is_empty() {
        return Ok(first);
    }
    joined.push(']');
    Ok(Some(Cow::Owned(joined)))
}

/// Hand out the texts of a list, or of a value that should be one; returns whether something was no text.
pub(super) fn listed(cursor: &mut Cursor, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut odd = false;
    let mut add = |scalar: Scalar| match text(scalar) {
        Some(label) => each(&unsigned(label)),
        None => odd = true,
    };
    match cursor.kind()? {
        Kind::Array => cursor.array(|cursor| {
            add(cursor.scalar()?);
            Ok(())
        })?,
        // Nothing at all.
        Kind::Null => cursor.skip()?,
        _ => add(cursor.scalar()?),
    }
    Ok(odd)
}

/// JSON in one form, however the file spaces and escapes it: no spaces, strings as [`quoted`], numbers as written. So the
/// same path of a taxonomy is the same text in every export.
fn compact(raw: &str) -> Result<String> {
    let mut out = String::with_capacity(raw.len());
    write_compact(&mut Cursor::new(raw, 0), &mut out)?;
    Ok(out)
}

/// Nesting is bounded by the cursor that has checked the grammar.
fn write_compact(cursor: &mut Cursor, out: &mut String) -> Result<()> {
    let mut separator = "";
    match cursor.kind()? {
        Kind::String => out.push_str(&quoted(&cursor.string()?)),
        Kind::Array => {
            out.push('[');
            cursor.array(|cursor| {
                out.push_str(std::mem::replace(&mut separator, ","));
                write_compact(cursor, out)
            })?;
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            cursor.object(|cursor, key| {
                out.push_str(std::mem::replace(&mut separator, ","));
                out.push_str(&quoted(key));
                out.push(':');
                write_compact(cursor, out)
            })?;
            out.push('}');
        }
        _ => out.push_str(cursor.raw()?),
    }
    Ok(())
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_one_form() {
        let paths = "[ [\"a\", \"b \\u00e9\"] ,[\"c\"]]";
        assert_eq!(texts(paths).unwrap().as_deref(), Some("[[\"a\",\"b é\"],[\"c\"]]"));
        assert_eq!(texts("[[\"a\"]]").unwrap().as_deref(), Some("[[\"a\"]]"));
        assert_eq!(texts("[\"a\"]").unwrap().as_deref(), Some("a"));
        assert_eq!(texts("[]").unwrap().as_deref(), None);
        assert_eq!(compact("{ \"rank\" : [1.0, null, {}] }").unwrap(), "{\"rank\":[1.0,null,{}]}");
    }
}
