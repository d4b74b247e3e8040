//! Shape of one region: diameters, and how round, full, long and symmetric it is.
//!
//! Lengths of an image whose pixels are not square only mean something in millimetres, so the axes are scaled
//! first. Ratios of areas are taken of the scaled outline too.

use std::f64::consts::PI;

use crate::geometry::area::{area, bounds, centroid, greater, ring_area, ring_length};
use crate::geometry::chains::Chains;
use crate::geometry::chord::Chords;
use crate::geometry::feret::{bounding_rings, power_of_two};
use crate::geometry::hull::{convex_hull, feret};
use crate::geometry::overlap::overlap;
use crate::polygons::{Point, PolygonsBuf, Rings};

/// Moments of inertia this near to each other (as a share) leave the principal axes undetermined.
const ROUND: f64 = 1e-9;

/// Diameters looked at for the perpendicular one where several are equally long.
const MOST_DIAMETERS: usize = 32;

/// Measures of one region; NaN where there is no point, ratios also where there is no area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Largest distance of two points.
    pub feret_max: f64,
    /// Smallest distance of two parallel lines around the region.
    pub feret_min: f64,
    /// Longest segment at right angles to the largest diameter that stays inside the region.
    pub perpendicular: f64,
    /// Diameter of the circle of the same area.
    pub equivalent_diameter: f64,
    /// 4 pi times area over the squared perimeter, of the outlines without their holes; 1 for a circle.
    pub circularity: f64,
    /// Area over the area of the convex hull.
    pub solidity: f64,
    /// Square root of the ratio of the smaller to the larger second moment of area; 1 for a circle, 0 for a line.
    pub elongation: f64,
    /// Area that is in the region or in its mirror image about the principal axis of the larger extent, but not in both,
    /// over the area: from 0 to 2.
    pub asymmetry_1: f64,
    /// The same about the other principal axis.
    pub asymmetry_2: f64,
}

/// Scratch that is reused from row to row.
#[derive(Default)]
pub struct Workspace {
    scaled: PolygonsBuf,
    image: PolygonsBuf,
    points: Vec<Point>,
    hull: Vec<Point>,
    longest: Vec<[Point; 2]>,
    chords: Chords,
    upright: Chains,
    mirrored: Chains,
    active: Vec<u32>,
}

impl Workspace {
    /// Measure a region with its axes scaled. O(n log n) plus the edges that face each other.
    pub fn measure(&mut self, rings: Rings, scale: [f64; 2]) -> Shape {
        let origin = rings.vertices().first().copied().unwrap_or_default();
        let [x0, y0, x1, y1] = bounds(rings.vertices());
        // Moments grow with the fourth power of the size, so that is brought to 1 to 2: exactly, by a power of two.
        let unit = power_of_two(greater((x1 - x0) * scale[0], (y1 - y0) * scale[1]));
        let scale = scale.map(|scale| scale / unit);
        let local = |point: Point| [0, 1].map(|axis| (point[axis] - origin[axis]) * scale[axis]);
        redraw(&mut self.scaled, rings, false, local);
        let scaled = self.scaled.view().row(0);

        let area = area(scaled);
        self.points.clear();
        bounding_rings(scaled).for_each(|ring| self.points.extend_from_slice(ring));
        convex_hull(&mut self.points, &mut self.hull);
        let feret = feret(&self.hull, &mut self.longest);
        let mut shape = Shape {
            feret_max: unit * feret.max,
            feret_min: unit * feret.min,
            perpendicular: feret.max * 0.0,
            equivalent_diameter: unit * 2.0 * (area / PI).sqrt() + feret.max * 0.0,
            circularity: f64::NAN,
            solidity: f64::NAN,
            elongation: f64::NAN,
            asymmetry_1: f64::NAN,
            asymmetry_2: f64::NAN,
        };
        if area > 0.0 {
            for &[a, b] in self.longest.iter().take(MOST_DIAMETERS) {
                let [c, s] = direction(a, b);
                let chord = self.chords.longest(scaled, |[x, y]| [x * c + y * s, y * c - x * s]);
                shape.perpendicular = shape.perpendicular.max(chord);
            }
            shape.perpendicular *= unit;
            let outlines = || scaled.iter().filter(|ring| ring_area(ring) > 0.0);
            let filled: f64 = outlines().map(ring_area).sum();
            let around: f64 = outlines().map(|ring| ring_length(ring, [1.0; 2])).sum();
            shape.circularity = (4.0 * PI * filled / (around * around)).min(1.0);
            shape.solidity = (area / ring_area(&self.hull)).min(1.0);
            self.symmetry(area, &mut shape);
        }
        shape
    }

    /// Elongation and asymmetry, in the frame of the principal axes.
    fn symmetry(&mut self, area: f64, shape: &mut Shape) {
        let scaled = self.scaled.view().row(0);
        let [x, y] = centroid(scaled);
        if !(x.is_finite() && y.is_finite()) {
            return; // An area of nothing but rounding.
        }
        let central = |point: Point| [point[0] - x, point[1] - y];
        let [xx, xy, yy] = second_moments(scaled, central);
        // An image of itself under a turn of less than 180 degrees has no principal axes; the image's own serve then.
        let undetermined = (0.5 * (xx - yy)).hypot(xy) <= ROUND * 0.5 * (xx + yy);
        let angle = if undetermined { 0.0 } else { 0.5 * (2.0 * xy).atan2(xx - yy) };
        let (s, c) = angle.sin_cos();
        let principal = |point: Point| {
            let [x, y] = central(point);
            [x * c + y * s, y * c - x * s]
        };
        // In this frame the smaller moment is a sum of its own and not a difference of large numbers.
        let [major, _, minor] = second_moments(scaled, principal);
        if major.is_nan() || major <= 0.0 {
            return;
        }
        shape.elongation = (minor.max(0.0) / major).sqrt().min(1.0);
        redraw(&mut self.image, scaled, false, principal);
        self.upright.load(self.image.view().row(0));
        let mut asymmetry = |flip: Point| {
            let mirror = |point: Point| {
                let [u, v] = principal(point);
                [u * flip[0], v * flip[1]]
            };
            redraw(&mut self.image, scaled, true, mirror);
            self.mirrored.load(self.image.view().row(0));
            let shared = overlap(&self.upright, &self.mirrored, &mut self.active).intersection;
            (2.0 * (area - shared) / area).max(0.0)
        };
        shape.asymmetry_1 = asymmetry([1.0, -1.0]);
        shape.asymmetry_2 = asymmetry([-1.0, 1.0]);
    }
}

/// Unit vector from one point to another; along x where they are the same.
fn direction(a: Point, b: Point) -> Point {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx.hypot(dy);
    if length > 0.0 { [dx / length, dy / length] } else { [1.0, 0.0] }
}

/// Make `drawn` the one region that `rings` are after a map of the plane; rings are reversed for one that mirrors.
fn redraw(drawn: &mut PolygonsBuf, rings: Rings, mirrors: bool, map: impl Fn(Point) -> Point) {
    drawn.clear();
    for ring in rings.iter() {
        let points = ring.iter().copied().map(&map);
        // There are no more vertices and rings than the source has, and those fitted.
        let _ = if mirrors { drawn.push_ring(points.rev()) } else { drawn.push_ring(points) };
    }
    let _ = drawn.end_region();
}

/// Second moments of area (of xx, xy, yy) by Green's theorem, about the origin of the mapped plane.
fn second_moments(rings: Rings, map: impl Fn(Point) -> Point) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for ring in rings.iter() {
        let Some(mut a) = ring.last().copied().map(&map) else { continue };
        for b in ring.iter().copied().map(&map) {
            let cross = a[0] * b[1] - a[1] * b[0];
            sums[0] += cross * (a[0] * a[0] + a[0] * b[0] + b[0] * b[0]);
            sums[1] += cross * (a[0] * (2.0 * a[1] + b[1]) + b[0] * (a[1] + 2.0 * b[1])) / 2.0;
            sums[2] += cross * (a[1] * a[1] + a[1] * b[1] + b[1] * b[1]);
            a = b;
        }
    }
    sums.map(|sum| sum / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rings: &[&[Point]], scale: [f64; 2]) -> Shape {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        Workspace::default().measure(built.view().row(0), scale)
    }

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-14 * expected.abs().max(1.0), "{value} {expected}");
    }

    #[test]
    fn a_rectangle() {
        let rectangle = [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]];
        for (scale, rectangle) in
            [([1.0, 1.0], rectangle), ([2.0, 0.5], rectangle.map(|[x, y]| [x / 2.0, y / 0.5]))]
        {
            let found = shape(&[&rectangle], scale);
            assert_eq!((found.feret_max, found.feret_min), (5.0, 3.0));
            // At right angles to a diagonal, through the end of the shorter side: 3 / (4/5).
            near(found.perpendicular, 3.75);
            near(found.equivalent_diameter, 2.0 * (12.0 / PI).sqrt());
            near(found.circularity, 48.0 * PI / 196.0);
            assert_eq!(found.solidity, 1.0);
            // Moments 4 * 27 / 12 and 64 * 3 / 12.
            near(found.elongation, 0.75);
            near(found.asymmetry_1, 0.0);
            near(found.asymmetry_2, 0.0);
        }
    }

    #[test]
    fn a_triangle_is_symmetric_about_one_axis() {
        // Isosceles, base 2 on the y axis, apex 9 away: the principal axis of the larger extent is its axis of symmetry.
        let found = shape(&[&[[0.0, -1.0], [9.0, 0.0], [0.0, 1.0]]], [1.0; 2]);
        near(found.asymmetry_1, 0.0);
        // Mirrored about x = 3, the two share the half width 1 - x/9 below x = 3 ... 6: area 2 * (1.5 + 1) / 2 ... in all
        // 2 * (integral of min(1 - x/9, 1 - (6 - x)/9) from 0 to 6) = 6 of 9.
        near(found.asymmetry_2, 2.0 * (9.0 - 6.0) / 9.0);
        // Moments 9^3 * 2 / 36 and 9 * 2^3 / 48.
        near(found.elongation, (1.5_f64 / 40.5).sqrt());
    }

    #[test]
    fn a_square_is_measured_in_its_own_frame() {
        let square = [[5.0, 5.0], [7.0, 5.0], [7.0, 7.0], [5.0, 7.0]];
        let found = shape(&[&square], [1.0; 2]);
        assert_eq!((found.elongation, found.asymmetry_1, found.asymmetry_2), (1.0, 0.0, 0.0));
        near(found.perpendicular, 8.0_f64.sqrt());
        let hole = [[5.5, 5.5], [5.5, 6.5], [6.5, 6.5], [6.5, 5.5]];
        let holed = shape(&[&square, &hole], [1.0; 2]);
        near(holed.circularity, PI / 4.0);
        near(holed.solidity, 0.75);
        // The diagonal is broken by the hole: the longest piece passes beside its corner.
        near(holed.perpendicular, 2.0_f64.sqrt());
    }

    #[test]
    fn size_does_not_matter() {
        let triangle = [[0.0, 0.0], [3.0, 0.0], [3.0, 3.0]];
        let plain = shape(&[&triangle], [1.0; 2]);
        for exponent in [-480, -270, 200, 256, 490] {
            let scale = 2.0_f64.powi(exponent);
            let found = shape(&[&triangle.map(|[x, y]| [x * scale, y * scale])], [1.0; 2]);
            assert_eq!(found.feret_max, plain.feret_max * scale);
            assert_eq!(found.perpendicular, plain.perpendicular * scale);
            assert_eq!(found.equivalent_diameter, plain.equivalent_diameter * scale);
            let ratios = |shape: &Shape| {
                [shape.circularity, shape.solidity, shape.elongation, shape.asymmetry_1, shape.asymmetry_2]
            };
            assert_eq!(ratios(&found), ratios(&plain), "2^{exponent}");
        }
        near(plain.elongation, (1.0_f64 / 3.0).sqrt());
    }

    #[test]
    fn strokes_beside_a_region_do_not_widen_it() {
        let square = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];
        assert_eq!(shape(&[&square, &[[9.0, 9.0]]], [1.0; 2]), shape(&[&square], [1.0; 2]));
    }

    #[test]
    fn lines_points_and_nothing() {
        let line = shape(&[&[[0.0, 0.0], [3.0, 4.0]]], [1.0; 2]);
        assert_eq!((line.feret_max, line.feret_min, line.perpendicular), (5.0, 0.0, 0.0));
        assert_eq!(line.equivalent_diameter, 0.0);
        assert!(line.circularity.is_nan() && line.asymmetry_1.is_nan());
        assert_eq!(shape(&[&[[2.0, 2.0]]], [1.0; 2]).feret_max, 0.0);
        let nothing = shape(&[], [1.0; 2]);
        assert!(nothing.feret_max.is_nan() && nothing.perpendicular.is_nan());
    }
}
