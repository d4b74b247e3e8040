//! Shapes of an export in percent of the image become outlines in pixels: here and nowhere else.
//!
//! Points are percent of the unrotated image, x of its width and y of its height. A display rotation
//! (`image_rotation`) does not turn them.

use std::borrow::Cow;
use std::f64::consts::{PI, TAU};

use crate::error::Result;
use crate::geometry::area::ring_area;
use crate::polygons::{MAX_COORDINATE, Point};
use crate::read::json::{Cursor, Kind};
use crate::read::{painted, vector};

/// Kinds of region that have an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// Vertices.
    Polygon = 0,
    /// Corner, width, height, rotation about that corner.
    Rectangle = 1,
    /// Centre, radii, rotation about the centre.
    Ellipse = 2,
    /// Painted pixels, run-length coded.
    Brush = 3,
    /// Painted pixels as PNG.
    Bitmask = 4,
    /// A closed path of straight and Bezier edges.
    Vector = 5,
    /// A position without an interior.
    Keypoint = 6,
    /// An open path: no interior.
    Line = 7,
}

/// Rings of one region, reused from region to region.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// Points of all rings, ring after ring, in pixels.
    pub points: Vec<Point>,
    /// Where each ring ends.
    pub ends: Vec<usize>,
}

impl Drawing {
    /// Forget all rings.
    pub fn clear(&mut self) {
        self.points.clear();
        self.ends.clear();
    }

    /// The rings, outlines positive and holes negative.
    pub fn rings(&self) -> impl Iterator<Item = &[Point]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.points[start..end])
    }
}

/// Largest distance in pixels between an ellipse and the polygon that stands for it, for radii up to 250,000 px.
pub const CHORD_ERROR_PX: f64 = 0.05;

/// Why a shape could not be read: the field, a stable code, what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// JSON field of the entry.
    pub field: &'static str,
    /// Stable name.
    pub code: &'static str,
    /// For people.
    pub message: Cow<'static, str>,
}

impl Unreadable {
    /// One whose message names no numbers.
    pub const fn fixed(field: &'static str, code: &'static str, message: &'static str) -> Self {
        Unreadable { field, code, message: Cow::Borrowed(message) }
    }
}

/// What else is worth saying about a shape that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Remarks {
    /// `closed` was false.
    pub unfinished: bool,
    /// A point lies outside the image by more than rounding.
    pub outside: bool,
    /// The kind it turned out to be, where the type alone does not tell.
    pub became: Option<Shape>,
    /// Bits behind the end of a mask that were not used, without padding.
    pub rest: u64,
}

/// Percent beyond the border that is rounding of the editor's own clamping, not a point outside.
const BORDER_ROUNDING: f64 = 1e-6;

const NO_POINTS: Unreadable =
    Unreadable::fixed("value.points", "no_points", "the region has no list of points; redraw or delete it");
const NOT_A_POINT: Unreadable = Unreadable::fixed(
    "value.points",
    "not_a_point",
    "a point is no pair of numbers; redraw or delete the region",
);
const NOT_A_NUMBER: Unreadable = Unreadable::fixed(
    "value",
    "missing_number",
    "position or size is missing or no number; redraw or delete the region",
);
pub(super) const TOO_LARGE: Unreadable = Unreadable::fixed(
    "value",
    "coordinate_out_of_range",
    "a coordinate is infinite or beyond 1e150; redraw or delete the region",
);

/// Read the `value` of a region into an outline in pixels, positive and open. The outer result is about JSON grammar.
///
/// A keypoint is a ring of one point, and an open path a ring that runs there and back: neither has an interior.
pub fn outline(
    shape: Shape,
    value: &mut Cursor,
    size: [f64; 2],
    drawing: &mut Drawing,
) -> Result<std::result::Result<Remarks, Unreadable>> {
    drawing.clear();
    let ring = &mut drawing.points;
    let read = match shape {
        Shape::Polygon => return polygon(value, size, drawing),
        // Masks are in pixels of the image as they are.
        Shape::Brush => {
            let read = painted::brush(value, size, drawing)?;
            return Ok(read.map(|rest| Remarks { rest, ..Remarks::default() }));
        }
        Shape::Bitmask => return Ok(painted::bitmask(value, size, drawing)?.map(|()| Remarks::default())),
        Shape::Rectangle => given(value)?.and_then(|given| rectangle(&given, size, ring)),
        Shape::Ellipse => given(value)?.and_then(|given| ellipse(&given, size, ring)),
        Shape::Keypoint => numbers(value, ["x", "y"])?.map(|point| {
            ring.push(pixel(point, size));
            Remarks::default()
        }),
        Shape::Vector | Shape::Line => vector::path(value, size, ring)?.map(|closed| Remarks {
            became: Some(if closed { Shape::Vector } else { Shape::Line }),
            ..Remarks::default()
        }),
    };
    let Ok(mut remarks) = read else { return Ok(read) };
    let [width, height] = size;
    if ring.iter().flatten().any(|value| value.is_nan() || value.abs() > MAX_COORDINATE) {
        return Ok(Err(TOO_LARGE));
    }
    // The polygon of an ellipse goes beyond it by up to the chord error.
    let slack = if shape == Shape::Ellipse { CHORD_ERROR_PX } else { 0.0 };
    let beyond = |value: f64, size: f64| {
        value < -BORDER_ROUNDING * size - slack || value > (1.0 + BORDER_ROUNDING) * size + slack
    };
    remarks.outside = ring.iter().any(|&[x, y]| beyond(x, width) || beyond(y, height));
    if !(shape == Shape::Keypoint || remarks.became == Some(Shape::Line)) {
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        if ring_area(ring) < 0.0 {
            ring.reverse();
        }
    }
    let end = ring.len();
    drawing.ends.push(end);
    Ok(Ok(remarks))
}

/// Percent of an image become pixels.
pub(super) fn pixel([x, y]: Point, [width, height]: [f64; 2]) -> Point {
    [x / 100.0 * width, y / 100.0 * height]
}

type Read = std::result::Result<Remarks, Unreadable>;

fn polygon(value: &mut Cursor, size: [f64; 2], drawing: &mut Drawing) -> Result<Read> {
    let (mut points, mut sound, mut unfinished) = (Vec::new(), true, false);
    value.object(|value, key| {
        match key {
            "points" => {
                points.clear();
                sound = true;
                if value.kind()? == Kind::Array {
                    sound = value.points(&mut points)?;
                } else {
                    value.skip()?;
                }
            }
            "closed" => unfinished = value.raw()? == "false",
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(if sound { polygon_outline(&points, unfinished, size, drawing) } else { Err(NOT_A_POINT) })
}

/// Points in percent become an outline in pixels, positive and open.
pub(super) fn polygon_outline(
    points: &[Point],
    unfinished: bool,
    [width, height]: [f64; 2],
    drawing: &mut Drawing,
) -> Read {
    drawing.clear();
    if points.is_empty() {
        return Err(NO_POINTS);
    }
    let ring = &mut drawing.points;
    ring.extend(points.iter().map(|&[x, y]| [x / 100.0 * width, y / 100.0 * height]));
    let (mut finite, mut inside) = (true, true);
    let within =
        |value: f64, size: f64| value >= -BORDER_ROUNDING * size && value <= (1.0 + BORDER_ROUNDING) * size;
    for &[x, y] in ring.iter() {
        finite &= (x.abs() <= MAX_COORDINATE) & (y.abs() <= MAX_COORDINATE);
        inside &= within(x, width) & within(y, height);
    }
    if !finite {
        return Err(TOO_LARGE);
    }
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    if ring_area(ring) < 0.0 {
        ring.reverse();
    }
    drawing.ends.push(drawing.points.len());
    Ok(Remarks { unfinished, outside: !inside, ..Remarks::default() })
}

/// What a polygon without a sound list of points suffers from.
pub(super) fn no_polygon(listed: bool) -> Unreadable {
    if listed { NOT_A_POINT } else { NO_POINTS }
}

/// Numbers of a rectangle or an ellipse.
struct Given {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    rotation: f64,
}

fn given(value: &mut Cursor) -> Result<std::result::Result<Given, Unreadable>> {
    let mut given = Given { x: f64::NAN, y: f64::NAN, width: f64::NAN, height: f64::NAN, rotation: 0.0 };
    value.object(|value, key| {
        let slot = match key {
            "x" => &mut given.x,
            "y" => &mut given.y,
            "width" | "radiusX" => &mut given.width,
            "height" | "radiusY" => &mut given.height,
            "rotation" => &mut given.rotation,
            _ => return value.skip(),
        };
        if value.kind()? == Kind::Number {
            *slot = value.number()?;
        } else {
            let null = value.raw()? == "null";
            // A rotation of null means none; any other field without a number cannot be guessed.
            *slot = if null && key == "rotation" { 0.0 } else { f64::NAN };
        }
        Ok(())
    })?;
    let all = [given.x, given.y, given.width, given.height, given.rotation];
    Ok(if all.iter().any(|number| number.is_nan()) { Err(NOT_A_NUMBER) } else { Ok(given) })
}

/// Numbers of a value by name.
fn numbers<const N: usize>(
    value: &mut Cursor,
    names: [&str; N],
) -> Result<std::result::Result<[f64; N], Unreadable>> {
    let mut found = [f64::NAN; N];
    value.object(|value, key| match names.iter().position(|name| *name == key) {
        Some(slot) => {
            found[slot] = value.scalar()?.number().unwrap_or(f64::NAN);
            Ok(())
        }
        None => value.skip(),
    })?;
    Ok(if found.iter().any(|number| number.is_nan()) { Err(NOT_A_NUMBER) } else { Ok(found) })
}

/// The corner (x, y) is the pivot; the rotation, clockwise on the screen, happens in pixels.
fn rectangle(given: &Given, [width, height]: [f64; 2], ring: &mut Vec<Point>) -> Read {
    let (x, y) = (given.x / 100.0 * width, given.y / 100.0 * height);
    let (w, h) = (given.width / 100.0 * width, given.height / 100.0 * height);
    let (sin, cos) = if given.rotation == 0.0 { (0.0, 1.0) } else { given.rotation.to_radians().sin_cos() };
    let (along, down) = ([w * cos, w * sin], [-h * sin, h * cos]);
    ring.extend([
        [x, y],
        [x + along[0], y + along[1]],
        [x + along[0] + down[0], y + along[1] + down[1]],
        [x + down[0], y + down[1]],
    ]);
    Ok(Remarks::default())
}

/// A polygon of equal steps of the angle parameter, scaled so that its area is exactly that of the ellipse, with as
/// many vertices as keep it within [`CHORD_ERROR_PX`].
fn ellipse(given: &Given, [width, height]: [f64; 2], ring: &mut Vec<Point>) -> Read {
    let (x, y) = (given.x / 100.0 * width, given.y / 100.0 * height);
    let (rx, ry) = ((given.width / 100.0 * width).abs(), (given.height / 100.0 * height).abs());
    let (sin, cos) = if given.rotation == 0.0 { (0.0, 1.0) } else { given.rotation.to_radians().sin_cos() };
    let steps = ellipse_steps(rx.max(ry));
    let scale = area_scale(steps);
    ring.extend((0..steps).map(|step| {
        let (s, c) = (f64::from(step) * TAU / f64::from(steps)).sin_cos();
        let (u, v) = (scale * rx * c, scale * ry * s);
        [x + u * cos - v * sin, y + u * sin + v * cos]
    }));
    Ok(Remarks::default())
}

/// How far a regular polygon must be blown up for the area of its circle.
fn area_scale(steps: u32) -> f64 {
    let n = f64::from(steps);
    (TAU / (n * (TAU / n).sin())).sqrt()
}

/// Vertices needed for a radius: the outer error is the blow-up at vertices, about r (pi / n)² / 3, the larger of the
/// two.
fn ellipse_steps(radius: f64) -> u32 {
    let needed = PI * (radius / (3.0 * CHORD_ERROR_PX)).sqrt();
    // Multiples of 4 keep the shape symmetric; at most 4096 vertices serve radii up to 250,000 px.
    let quarter = (needed / 4.0).ceil().clamp(4.0, 1024.0);
    4 * quarter as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        shape: Shape,
        text: &str,
        size: [f64; 2],
    ) -> (std::result::Result<Remarks, Unreadable>, Vec<Point>) {
        let mut drawing = Drawing::default();
        let read = outline(shape, &mut Cursor::new(text, 0), size, &mut drawing).unwrap();
        (read, drawing.points)
    }

    #[test]
    fn percent_becomes_pixels_by_width_and_height() {
        let (read, ring) = read(
            Shape::Polygon,
            r#"{"points": [[10, 10], [20, 10], [15, 22.5]], "closed": true}"#,
            [1600.0, 1200.0],
        );
        assert_eq!(read, Ok(Remarks::default()));
        assert_eq!(ring, [[160.0, 120.0], [320.0, 120.0], [240.0, 270.0]]);
    }

    #[test]
    fn a_rectangle_turns_about_its_corner_in_pixels() {
        // 20 x 10 px at (100, 50), turned by 90 degrees clockwise on the screen: it now hangs down to the left.
        let (_, ring) = read(
            Shape::Rectangle,
            r#"{"x": 50, "y": 50, "width": 10, "height": 10, "rotation": 90}"#,
            [200.0, 100.0],
        );
        let expected = [[100.0, 50.0], [100.0, 70.0], [90.0, 70.0], [90.0, 50.0]];
        for (corner, expected) in ring.iter().zip(expected) {
            assert!(
                (corner[0] - expected[0]).abs() < 1e-12 && (corner[1] - expected[1]).abs() < 1e-12,
                "{ring:?}"
            );
        }
        assert!((ring_area(&ring) - 200.0).abs() < 1e-12);
    }

    #[test]
    fn an_ellipse_keeps_its_area_and_stays_within_the_stated_error() {
        for radius in [0.5, 3.0, 40.0, 500.0, 5000.0] {
            let text = format!(
                r#"{{"x": 50, "y": 50, "radiusX": {radius}, "radiusY": {}, "rotation": 30}}"#,
                radius / 2.0
            );
            let (_, ring) = read(Shape::Ellipse, &text, [100.0, 100.0]);
            let area = PI * radius * radius / 2.0;
            assert!((ring_area(&ring) / area - 1.0).abs() < 1e-12);
            let n = ring.len() as u32;
            let (outer, inner) = (area_scale(n) - 1.0, 1.0 - area_scale(n) * (PI / f64::from(n)).cos());
            assert!(radius * outer.max(inner) <= CHORD_ERROR_PX * 1.01, "{radius}: {n}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let size = [100.0, 100.0];
        for (text, code) in [
            (r#"{"points": null}"#, "no_points"),
            (r#"{"points": []}"#, "no_points"),
            ("{}", "no_points"),
            (r#"{"points": [[1, 2], [3]]}"#, "not_a_point"),
            (r#"{"points": [[1, 2], [3, "4"]]}"#, "not_a_point"),
            (r#"{"points": [[1, 2], [3, 4, 5]]}"#, "not_a_point"),
            (r#"{"points": [[1, 2], 3]}"#, "not_a_point"),
            (r#"{"points": [[1e400, 2], [3, 4], [5, 6]]}"#, "coordinate_out_of_range"),
        ] {
            assert_eq!(read(Shape::Polygon, text, size).0.unwrap_err().code, code, "{text}");
        }
        let missing = read(Shape::Rectangle, r#"{"x": 1, "y": 2, "width": null, "height": 3}"#, size).0;
        assert_eq!(missing.unwrap_err().code, "missing_number");
    }

    #[test]
    fn remarks() {
        let size = [100.0, 100.0];
        let (read_open, _) = read(Shape::Polygon, r#"{"points": [[5, 5], [6, 6]], "closed": false}"#, size);
        assert_eq!(read_open, Ok(Remarks { unfinished: true, ..Remarks::default() }));
        let (outside, _) = read(Shape::Polygon, r#"{"points": [[95, 5], [104.5, 6], [95, 9]]}"#, size);
        assert!(outside.unwrap().outside);
        let (rounding, _) = read(Shape::Polygon, r#"{"points": [[-5.9e-15, 5], [10, 6], [5, 9]]}"#, size);
        assert!(!rounding.unwrap().outside);
    }
}
