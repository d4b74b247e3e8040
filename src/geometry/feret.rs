//! Largest and smallest diameter of one region, and nothing else: what a comparison of many visits asks of each outline.
//!
//! The same numbers as those of `shape`, to the bit, at a fraction of its cost.

use crate::geometry::area::{area, bounds, greater, ring_area};
use crate::geometry::hull::{Feret, convex_hull, feret};
use crate::polygons::{Point, Rings};

/// Scratch that is reused from row to row.
#[derive(Default)]
pub struct Workspace {
    points: Vec<Point>,
    hull: Vec<Point>,
    longest: Vec<[Point; 2]>,
}

impl Workspace {
    /// Measure a region; NaN where it has no point. O(n log n).
    pub fn measure(&mut self, rings: Rings) -> Feret {
        let origin = rings.vertices().first().copied().unwrap_or_default();
        let [x0, y0, x1, y1] = bounds(rings.vertices());
        // Products of lengths must neither overflow nor vanish.
        let unit = power_of_two(greater(x1 - x0, y1 - y0));
        let inverse = 1.0 / unit;
        self.points.clear();
        bounding_rings(rings).for_each(|ring| {
            self.points
                .extend(ring.iter().map(|&[x, y]| [(x - origin[0]) * inverse, (y - origin[1]) * inverse]));
        });
        convex_hull(&mut self.points, &mut self.hull);
        let found = feret(&self.hull, &mut self.longest);
        Feret { max: unit * found.max, min: unit * found.min }
    }
}

/// The rings that reach farthest: the outlines. Holes do not, and strokes without an area beside a region with one are no
/// part of it; where there is no area at all, all that was drawn counts.
pub fn bounding_rings<'a>(rings: Rings<'a>) -> impl Iterator<Item = &'a [Point]> {
    // One ring alone is always all there is.
    let all = rings.len() == 1 || area(rings) == 0.0;
    rings.iter().filter(move |ring| all || ring_area(ring) > 0.0)
}

/// The largest power of two up to a number, as far as a double can divide by it; 1 for 0 and for what is no number.
pub fn power_of_two(number: f64) -> f64 {
    if number > 0.0 && number < f64::INFINITY {
        2.0_f64.powi(number.log2().floor().clamp(-1000.0, 1000.0) as i32)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shape;
    use crate::polygons::PolygonsBuf;

    fn region(rings: &[&[Point]]) -> PolygonsBuf {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        built
    }

    fn measured(rings: &[&[Point]]) -> Feret {
        Workspace::default().measure(region(rings).view().row(0))
    }

    #[test]
    fn a_rectangle_at_any_size() {
        for exponent in [-480, -40, 0, 60, 490] {
            let scale = 2.0_f64.powi(exponent);
            let corners =
                [[7.0, 1.0], [11.0, 1.0], [11.0, 4.0], [7.0, 4.0]].map(|[x, y]| [x * scale, y * scale]);
            assert_eq!(measured(&[&corners]), Feret { max: 5.0 * scale, min: 3.0 * scale });
        }
    }

    #[test]
    fn holes_and_strokes_do_not_count() {
        let square = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];
        let hole = [[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5]];
        assert_eq!(measured(&[&square, &hole]), measured(&[&square]));
        assert_eq!(measured(&[&square, &[[9.0, 9.0], [8.0, 8.0]]]), measured(&[&square]));
        // Parts do: two unit squares whose far corners are 5 apart along x and 1 along y.
        let far = [[4.0, 0.0], [5.0, 0.0], [5.0, 1.0], [4.0, 1.0]];
        let near = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        assert_eq!(measured(&[&near, &far]), Feret { max: 26.0_f64.sqrt(), min: 1.0 });
    }

    #[test]
    fn lines_points_and_nothing() {
        assert_eq!(measured(&[&[[1.0, 1.0], [4.0, 5.0]]]), Feret { max: 5.0, min: 0.0 });
        assert_eq!(measured(&[&[[2.0, 2.0]]]), Feret { max: 0.0, min: 0.0 });
        assert!(measured(&[]).max.is_nan());
    }

    #[test]
    fn brute_force_and_the_shape_measures_agree() {
        let mut state = 5_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut work = Workspace::default();
        for case in 0..300 {
            // Stars around a point: simple outlines, seldom convex.
            let count = 3 + case % 40;
            let flat = if case % 4 == 0 { 0.01 } else { 1.0 };
            let ring: Vec<Point> = (0..count)
                .map(|k| ((k as f64 + 0.8 * random()) / count as f64, 5.0 + 30.0 * random()))
                .map(|(turn, r)| ((turn * std::f64::consts::TAU).sin_cos(), r))
                .map(|((s, c), r)| [500.0 + r * c, 300.0 + r * s * flat])
                .collect();
            let built = region(&[&ring]);
            let rings = built.view().row(0);
            let found = work.measure(rings);
            let whole = shape::Workspace::default().measure(rings, [1.0; 2]);
            assert_eq!((found.max, found.min), (whole.feret_max, whole.feret_min));
            let apart = |a: &Point, b: &Point| (a[0] - b[0]).hypot(a[1] - b[1]);
            let largest = ring.iter().flat_map(|a| ring.iter().map(move |b| apart(a, b))).fold(0.0, f64::max);
            assert!((found.max - largest).abs() <= 1e-14 * largest);
            // The width across every line through two corners that has all others on one side.
            let mut narrowest = f64::INFINITY;
            for a in &ring {
                for b in ring.iter().filter(|b| *b != a) {
                    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
                    let away = |p: &Point| (dx * (p[1] - a[1]) - dy * (p[0] - a[0])) / dx.hypot(dy);
                    if ring.iter().all(|p| away(p) >= -1e-9) {
                        narrowest = narrowest.min(ring.iter().map(away).fold(0.0, f64::max));
                    }
                }
            }
            assert!((found.min - narrowest).abs() <= 1e-9 * found.max, "{case}: {} {narrowest}", found.min);
        }
    }
}
