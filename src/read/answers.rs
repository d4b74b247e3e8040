//! Values of controls: numbers, ticked choices and typed texts.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::columns::{Place, Tables};
use crate::read::entry::Entry;
use crate::read::json::{Cursor, Kind, Scalar};

/// A value as text or as number.
pub(super) type Answer = (Option<String>, f64);

/// The name, the type and the value of a control; a value that cannot be read is reported.
pub(super) fn control(
    entry: &Entry,
    place: Place,
    tables: &mut Tables,
) -> Result<Option<(u32, u32, Answer)>> {
    let name = tables.names.code(entry.from_name.as_deref().unwrap_or(&entry.kind));
    let kind = tables.kinds.code(&entry.kind);
    let field = if entry.kind == "textarea" { "text" } else { &*entry.kind };
    let numeric = matches!(&*entry.kind, "number" | "rating");
    let mut found = None;
    let (value, base) = entry.value.unwrap_or(("{}", 0));
    Cursor::new(value, base).object(|cursor, key| {
        if key != field {
            return cursor.skip();
        }
        found = match cursor.kind()? {
            Kind::Array | Kind::Object if numeric => {
                cursor.skip()?;
                None
            }
            Kind::Array => Some((texts(cursor.raw()?)?, f64::NAN)),
            Kind::Object => Some((Some(cursor.raw()?.to_owned()), f64::NAN)),
            _ => match cursor.scalar()? {
                // A number typed as text is still that number.
                Scalar::Text(text) if numeric => finite(&text),
                Scalar::Number(digits) => finite(digits),
                Scalar::Text(text) => Some((Some(text.into_owned()), f64::NAN)),
                Scalar::Bool(value) if !numeric => Some((Some(value.to_string()), f64::NAN)),
                _ => None,
            },
        };
        Ok(())
    })?;
    if found.is_none() {
        let message = format!("the value of {} could not be read", entry.kind);
        tables.problems.report(place, "value", "control_not_read", &message, false);
    }
    Ok(found.map(|answer| (name, kind, answer)))
}

fn finite(digits: &str) -> Option<Answer> {
    let number: f64 = digits.trim().parse().ok()?;
    number.is_finite().then_some((None, number))
}

/// A list of one text is that text, an empty list is nothing, anything else stays a JSON list without spaces.
pub(super) fn texts(raw: &str) -> Result<Option<String>> {
    let mut list: Vec<Cow<str>> = Vec::new();
    let mut plain = true;
    Cursor::new(raw, 0).array(|cursor| {
        match cursor.scalar()? {
            Scalar::Text(text) => list.push(text),
            _ => plain = false,
        }
        Ok(())
    })?;
    if !plain {
        return Ok(Some(raw.to_owned()));
    }
    Ok(match list.as_slice() {
        [] => None,
        [one] => Some(one.clone().into_owned()),
        several => {
            Some(format!("[{}]", several.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(",")))
        }
    })
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
