//! Convex hull and the diameters that only depend on it.
//!
//! The hull is A. M. Andrew's monotone chain (Information Processing Letters 9, 1979) with J. R. Shewchuk's exact
//! orientation test, so it is strictly convex; its antipodal pairs are found by rotating calipers (M. I. Shamos 1978).

use robust::{Coord, orient2d};

use crate::geometry::area::norm;
use crate::polygons::Point;

/// Diameters this share below the longest count as equally long: a circle drawn as a polygon has many.
const TIED: f64 = 1e-12;

/// Replace `hull` by the corners of the convex hull of `points`, in the direction of positive area, from the one with the
/// smallest x (then y) on. `points` is sorted. Points on a line leave its two ends, one point itself. O(n log n).
pub fn convex_hull(points: &mut Vec<Point>, hull: &mut Vec<Point>) {
    hull.clear();
    points.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    let coord = |[x, y]: Point| Coord { x, y };
    let extend = |hull: &mut Vec<Point>, kept: usize, point: Point| {
        while let [.., a, b] = hull[kept..]
            && orient2d(coord(a), coord(b), coord(point)) <= 0.0
        {
            hull.pop();
        }
        hull.push(point);
    };
    points.iter().for_each(|&point| extend(hull, 0, point));
    let far = hull.len().saturating_sub(1);
    points.iter().rev().skip(1).for_each(|&point| extend(hull, far, point));
    // The way back ends where the way there began.
    if hull.len() > 1 {
        hull.pop();
    }
}

/// Smallest and largest distance between two parallel lines that hold a hull between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feret {
    /// The largest: the diameter.
    pub max: f64,
    /// The smallest: the width.
    pub min: f64,
}

/// Feret diameters of a hull, and in `longest` the pairs of corners whose distance is the largest. NaN of nothing. O(h).
pub fn feret(hull: &[Point], longest: &mut Vec<[Point; 2]>) -> Feret {
    longest.clear();
    let length = |[a, b]: &[Point; 2]| norm([b[0] - a[0], b[1] - a[1]]);
    if hull.len() < 3 {
        longest.extend(hull.first().zip(hull.last()).map(|(a, b)| [*a, *b]));
        return match &longest[..] {
            [only] => Feret { max: length(only), min: 0.0 },
            _ => Feret { max: f64::NAN, min: f64::NAN },
        };
    }
    let count = hull.len();
    let rightmost = (1..count).fold(0, |best, at| if hull[at] > hull[best] { at } else { best });
    let edge = |at: usize| {
        let (a, b) = (hull[at % count], hull[(at + 1) % count]);
        [b[0] - a[0], b[1] - a[1]]
    };
    let (mut low, mut high) = (0, rightmost);
    let (mut max, mut min) = (0.0_f64, f64::INFINITY);
    let pair = |low: usize, high: usize| [hull[low % count], hull[high % count]];
    let mut look = |low: usize, high: usize, longest: &mut Vec<[Point; 2]>| {
        let found = length(&pair(low, high));
        if found >= (1.0 - TIED) * max {
            max = max.max(found);
            longest.push(pair(low, high));
        }
    };
    // Distance of a corner from the line along an edge.
    let width = |at: usize, corner: usize| {
        let ([dx, dy], [a, p]) = (edge(at), pair(at, corner));
        (dx * (p[1] - a[1]) - dy * (p[0] - a[0])).abs() / norm([dx, dy])
    };
    look(low, high, longest);
    while low < rightmost || high < count {
        let ([a, b], [c, d]) = (edge(low), edge(high));
        // Which edge the turning lines meet first; both where rounding cannot tell, or where they are parallel.
        let (along, across) = (a * d, b * c);
        let turn = across - along;
        let parallel = turn.abs() <= 4.0 * f64::EPSILON * (along.abs() + across.abs());
        let lower = high >= count || (low < rightmost && (parallel || turn > 0.0));
        let upper = low >= rightmost || (high < count && (parallel || turn < 0.0));
        if lower {
            min = min.min(width(low, high));
            look(low + 1, high, longest);
        }
        if upper {
            min = min.min(width(high, low));
            look(low, high + 1, longest);
        }
        low += usize::from(lower);
        high += usize::from(upper);
        if lower && upper {
            look(low, high, longest);
        }
    }
    longest.retain(|found| length(found) >= (1.0 - TIED) * max);
    Feret { max, min }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(points: &[Point]) -> (Vec<Point>, Feret, usize) {
        let (mut hull, mut longest) = (Vec::new(), Vec::new());
        convex_hull(&mut points.to_vec(), &mut hull);
        let feret = feret(&hull, &mut longest);
        (hull, feret, longest.len())
    }

    #[test]
    fn corners_only() {
        let (hull, feret, _) =
            measured(&[[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [4.0, 3.0], [2.0, 1.0], [0.0, 3.0], [0.0, 0.0]]);
        assert_eq!(hull, [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]]);
        assert_eq!(feret, Feret { max: 5.0, min: 3.0 });
    }

    #[test]
    fn a_triangle_is_as_wide_as_its_smallest_height() {
        // Sides 3, 4, 5: the height over the hypotenuse is 12 / 5.
        let (_, feret, _) = measured(&[[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]]);
        assert_eq!(feret.max, 5.0);
        assert!((feret.min - 2.4).abs() < 1e-15);
    }

    #[test]
    fn calipers_agree_with_all_pairs() {
        // Points of a fixed linear congruential sequence on and inside ellipses, down to flat ones.
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for round in 0..400 {
            let count = 3 + round % 60;
            let flat = if round % 3 == 0 { 1e-9 } else { 0.2 + random() };
            let points: Vec<Point> = (0..count)
                .map(|_| (random() * std::f64::consts::TAU).sin_cos())
                .map(|(s, c)| [10.0 * c, 10.0 * s * flat])
                .collect();
            let (hull, feret, _) = measured(&points);
            let all =
                points.iter().flat_map(|a| points.iter().map(move |b| (a[0] - b[0]).hypot(a[1] - b[1])));
            let largest = all.fold(0.0, f64::max);
            assert!((feret.max - largest).abs() <= 1e-15 * largest);
            let edges = (0..hull.len()).map(|at| (hull[at], hull[(at + 1) % hull.len()]));
            let widths = edges.map(|(a, b)| {
                let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
                let away = |p: &Point| (dx * (p[1] - a[1]) - dy * (p[0] - a[0])).abs() / dx.hypot(dy);
                hull.iter().map(away).fold(0.0, f64::max)
            });
            let narrowest = widths.fold(f64::INFINITY, f64::min);
            assert!((feret.min - narrowest).abs() <= 1e-14 * feret.max, "{} {narrowest}", feret.min);
        }
    }

    #[test]
    fn a_regular_polygon_has_many_diameters() {
        let corner = |k: usize| (k as f64 * std::f64::consts::TAU / 64.0).sin_cos();
        let (_, feret, longest) = measured(&(0..64).map(|k| [corner(k).1, corner(k).0]).collect::<Vec<_>>());
        assert!((feret.max - 2.0).abs() < 1e-15);
        assert!((feret.min - 2.0 * (std::f64::consts::PI / 64.0).cos()).abs() < 1e-14);
        assert!(longest >= 32, "{longest}");
    }

    #[test]
    fn lines_points_and_nothing() {
        assert_eq!(measured(&[[1.0, 1.0], [4.0, 5.0], [2.5, 3.0]]).1, Feret { max: 5.0, min: 0.0 });
        assert_eq!(measured(&[[1.0, 1.0], [1.0, 1.0]]).1, Feret { max: 0.0, min: 0.0 });
        assert!(measured(&[]).1.max.is_nan());
    }
}
