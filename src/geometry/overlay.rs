//! The only file that knows the overlay engine: outlines in, outlines out.
//!
//! i_overlay runs on 64-bit integers here: coordinates are placed on a grid of 2^-61 of the outline's extent, finer
//! than a double, so that only the rounding of crossing points back to doubles is left (one unit in the last place).

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::float::overlay::FloatOverlay;

use crate::geometry::area::ring_area;
use crate::polygons::{Point, Rings};

type Contours = Vec<Vec<Point>>;

/// The non-zero interior of one ring as simple rings: outlines positive, holes negative.
pub fn nonzero(ring: &[Point]) -> Contours {
    let scale = unit_scale(ring);
    rescaled(resolved(&rescaled(vec![ring.to_vec()], scale)[0]), 1.0 / scale)
}

/// What a region means: the non-zero interior of each positive ring, united, less that of each negative ring.
///
/// Each part comes as its positive ring followed by its holes.
pub fn interior(rings: Rings) -> Contours {
    let scale = unit_scale(rings.vertices());
    let (mut outlines, mut holes) = (Contours::new(), Contours::new());
    for ring in rescaled(rings.iter().map(<[Point]>::to_vec).collect(), scale) {
        // A ring whose lobes cancel counts as an outline: ingest leaves no hole of that kind.
        let side = if ring_area(&ring) < 0.0 { &mut holes } else { &mut outlines };
        side.extend(resolved(&ring));
    }
    if rings.len() > 1 {
        // Simple oriented rings sum to winding numbers 0 and up, so the non-zero rule unites them.
        outlines = oriented(
            FloatOverlay::<Point, i64>::from_subj(&outlines).overlay(OverlayRule::Subject, FillRule::NonZero),
        );
    }
    if !holes.is_empty() {
        outlines = oriented(
            FloatOverlay::<Point, i64>::from_subj_and_clip(&outlines, &holes)
                .overlay(OverlayRule::Difference, FillRule::NonZero),
        );
    }
    rescaled(outlines, 1.0 / scale)
}

fn resolved(ring: &[Point]) -> Contours {
    oriented(FloatOverlay::<Point, i64>::from_subj(ring).overlay(OverlayRule::Subject, FillRule::NonZero))
}

/// A power of two that brings the largest coordinate to about 1: the engine loses outlines of extreme size.
fn unit_scale(points: &[Point]) -> f64 {
    let largest = points.iter().flatten().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if largest > 0.0 { 2.0_f64.powi(-(largest.log2().floor().clamp(-1000.0, 1000.0) as i32)) } else { 1.0 }
}

fn rescaled(mut contours: Contours, scale: f64) -> Contours {
    for value in contours.iter_mut().flatten().flatten() {
        *value *= scale;
    }
    contours
}

/// Flatten shapes and give each ring the direction of its role, whatever the engine's convention is.
fn oriented(shapes: Vec<Contours>) -> Contours {
    shapes
        .into_iter()
        .flat_map(|shape| {
            shape.into_iter().enumerate().map(|(index, mut ring)| {
                if (ring_area(&ring) > 0.0) != (index == 0) {
                    ring.reverse();
                }
                ring
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn area_of(rings: &[&[Point]]) -> f64 {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        interior(built.view().row(0)).iter().map(|ring| ring_area(ring)).sum()
    }

    const SQUARE: [Point; 4] = [[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0]];

    #[test]
    fn self_crossing_rings_are_filled() {
        assert_eq!(area_of(&[&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]]), 2.0);
        assert_eq!(area_of(&[&[SQUARE, SQUARE].concat()]), 9.0);
        // Pentagram of radius 1: its non-zero area is 1.1225699414489634.
        let star: Vec<Point> = (0..5)
            .map(|k| (f64::from(k) * 0.8 * std::f64::consts::PI).sin_cos())
            .map(|(s, c)| [c, s])
            .collect();
        assert!((area_of(&[&star]) - 1.122_569_941_448_963_4).abs() < 1e-14);
    }

    #[test]
    fn size_does_not_matter() {
        for exponent in [-400, -60, 0, 300, 490] {
            let scale = 2.0_f64.powi(exponent);
            let tie = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]].map(|[x, y]| [x * scale, y * scale]);
            assert_eq!(area_of(&[&tie]), 2.0 * scale * scale, "2^{exponent}");
        }
    }

    #[test]
    fn parts_unite_and_holes_subtract() {
        let shifted = SQUARE.map(|[x, y]| [x + 2.0, y]);
        assert_eq!(area_of(&[&SQUARE, &shifted]), 15.0);
        let hole = [[2.0, 1.0], [2.0, 2.0], [4.0, 2.0], [4.0, 1.0]];
        assert_eq!(area_of(&[&SQUARE, &hole]), 8.0);
        assert_eq!(area_of(&[&SQUARE, &shifted, &hole]), 13.0);
    }
}
