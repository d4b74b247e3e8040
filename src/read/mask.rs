//! The pixels of a painted region, as runs.

use crate::read::shapes::Unreadable;

/// Most pixels of an image whose mask is read: 268 million, sixteen times the largest sensor of a dermatoscope.
pub const MOST_PIXELS: u64 = 1 << 28;

/// Painted pixels: runs over the pixels of the image, row after row. A run may go on from one row to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    runs: Vec<[u32; 2]>,
}

impl Mask {
    /// An empty mask; refuses sizes that nobody can mean.
    pub fn new(width: u32, height: u32) -> Result<Mask, Unreadable> {
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(Unreadable {
                field: "original_width",
                code: "mask_too_large",
                message: format!(
                    "an image of {width} x {height} pixels is beyond the {MOST_PIXELS} that a mask may have; check the \
                     image size"
                )
                .into(),
            });
        }
        Ok(Mask { width, height, runs: Vec::new() })
    }

    /// Pixels per row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Runs `[start, end)` over the pixels in row-major order: sorted, not empty, none touching the next.
    pub fn runs(&self) -> &[[u32; 2]] {
        &self.runs
    }

    /// Paint the pixels from `start` to before `end`. Runs come in order.
    pub(super) fn paint(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last[1] == start => last[1] = end,
            _ => self.runs.push([start, end]),
        }
    }
}

/// The mask has another size than the image it was painted on.
pub(super) fn size_differs(field: &'static str, mask: [u32; 2], image: [u32; 2]) -> Unreadable {
    Unreadable {
        field,
        code: "mask_size_differs",
        message: format!(
            "the painted mask has {} x {} pixels, but the image has {} x {}; check original_width and original_height",
            mask[0], mask[1], image[0], image[1]
        )
        .into(),
    }
}
