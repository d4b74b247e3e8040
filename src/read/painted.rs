//! The fields of painted regions: which of them holds the mask.

use crate::error::Result;
use crate::read::bitmask;
use crate::read::brush::{bytes, decode};
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::shapes::{Drawing, Unreadable};
use crate::read::trace::trace;

type Read = std::result::Result<(), Unreadable>;

const NO_MASK: Unreadable =
    Unreadable::fixed("value", "no_mask", "the painted region has no mask; redraw or delete it");
const ONLY_STROKES: Unreadable = Unreadable::fixed(
    "value.touches",
    "strokes_not_painted",
    "the draft has brush strokes that are not in its mask yet; submit or update the annotation and export again",
);

/// Outline a region painted with the brush: run-length code, or in drafts a PNG image. Returns how many bits behind the end
/// of the code were not used.
///
/// A draft keeps strokes (`touches`) beside the mask until it is submitted; without them the mask is not what was
/// painted.
pub(super) fn brush(
    value: &mut Cursor,
    size: [f64; 2],
    drawing: &mut Drawing,
) -> Result<std::result::Result<u64, Unreadable>> {
    let (mut rle, mut image, mut strokes) = (None, None, false);
    value.object(|value, key| {
        match key {
            "rle" => rle = Some(value.raw()?),
            "maskDataURL" => image = Some(value.scalar()?),
            "touches" => strokes = holds_something(value)?,
            _ => value.skip()?,
        }
        Ok(())
    })?;
    if strokes {
        return Ok(Err(ONLY_STROKES));
    }
    let rle = rle.filter(|rle| *rle != "null");
    if let Some(rle) = rle {
        let mut code = Vec::new();
        if let Err(unreadable) = bytes(rle, &mut code) {
            return Ok(Err(unreadable));
        }
        // As the editor has it: an empty code is none.
        if !code.is_empty() {
            let read = whole(size, "value.rle").and_then(|[width, height]| decode(&code, width, height));
            return Ok(read.and_then(|(mask, rest)| trace(&mask, drawing).map(|()| rest)));
        }
    }
    Ok(png(image, "value.maskDataURL", size, drawing).map(|()| 0))
}

/// Outline a region painted as a PNG image.
pub(super) fn bitmask(value: &mut Cursor, size: [f64; 2], drawing: &mut Drawing) -> Result<Read> {
    let mut image = None;
    value.object(|value, key| {
        if key != "imageDataURL" {
            return value.skip();
        }
        image = Some(value.scalar()?);
        Ok(())
    })?;
    Ok(png(image, "value.imageDataURL", size, drawing))
}

fn png(image: Option<Scalar>, field: &'static str, size: [f64; 2], drawing: &mut Drawing) -> Read {
    let url = match image {
        Some(Scalar::Text(url)) if !url.is_empty() => url,
        _ => return Err(NO_MASK),
    };
    let [width, height] = whole(size, field)?;
    bitmask::outline(&url, width, height, drawing).map_err(|unreadable| Unreadable { field, ..unreadable })
}

/// The size of an image in whole pixels.
fn whole(size: [f64; 2], field: &'static str) -> std::result::Result<[u32; 2], Unreadable> {
    // Sizes lie between 0 and 1e9 here.
    if size.iter().any(|length| length.fract() != 0.0) {
        return Err(Unreadable {
            field,
            code: "mask_size_differs",
            message: "the size of the image is no whole number of pixels, so no mask fits it; check original_width and \
                      original_height"
                .into(),
        });
    }
    Ok(size.map(|length| length as u32))
}

/// Whether a list is not empty.
fn holds_something(value: &mut Cursor) -> Result<bool> {
    if value.kind()? != Kind::Array {
        value.skip()?;
        return Ok(false);
    }
    let mut count = 0;
    value.array(|value| {
        count += 1;
        value.skip()
    })?;
    Ok(count > 0)
}
