//! Area, perimeter, centroid and bounds of one region.
//!
//! Area and centroid are the polygon moments of Green's theorem (shoelace). All sums run on coordinates relative to
//! a point of the region, so that a small outline far from the origin keeps its digits.

use crate::geometry::survey::survey;
use crate::polygons::{Point, Rings};

/// Signed area of a ring: positive where it adds, negative where it subtracts.
pub fn ring_area(ring: &[Point]) -> f64 {
    survey(ring).area
}

/// Area of a region: outlines less holes; never negative.
pub fn area(rings: Rings) -> f64 {
    // Adding 0 makes the sum of nothing 0 and not -0.
    (rings.iter().map(ring_area).sum::<f64>() + 0.0).max(0.0)
}

/// Length of the whole boundary, holes included, with the axes scaled by `scale`.
pub fn perimeter(rings: Rings, scale: [f64; 2]) -> f64 {
    rings.iter().map(|ring| ring_length(ring, scale)).sum::<f64>() + 0.0
}

/// Length of a closed ring with the axes scaled by `scale`.
pub fn ring_length(ring: &[Point], scale: [f64; 2]) -> f64 {
    let length = |a: Point, b: Point| norm([(b[0] - a[0]) * scale[0], (b[1] - a[1]) * scale[1]]);
    match ring {
        [first, .., last] => {
            ring.windows(2).map(|pair| length(pair[0], pair[1])).sum::<f64>() + length(*last, *first)
        }
        _ => 0.0,
    }
}

/// Length of a vector. A square root of squares costs a tenth of `hypot`, which is only needed where they leave the range.
#[inline(always)]
pub fn norm([x, y]: Point) -> f64 {
    let squared = x * x + y * y;
    if squared > 1e-280 && squared < 1e280 { squared.sqrt() } else { x.hypot(y) }
}

/// Centre of gravity of the interior; NaN where there is no area.
pub fn centroid(rings: Rings) -> Point {
    let Some(&origin) = rings.vertices().first() else { return [f64::NAN; 2] };
    let (mut twice, mut x6, mut y6) = (0.0, 0.0, 0.0);
    for ring in rings.iter() {
        let local = |point: Point| [point[0] - origin[0], point[1] - origin[1]];
        let Some(mut a) = ring.last().copied().map(local) else { continue };
        for b in ring.iter().copied().map(local) {
            let cross = a[0] * b[1] - a[1] * b[0];
            twice += cross;
            x6 += (a[0] + b[0]) * cross;
            y6 += (a[1] + b[1]) * cross;
            a = b;
        }
    }
    if twice > 0.0 { [origin[0] + x6 / (3.0 * twice), origin[1] + y6 / (3.0 * twice)] } else { [f64::NAN; 2] }
}

/// Axis-parallel box: `[min x, min y, max x, max y]`.
pub type Bounds = [f64; 4];

/// The box of nothing: it meets no other box.
pub const NO_BOUNDS: Bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];

/// The smaller of two numbers. Unlike `f64::min` it has no rule for NaN, which never gets past ingest, and so is one
/// instruction: min and max are a third of the cost of preparing an outline otherwise.
#[inline(always)]
pub fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger of two numbers, see [`lesser`].
#[inline(always)]
pub fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Smallest box around all vertices; [`NO_BOUNDS`] where there is none.
pub fn bounds(points: &[Point]) -> Bounds {
    let grow = |[x0, y0, x1, y1]: Bounds, &[x, y]: &Point| {
        [lesser(x0, x), lesser(y0, y), greater(x1, x), greater(y1, y)]
    };
    points.iter().fold(NO_BOUNDS, grow)
}

/// Whether two boxes share at least a point.
pub fn boxes_meet(a: &Bounds, b: &Bounds) -> bool {
    a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn region(rings: &[&[Point]]) -> PolygonsBuf {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        built
    }

    /// A 4 x 2 rectangle with a unit hole in its left half.
    fn holed() -> PolygonsBuf {
        region(&[
            &[[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [0.0, 2.0]],
            &[[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5]],
        ])
    }

    #[test]
    fn holes_subtract_area_and_add_boundary() {
        let holed = holed();
        let rings = holed.view().row(0);
        assert_eq!(area(rings), 7.0);
        assert_eq!(perimeter(rings, [1.0, 1.0]), 16.0);
        assert_eq!(perimeter(rings, [2.0, 0.5]), 2.0 * 8.0 + 0.5 * 4.0 + 2.0 * 2.0 + 0.5 * 2.0);
        // (8 * (2, 1) - 1 * (1, 1)) / 7
        assert_eq!(centroid(rings), [15.0 / 7.0, 1.0]);
        assert_eq!(bounds(rings.vertices()), [0.0, 0.0, 4.0, 2.0]);
    }

    #[test]
    fn far_from_the_origin_no_digit_is_lost() {
        let far = region(&[&[[1e7, 1e7], [1e7 + 1.0, 1e7], [1e7 + 1.0, 1e7 + 1.0], [1e7, 1e7 + 1.0]]]);
        assert_eq!(area(far.view().row(0)), 1.0);
        assert_eq!(centroid(far.view().row(0)), [1e7 + 0.5, 1e7 + 0.5]);
    }

    #[test]
    fn without_area() {
        let line = region(&[&[[0.0, 0.0], [3.0, 4.0]]]);
        assert_eq!(area(line.view().row(0)), 0.0);
        assert_eq!(perimeter(line.view().row(0), [1.0, 1.0]), 10.0);
        assert!(centroid(line.view().row(0))[0].is_nan());
        assert!(!boxes_meet(&bounds(&[]), &[0.0, 0.0, 1.0, 1.0]));
    }
}
