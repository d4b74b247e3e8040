//! How far a region reaches from a point in each of several directions.

use std::f64::consts::{FRAC_PI_4, TAU};

use crate::geometry::feret::bounding_rings;
use crate::polygons::{Point, Rings};

/// Where and how a region is seen: coordinates relative to `origin` are scaled, then turned by an angle.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The point that distances are from, in pixels.
    pub origin: Point,
    /// Length of a pixel along x and y.
    pub scale: [f64; 2],
    /// Angle in radians from +x towards +y, clockwise on the screen, by which the region is turned.
    pub turn: f64,
}

/// Unit vectors at equal angles, from +x towards +y.
///
/// Those along the axes and diagonals are exact mirror images of each other, so that a symmetric outline has symmetric
/// radii.
pub fn directions(count: usize) -> Vec<Point> {
    (0..count)
        .map(|at| {
            // The eighth of the circle that 8 * at / count falls into, and what is left of the angle in it.
            let (eighth, rest) = (8 * at / count, 8 * at % count);
            let angle = |part: usize| part as f64 / count as f64 * FRAC_PI_4;
            let (s, c) = if eighth % 2 == 0 { angle(rest).sin_cos() } else { angle(count - rest).sin_cos() };
            match eighth {
                0 => [c, s],
                1 => [s, c],
                2 => [-s, c],
                3 => [-c, s],
                4 => [-c, -s],
                5 => [-s, -c],
                6 => [s, -c],
                _ => [c, -s],
            }
        })
        .collect()
}

/// Fewer directions than this are too far apart to walk along.
const FEWEST_TO_WALK: usize = 8;

/// Edges that turn about the origin by less than this, in radians, are as good as on a line with it.
const RADIAL: f64 = 1e-6;

/// Scratch that is reused from row to row.
#[derive(Default)]
pub struct Workspace {
    points: Vec<Point>,
}

impl Workspace {
    /// Fill `radii` with the distance from the origin to the farthest point of the boundary on the ray in each of the
    /// `directions` (as [`directions`] makes them); NaN where the ray does not meet the boundary, as it may where the
    /// origin is outside, and where a number of the frame is not finite. O(n) plus what the rays meet.
    pub fn measure(&mut self, rings: Rings, frame: Frame, directions: &[Point], radii: &mut [f64]) {
        radii.fill(f64::NAN);
        let numbers = [frame.origin[0], frame.origin[1], frame.scale[0], frame.scale[1], frame.turn];
        if !numbers.iter().all(|number| number.is_finite()) {
            return;
        }
        let (s, c) = frame.turn.sin_cos();
        for ring in bounding_rings(rings) {
            self.points.clear();
            self.points.extend(ring.iter().map(|point| {
                let [x, y] = [0, 1].map(|axis| (point[axis] - frame.origin[axis]) * frame.scale[axis]);
                [c * x - s * y, s * x + c * y]
            }));
            let Some(&last) = self.points.last() else { continue };
            let mut rays = Rays { directions, radii, at: None };
            let mut a = last;
            for &b in &self.points {
                rays.meet(a, b);
                a = b;
            }
        }
    }
}

/// Radii of a ring as they are found edge by edge.
struct Rays<'a> {
    directions: &'a [Point],
    radii: &'a mut [f64],
    /// The last direction up to the end of the edge before, turning from +x towards +y; None where that is not known.
    at: Option<usize>,
}

impl Rays<'_> {
    /// Raise the radii in the directions whose rays meet an edge.
    fn meet(&mut self, a: Point, b: Point) {
        let count = self.directions.len();
        let turn = cross(a, b);
        let ahead = a[0] * b[0] + a[1] * b[1];
        // An edge through the origin, or nearly so, is seen from both sides, and which way it turns is left to rounding.
        if count < FEWEST_TO_WALK
            || (ahead <= 0.0 && turn.abs() <= -RADIAL * ahead)
            || a == [0.0; 2]
            || b == [0.0; 2]
        {
            (0..count).for_each(|at| self.look(at, a, b));
            self.at = None;
            return;
        }
        let mut at = self.at.unwrap_or_else(|| self.before(a));
        // Whether a direction is passed is told by the end of the edge alone, and the next edge begins with that end: no
        // ray can slip through between two edges. A ray through the end itself meets both.
        if cross(self.directions[at], a) == 0.0 {
            self.look(at, a, b);
        }
        // Of an edge that points at the origin, or nearly so, the side of the ray decides, for the turn is left to rounding.
        let back =
            if turn.abs() > RADIAL * ahead.abs() { turn < 0.0 } else { cross(self.directions[at], b) < 0.0 };
        if !back {
            for _ in 0..count {
                let next = if at + 1 == count { 0 } else { at + 1 };
                if cross(self.directions[next], b) < 0.0 {
                    break;
                }
                at = next;
                self.look(at, a, b);
            }
        } else {
            for _ in 0..count {
                if cross(self.directions[at], b) >= 0.0 {
                    break;
                }
                self.look(at, a, b);
                at = if at == 0 { count - 1 } else { at - 1 };
            }
            if cross(self.directions[at], b) == 0.0 {
                self.look(at, a, b);
            }
        }
        self.at = Some(at);
    }

    /// The last direction up to a point.
    fn before(&self, point: Point) -> usize {
        let count = self.directions.len();
        let share = point[1].atan2(point[0]) / TAU * count as f64;
        let mut at = (share.floor() as i64).rem_euclid(count as i64) as usize;
        // The angle is rounded; the signs that edges are told by decide.
        if cross(self.directions[at], point) < 0.0 {
            at = (at + count - 1) % count;
        } else if cross(self.directions[(at + 1) % count], point) >= 0.0 {
            at = (at + 1) % count;
        }
        at
    }

    /// Raise the radius in one direction if its ray meets an edge.
    fn look(&mut self, at: usize, a: Point, b: Point) {
        let [dx, dy] = self.directions[at];
        let (left, right) = (cross([dx, dy], a), cross([dx, dy], b));
        let (ahead_a, ahead_b) = (dx * a[0] + dy * a[1], dx * b[0] + dy * b[1]);
        let best = &mut self.radii[at];
        let mut raise = |radius: f64| {
            if radius >= 0.0 && (best.is_nan() || radius > *best) {
                *best = radius;
            }
        };
        if left == 0.0 {
            raise(ahead_a);
        }
        if right == 0.0 {
            raise(ahead_b);
        }
        if (left < 0.0) != (right < 0.0) {
            let share = left / (left - right);
            raise(ahead_a + share * (ahead_b - ahead_a));
        }
    }
}

/// Twice the area of the triangle with the origin: above 0 where `b` lies clockwise of `a` on the screen, from +x towards
/// +y.
fn cross(a: Point, b: Point) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::polygons::PolygonsBuf;

    const PLAIN: Frame = Frame { origin: [0.0; 2], scale: [1.0; 2], turn: 0.0 };

    fn radii(rings: &[&[Point]], frame: Frame, count: usize) -> Vec<f64> {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let mut found = vec![0.0; count];
        Workspace::default().measure(built.view().row(0), frame, &directions(count), &mut found);
        found
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn directions_are_at_equal_angles_and_exact_on_the_axes() {
        for count in [1, 2, 3, 4, 7, 8, 12, 36, 360] {
            for (at, [x, y]) in directions(count).into_iter().enumerate() {
                let angle = at as f64 / count as f64 * TAU;
                assert!(
                    (x - angle.cos()).abs() < 1e-15 && (y - angle.sin()).abs() < 1e-15,
                    "{at} of {count}"
                );
            }
        }
        assert_eq!(directions(4), [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]);
    }

    #[test]
    fn a_square() {
        let square = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]];
        let root = 2.0_f64.sqrt();
        near(&radii(&[&square], PLAIN, 8), &[1.0, root, 1.0, root, 1.0, root, 1.0, root]);
        // From another point, with the axes scaled: a 4 x 1 rectangle, seen from a quarter of its length.
        let frame = Frame { origin: [-0.5, 0.0], scale: [2.0, 0.5], turn: 0.0 };
        near(&radii(&[&square], frame, 4), &[3.0, 0.5, 1.0, 0.5]);
        // What lay along +x lies along +y after a quarter turn clockwise.
        near(&radii(&[&square], Frame { turn: PI / 2.0, ..frame }, 4), &[0.5, 3.0, 0.5, 1.0]);
    }

    #[test]
    fn the_farthest_of_several_and_no_hole() {
        let outer = [[-4.0, -4.0], [4.0, -4.0], [4.0, 4.0], [-4.0, 4.0]];
        let hole = [[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]];
        let apart = [[7.0, -1.0], [9.0, -1.0], [9.0, 1.0], [7.0, 1.0]];
        near(&radii(&[&outer, &hole, &apart], PLAIN, 4), &[9.0, 4.0, 4.0, 4.0]);
    }

    #[test]
    fn outside_a_ray_may_meet_nothing() {
        let square = [[2.0, -1.0], [4.0, -1.0], [4.0, 1.0], [2.0, 1.0]];
        let found = radii(&[&square], PLAIN, 4);
        assert_eq!(found[0], 4.0);
        assert!(found[1..].iter().all(|radius| radius.is_nan()));
        assert!(radii(&[&square], Frame { origin: [f64::NAN; 2], ..PLAIN }, 4)[0].is_nan());
        assert!(radii(&[], PLAIN, 3).iter().all(|radius| radius.is_nan()));
    }

    #[test]
    fn corners_on_rays_are_met() {
        // A spike whose tip touches the ray along +x from one side only, and an edge that lies on it.
        let touching = [[-1.0, -2.0], [3.0, -2.0], [5.0, 0.0], [2.0, -1.0], [-1.0, -1.0]];
        assert_eq!(radii(&[&touching], PLAIN, 4)[0], 5.0);
        let along = [[1.0, 0.0], [6.0, 0.0], [6.0, 2.0], [1.0, 2.0]];
        assert_eq!(radii(&[&along], PLAIN, 4)[0], 6.0);
        // An origin on the boundary is met itself.
        let beside = [[0.0, -1.0], [2.0, -1.0], [2.0, 1.0], [0.0, 1.0]];
        near(&radii(&[&beside], PLAIN, 4), &[2.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn an_ellipse() {
        let (long, short, turn) = (7.0, 3.0, 0.4);
        let ring: Vec<Point> = (0..20_000)
            .map(|k| (k as f64 / 20_000.0 * TAU).sin_cos())
            .map(|(s, c)| [100.0 + long * c, 50.0 + short * s])
            .collect();
        let frame = Frame { origin: [100.0, 50.0], scale: [1.0; 2], turn };
        for (at, found) in radii(&[&ring], frame, 36).into_iter().enumerate() {
            let (s, c) = (at as f64 / 36.0 * TAU - turn).sin_cos();
            let expected = long * short / (short * c).hypot(long * s);
            assert!((found - expected).abs() < 1e-6, "{at}: {found} {expected}");
        }
    }

    #[test]
    fn walking_along_the_rays_misses_none() {
        let mut state = 9_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for case in 0..2_000 {
            let rays = FEWEST_TO_WALK + case % 60;
            let ways = directions(rays);
            let mut ring: Vec<Point> = Vec::new();
            for _ in 0..3 + case % 25 {
                let [x, y] = ways[(random() * rays as f64) as usize];
                // Arms along rays, thinner than rounding can tell; corners on a grid; or anywhere.
                let aside = (random() - 0.5) * 10.0_f64.powi(-(case as i32 % 20));
                let reach = 10.0 * random();
                ring.push(match case % 3 {
                    0 => [x * reach + y * aside, y * reach - x * aside],
                    1 => [(8.0 * random()).round() - 4.0, (8.0 * random()).round() - 4.0],
                    _ => [8.0 * random() - 4.0, 8.0 * random() - 4.0],
                });
            }
            if crate::geometry::area::ring_area(&ring) == 0.0 {
                continue;
            }
            let found = radii(&[&ring], PLAIN, rays);
            let mut all = vec![f64::NAN; rays];
            let mut every = Rays { directions: &ways, radii: &mut all, at: None };
            for (index, &b) in ring.iter().enumerate() {
                let a = ring[(index + ring.len() - 1) % ring.len()];
                (0..rays).for_each(|at| every.look(at, a, b));
            }
            let same =
                found.iter().zip(&all).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            assert!(same, "case {case}: {ring:?} {found:?} {all:?}");
        }
    }

    #[test]
    fn every_edge_against_every_ray() {
        let mut state = 3_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for case in 0..400 {
            let count = 3 + case % 30;
            // Corners on a coarse grid around the origin hit rays exactly and often.
            let coarse = case % 2 == 0;
            let ring: Vec<Point> = (0..count)
                .map(|_| [random() * 8.0 - 4.0, random() * 8.0 - 4.0])
                .map(|point| if coarse { point.map(f64::round) } else { point })
                .collect();
            let rays = 1 + case % 40;
            let mut built = PolygonsBuf::default();
            built.push_ring(ring.iter().copied()).unwrap();
            built.end_region().unwrap();
            if crate::geometry::area::ring_area(&ring) <= 0.0 {
                continue; // drawn the other way around it is a hole
            }
            let ways = directions(rays);
            let mut found = vec![0.0; rays];
            Workspace::default().measure(built.view().row(0), PLAIN, &ways, &mut found);
            for (at, [dx, dy]) in ways.into_iter().enumerate() {
                let mut farthest = f64::NAN;
                for (index, b) in ring.iter().enumerate() {
                    let a = ring[(index + count - 1) % count];
                    let across = |p: &Point| dx * p[1] - dy * p[0];
                    let ahead = |p: &Point| dx * p[0] + dy * p[1];
                    let (left, right) = (across(&a), across(b));
                    let mut met = Vec::new();
                    if left * right < 0.0 {
                        met.push((ahead(&a) * right - ahead(b) * left) / (right - left));
                    }
                    met.extend(
                        [(left, ahead(&a)), (right, ahead(b))]
                            .iter()
                            .filter(|(off, _)| *off == 0.0)
                            .map(|met| met.1),
                    );
                    farthest = met.into_iter().filter(|radius| *radius >= 0.0).fold(farthest, f64::max);
                }
                let same = found[at].is_nan() && farthest.is_nan() || (found[at] - farthest).abs() < 1e-12;
                // A crossing within rounding of the origin may be on either side of it.
                let at_origin = found[at].max(farthest) < 1e-12;
                assert!(
                    same || at_origin,
                    "case {case}, ray {at} of {rays}: {} {farthest} {ring:?}",
                    found[at]
                );
            }
        }
    }
}
