//! One look at a ring: its signed area, its box, and often a proof that it is simple.
//!
//! The proof is that of a star: seen from one point, every edge turns the same way and all of them together go round
//! once. Such a ring covers no place twice, whatever else it looks like. Most outlines of lesions are stars; for the
//! others this says nothing, and their winding number has to be measured.

use crate::geometry::area::{Bounds, NO_BOUNDS, greater, lesser};
use crate::geometry::exact::twice_ring_area;
use crate::polygons::{Point, Rings};

/// Rings that fill less than this share of their box are summed again, in twice the precision if need be.
const SLIM: f64 = 0.05;

/// Share of its terms below which a sum is done again in twice the precision: leaves 1e-13 of relative error at most.
const CANCELLED: f64 = 1e-3;

/// How far an edge has to turn to count, as twice its triangle's area over the square of the box's diagonal. The
/// products of doubles below deviate by less than 1e-15 of that.
const TURNS: f64 = 4e-15;

/// What one look at a ring tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survey {
    /// Signed area: positive where the ring adds, negative where it subtracts. NaN where a coordinate is NaN.
    pub area: f64,
    /// Smallest box around the vertices.
    pub bounds: Bounds,
    /// The ring is certainly simple. `false` means that nothing is known.
    pub simple: bool,
}

impl Survey {
    /// What there is to say about no ring.
    pub const NOTHING: Survey = Survey { area: 0.0, bounds: NO_BOUNDS, simple: false };

    /// A region: its rings together.
    pub fn of(rings: Rings) -> Survey {
        rings.iter().map(survey).reduce(Survey::with).unwrap_or(Survey::NOTHING)
    }

    /// This ring and another one of the same region.
    pub fn with(self, other: Survey) -> Survey {
        let ([x0, y0, x1, y1], [u0, v0, u1, v1]) = (self.bounds, other.bounds);
        Survey {
            area: self.area + other.area,
            bounds: [lesser(x0, u0), lesser(y0, v0), greater(x1, u1), greater(y1, v1)],
            // How rings lie to each other is another matter.
            simple: false,
        }
    }

    /// Whether all that was looked at are numbers up to this size.
    pub fn is_finite(&self, largest: f64) -> bool {
        let [x0, y0, x1, y1] = self.bounds;
        // A NaN among the vertices is one in the area.
        self.area.is_finite() && x0 >= -largest && y0 >= -largest && x1 <= largest && y1 <= largest
    }

    /// Certainly valid: winding number 0 or 1, and some area.
    pub fn is_valid(&self) -> bool {
        self.simple && self.area > 0.0
    }
}

/// Look at a ring. O(n), one pass.
pub fn survey(ring: &[Point]) -> Survey {
    let n = ring.len();
    let Some(&first) = ring.first() else { return Survey::NOTHING };
    // A point in the middle of things, and which way they turn, without a pass of its own.
    let [p, q, r] = [ring[n / 4], ring[n / 2], ring[n - 1 - n / 4]];
    let quarter = |a: f64, b: f64| 0.25 * (a + b);
    let centre = each(each(first, p, quarter), each(q, r, quarter), |a, b| a + b);
    let turn = (q[0] - first[0]) * (r[1] - p[1]) - (q[1] - first[1]) * (r[0] - p[0]);
    let Sums { spanned, low, least, most, rounds } =
        if turn < 0.0 { sums::<true>(ring, first, centre) } else { sums::<false>(ring, first, centre) };
    let [width, height] = [most[0] - least[0], most[1] - least[1]];
    let mut twice = spanned[0] - spanned[1];
    if twice.abs() < SLIM * width * height || width * height == 0.0 {
        twice = slim(ring, centre, twice);
    }
    Survey {
        area: 0.5 * twice,
        bounds: [least[0], least[1], most[0], most[1]],
        simple: low > TURNS * (width * width + height * height) && rounds[1] == 1.0,
    }
}

/// Sums over the edges, x and y side by side.
struct Sums {
    /// `∮ x dy` and `∮ y dx`, relative to the centre.
    spanned: [f64; 2],
    /// The smallest term of their difference, twice the area that an edge spans with the centre; if `TURNED` of the
    /// difference with the other sign.
    low: f64,
    /// Smallest and largest x and y.
    least: Point,
    most: Point,
    /// How many edges cross the level of the centre upwards; the first number means nothing.
    rounds: [f64; 2],
}

#[inline(always)]
fn sums<const TURNED: bool>(ring: &[Point], first: Point, centre: Point) -> Sums {
    let from_centre = |point: Point| each(point, centre, |a, b| a - b);
    let negative = |point: Point| [point[0] < 0.0, point[1] < 0.0];
    // With the step to the next vertex in place of that vertex the products stay small.
    let span = |from: Point, [x, y]: Point, [x_next, y_next]: Point| {
        let spanned = each(from, [y_next - y, x_next - x], |a, b| a * b);
        (spanned, if TURNED { spanned[1] - spanned[0] } else { spanned[0] - spanned[1] })
    };
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    let up = |before: [bool; 2], after: [bool; 2]| [one(before[0] & !after[0]), one(before[1] & !after[1])];
    let add = |a: f64, b: f64| a + b;
    let last = ring[ring.len() - 1];
    let (mut a, mut a_from) = (first, from_centre(first));
    let (mut spanned, low) = span(from_centre(last), last, first);
    let mut rounds = up(negative(from_centre(last)), negative(a_from));
    // Two edges at a time, so that one need not wait for the other.
    let (mut other_spanned, mut other_rounds, mut other_low, mut low) = ([0.0; 2], [0.0; 2], low, low);
    let (mut least, mut most) = (first, first);
    let (pairs, rest) = ring[1..].as_chunks::<2>();
    for &[b, c] in pairs {
        let (b_from, c_from) = (from_centre(b), from_centre(c));
        let (one, cross) = span(a_from, a, b);
        spanned = each(spanned, one, add);
        low = lesser(cross, low);
        let (two, cross) = span(b_from, b, c);
        other_spanned = each(other_spanned, two, add);
        other_low = lesser(cross, other_low);
        least = each(each(b, c, lesser), least, lesser);
        most = each(each(b, c, greater), most, greater);
        rounds = each(rounds, up(negative(a_from), negative(b_from)), add);
        other_rounds = each(other_rounds, up(negative(b_from), negative(c_from)), add);
        (a, a_from) = (c, c_from);
    }
    if let [last] = *rest {
        let (one, cross) = span(a_from, a, last);
        spanned = each(spanned, one, add);
        low = lesser(cross, low);
        least = each(last, least, lesser);
        most = each(last, most, greater);
        rounds = each(rounds, up(negative(a_from), negative(from_centre(last))), add);
    }
    Sums {
        spanned: each(spanned, other_spanned, add),
        low: lesser(low, other_low),
        least,
        most,
        rounds: each(rounds, other_rounds, add),
    }
}

#[inline(always)]
fn each(a: [f64; 2], b: [f64; 2], both: impl Fn(f64, f64) -> f64) -> [f64; 2] {
    [both(a[0], b[0]), both(a[1], b[1])]
}

/// Twice the area of a ring that fills little of its box: where the products cancel, so do their digits.
#[cold]
fn slim(ring: &[Point], centre: Point, twice: f64) -> f64 {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let size: f64 = edges.map(|(head, tail)| ((head[0] - centre[0]) * (tail[1] - head[1])).abs()).sum();
    if twice.abs() < CANCELLED * size { twice_ring_area(ring) } else { twice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn star(n: u32, turns: u32) -> Vec<Point> {
        let angle = |k: u32| f64::from(k * turns) / f64::from(n) * std::f64::consts::TAU;
        (0..n).map(|k| [9.0 + angle(k).cos(), 5.0 + angle(k).sin()]).collect()
    }

    #[test]
    fn area_and_box() {
        let square = [[1.0, 1.0], [3.0, 1.0], [3.0, 4.0], [1.0, 4.0]];
        assert_eq!(survey(&square), Survey { area: 6.0, bounds: [1.0, 1.0, 3.0, 4.0], simple: true });
        let clockwise: Vec<Point> = square.iter().rev().copied().collect();
        assert_eq!((survey(&clockwise).area, survey(&clockwise).simple), (-6.0, true));
        assert_eq!(survey(&[]).area, 0.0);
        assert_eq!(survey(&[[3.0, 2.0]]), Survey { area: 0.0, bounds: [3.0, 2.0, 3.0, 2.0], simple: false });
        assert!(survey(&[[0.0, 0.0], [f64::NAN, 0.0], [1.0, 1.0], [0.0, 1.0]]).area.is_nan());
    }

    #[test]
    fn stars_are_simple_and_nothing_else_is_said_to_be() {
        for n in 3..40 {
            assert!(survey(&star(n, 1)).simple, "{n}");
        }
        assert!(!survey(&star(5, 2)).simple, "a pentagram goes round twice");
        assert!(!survey(&[star(9, 1), star(9, 1)].concat()).simple);
        assert!(!survey(&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]).simple, "bow tie");
        assert!(!survey(&[[0.0, 0.0], [1.0, 1.0], [3.0, 3.0]]).simple, "a line");
        assert!(!survey(&[[1.0, 1.0]; 7]).simple);
    }
}
