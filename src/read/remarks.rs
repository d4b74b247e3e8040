//! What is worth saying about a region that was read, and about the size of its image.

use crate::read::columns::{Place, Tables};
use crate::read::shapes::Remarks;

/// Sizes from here on are no images; columns of whole numbers hold smaller ones.
const NO_IMAGE: f64 = 1e9;

const SIZES: [(&str, &str); 2] = [("original_width", "width"), ("original_height", "height")];

/// Whether percent of an image of this size can become pixels.
pub(super) fn sized([width, height]: [f64; 2]) -> bool {
    width > 0.0 && height > 0.0 && width < NO_IMAGE && height < NO_IMAGE
}

/// Report a size that is none.
#[cold]
pub(super) fn no_size(size: [f64; 2], place: Place, tables: &mut Tables) {
    let wrong = |length: &f64| !(*length > 0.0 && *length < NO_IMAGE);
    let Some(axis) = size.iter().position(wrong) else { return };
    let (field, name) = SIZES[axis];
    let length = size[axis];
    let message = if length.is_nan() {
        "width or height of the image is missing or no number, so percent cannot become pixels; import the task with \
         original_width and original_height"
            .to_owned()
    } else {
        let (what, remedy) =
            if length > 0.0 { ("too large for an image", "in pixels") } else { ("not positive", "as it is") };
        format!(
            "the {name} of the image is {} pixels, which is {what}, so percent cannot become pixels; write {field} {remedy}",
            shown(length)
        )
    };
    tables.problems.report(place, field, "no_image_size", &message, true);
}

/// The size of an image in whole pixels, at least one; a size that is not whole is reported.
pub(super) fn whole(size: [f64; 2], place: Place, tables: &mut Tables) -> [i32; 2] {
    let rounded = size.map(|length| length.round().max(1.0));
    if rounded != size {
        not_whole(size, rounded, place, tables);
    }
    rounded.map(|length| length as i32)
}

#[cold]
fn not_whole(size: [f64; 2], rounded: [f64; 2], place: Place, tables: &mut Tables) {
    let (field, _) = SIZES[usize::from(size[0] == rounded[0])];
    let message = format!(
        "the size of the image, {} x {} pixels, is not whole; the outline was made with it, and the columns width and height \
         hold {} x {}; correct original_width and original_height",
        shown(size[0]),
        shown(size[1]),
        rounded[0],
        rounded[1]
    );
    tables.problems.report(place, field, "image_size_not_whole", &message, false);
}

/// A number, however large or small, in few digits.
fn shown(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "more than 1.7e308" } else { "less than -1.7e308" }.to_owned();
    }
    let plain = number == 0.0 || (1e-5..1e15).contains(&number.abs());
    if plain { number.to_string() } else { format!("{number:e}") }
}

/// Report what is odd about an outline.
pub(super) fn remark(remarks: &Remarks, place: Place, tables: &mut Tables) {
    let problems = &mut tables.problems;
    if remarks.unfinished {
        let message = "the outline was never closed in the editor; it is measured as if it were";
        problems.report(place, "value.closed", "unfinished", message, false);
    }
    if remarks.outside {
        let message = "the outline leaves the image; redraw it or check the image size";
        problems.report(place, "value", "outside_image", message, false);
    }
    if remarks.rest > 0 {
        let message = format!(
            "the painted mask is complete {} bits ({} whole bytes) before its code ends, and these were not used; look at the \
             region, and export it again or redraw it",
            remarks.rest,
            remarks.rest / 8
        );
        problems.report(place, "value.rle", "mask_rest", &message, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, -3.0, 100.5, 0.001, 1e10, 1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
        let texts = ["0", "-3", "100.5", "0.001", "10000000000", "1e300", "5e-324", "more than 1.7e308"];
        assert_eq!(numbers.map(shown)[..8], texts);
        assert_eq!(shown(numbers[8]), "less than -1.7e308");
    }
}
