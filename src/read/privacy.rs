//! What identifies people stays behind: annotators leave as ids, addresses without the queries that sign them.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::answers::quoted;
use crate::read::json::{Cursor, Kind, Scalar};

/// Who annotated: an id, or an object with one. Names and addresses stay behind: where there is nothing but an
/// address (files made for import), a fixed hash of it stands in, so that the same person stays the same.
pub(super) fn person<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Cow<'a, str>>> {
    if cursor.kind()? != Kind::Object {
        return Ok(identity(cursor.scalar()?));
    }
    let (mut id, mut email, mut username) = (None, None, None);
    cursor.object(|cursor, key| {
        match key {
            "id" => id = identity(cursor.scalar()?),
            "email" => email = identity(cursor.scalar()?),
            "username" => username = identity(cursor.scalar()?),
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(id.or(email).or(username))
}

/// A number as it is written, any other text as a hash.
fn identity(scalar: Scalar) -> Option<Cow<str>> {
    match scalar {
        Scalar::Number(digits) => Some(Cow::Borrowed(digits)),
        Scalar::Text(name) if name.trim().is_empty() => None,
        Scalar::Text(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => Some(name),
        Scalar::Text(name) => {
            // FNV-1a, 64 bits: the same on every machine.
            let hash = name.trim().to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            Some(Cow::Owned(format!("user-{hash:016x}")))
        }
        _ => None,
    }
}

/// The data object as JSON without spaces and without query strings in addresses, and the task's images: the first list of
/// addresses, else the first single address of an image. A null in the list is a page without image.
pub(super) fn data_fields(cursor: &mut Cursor) -> Result<(String, Vec<Option<String>>)> {
    let mut json = String::from("{");
    let (mut list, mut single): (Vec<Option<String>>, Option<String>) = (Vec::new(), None);
    cursor.object(|cursor, key| {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&quoted(&without_query(key)));
        json.push(':');
        let mut texts = Vec::new();
        let kind = cursor.kind()?;
        let all_texts = copy_without_queries(cursor, &mut json, &mut texts)?;
        let mut named = texts.iter().flatten().peekable();
        let images = all_texts && named.peek().is_some() && named.all(|text| is_image(text));
        if images && kind == Kind::Array && list.is_empty() {
            list = texts;
        } else if images && kind == Kind::String && single.is_none() {
            single = texts.pop().flatten();
        }
        Ok(())
    })?;
    json.push('}');
    let images = if list.is_empty() { single.into_iter().map(Some).collect() } else { list };
    Ok((json, images))
}

/// Copy a value; `texts` gets the strings and nulls of a string or of a flat list. Returns whether it was nothing else.
fn copy_without_queries(
    cursor: &mut Cursor,
    json: &mut String,
    texts: &mut Vec<Option<String>>,
) -> Result<bool> {
    match cursor.kind()? {
        Kind::String => {
            let clean = without_query(&cursor.string()?);
            json.push_str(&quoted(&clean));
            texts.push(Some(clean));
            Ok(true)
        }
        Kind::Array => {
            json.push('[');
            let (mut first, mut all) = (true, true);
            cursor.array(|cursor| {
                if !std::mem::take(&mut first) {
                    json.push(',');
                }
                let kind = cursor.kind()?;
                all &= matches!(kind, Kind::String | Kind::Null);
                if kind == Kind::Null {
                    texts.push(None);
                }
                copy_nested(cursor, json, texts)
            })?;
            json.push(']');
            Ok(all)
        }
        _ => copy_nested(cursor, json, &mut Vec::new()).map(|()| false),
    }
}

/// Deeper values: containers that hold no strings with addresses are copied as they are.
fn copy_nested(cursor: &mut Cursor, json: &mut String, texts: &mut Vec<Option<String>>) -> Result<()> {
    match cursor.kind()? {
        Kind::String => copy_without_queries(cursor, json, texts).map(drop),
        Kind::Object | Kind::Array => {
            let base = cursor.position();
            let raw = cursor.raw()?;
            // An escape may stand for any of them.
            if !raw.bytes().any(|byte| b"?#@\\".contains(&byte)) {
                json.push_str(raw);
                return Ok(());
            }
            // The grammar has been checked and the depth is bounded, so this recursion is too.
            let mut inner = Cursor::new(raw, base);
            if inner.kind()? == Kind::Array {
                return copy_without_queries(&mut inner, json, &mut Vec::new()).map(drop);
            }
            json.push('{');
            let mut first = true;
            inner.object(|inner, key| {
                if !std::mem::take(&mut first) {
                    json.push(',');
                }
                json.push_str(&quoted(&without_query(key)));
                json.push(':');
                copy_nested(inner, json, &mut Vec::new())
            })?;
            json.push('}');
            Ok(())
        }
        _ => {
            json.push_str(cursor.raw()?);
            Ok(())
        }
    }
}

/// An address with a scheme or from the root, or a name with the ending of an image.
fn is_image(text: &str) -> bool {
    text.starts_with('/') || has_scheme(text) || has_image_ending(text)
}

fn has_image_ending(text: &str) -> bool {
    let endings = [".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".dcm"];
    let lower = text.to_ascii_lowercase();
    endings.iter().any(|ending| lower.ends_with(ending))
}

fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    })
}

/// A text without the queries and fragments of addresses, where signatures of presigned links live, and without names
/// and passwords before a host. What follows an address stays, as does other text. Label Studio's local files keep the path
/// that their query holds.
pub fn without_query(text: &str) -> String {
    if text.contains("://") {
        return unsigned(Cow::Owned(without_queries(text))).into_owned();
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if !text.starts_with('/') && !has_image_ending(path) {
        return unsigned(Cow::Borrowed(text)).into_owned();
    }
    if let Some((path, query)) = text.split_once("?d=")
        && path.ends_with("/local-files/")
    {
        let kept = query.split(['&', '#']).next().unwrap_or_default();
        return format!("{path}?d={kept}");
    }
    let rest = &text[path.len()..];
    format!("{path}{}", &rest[query_end(rest)..])
}

/// A text with addresses in it, each without query, fragment, name and password.
fn without_queries(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        out.push_str(before);
        let ends = |c: char| ends_address(c) || "?#".contains(c);
        let path = &address[..address.find(ends).unwrap_or(address.len())];
        let host = path.split('/').next().unwrap_or_default();
        out.push_str(&path[host.rfind('@').map_or(0, |at| at + 1)..]);
        rest = &address[path.len()..];
        if rest.starts_with(['?', '#']) {
            let (query, after) = rest.split_at(query_end(rest));
            if path.ends_with("/local-files/") && query.starts_with("?d=") {
                out.push_str(query.split(['&', '#']).next().unwrap_or_default());
            }
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn ends_address(c: char) -> bool {
    c.is_whitespace() || "\"'<>\\".contains(c)
}

/// Where a query or fragment, with which this text starts, ends: at space or quotes, or where another address follows a
/// separator. Brackets that close behind it belong to the text around.
fn query_end(text: &str) -> usize {
    let mut end = text.find(ends_address).unwrap_or(text.len());
    if let Some(next) = text[..end].find("://") {
        let scheme = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
        let before = text[..next].trim_end_matches(scheme);
        if before.ends_with([',', ';', '|']) {
            end = before.len() - 1;
        }
    }
    text[..end].trim_end_matches([')', ']', '}']).len()
}

/// Parameters that sign an address or let its bearer in.
const SIGNATURES: [&str; 6] =
    ["X-Amz-Signature", "X-Goog-Signature", "Signature", "sig", "token", "AWSAccessKeyId"];

/// A text that somebody typed, without those queries in it that let their bearer in.
pub(super) fn unsigned(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('?') { unsigned_queries(&text).map_or(text, Cow::Owned) } else { text }
}

/// The text without such queries; `None` where there are none.
fn unsigned_queries(text: &str) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(at) = text[from..].find('?') {
        let start = from + at;
        let end = start + query_end(&text[start..]);
        from = end.max(start + 1);
        let signs = text[start..end].split(['?', '&', ';', '#']).any(|parameter| {
            let name = parameter.split_once('=').map_or("", |(name, _)| name);
            SIGNATURES.iter().any(|known| known.eq_ignore_ascii_case(name))
        });
        if signs {
            out.push_str(&text[copied..start]);
            copied = end;
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}
