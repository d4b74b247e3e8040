//! Sums in twice the precision, for the rare outlines whose area almost cancels: needles and slivers.
//!
//! Error-free transformations of T. J. Dekker (Numerische Mathematik 18, 1971) and D. E. Knuth: the rounding error of a
//! sum or a product of doubles is a double itself, and is carried along.

use crate::polygons::Point;

/// An unevaluated sum of two doubles, the second below half a unit in the last place of the first.
#[derive(Clone, Copy)]
struct Double2 {
    high: f64,
    low: f64,
}

impl Double2 {
    const ZERO: Double2 = Double2 { high: 0.0, low: 0.0 };

    /// The exact sum of two doubles.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let part = high - a;
        Double2 { high, low: (a - (high - part)) + (b - part) }
    }

    /// The exact product of two doubles, by splitting each into halves of 26 bits.
    fn product(a: f64, b: f64) -> Self {
        let split = |value: f64| {
            // 2^27 + 1
            let scaled = 134_217_729.0 * value;
            let high = scaled - (scaled - value);
            (high, value - high)
        };
        let high = a * b;
        let ((a1, a2), (b1, b2)) = (split(a), split(b));
        Double2 { high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2 }
    }

    fn plus(self, other: Double2) -> Self {
        let top = Double2::sum(self.high, other.high);
        let rest = Double2::sum(self.low, other.low);
        let joined = Double2::sum(top.high, top.low + rest.high);
        Double2::sum(joined.high, joined.low + rest.low)
    }

    fn times(self, other: Double2) -> Self {
        let top = Double2::product(self.high, other.high);
        Double2::sum(top.high, top.low + (self.high * other.low + self.low * other.high))
    }

    fn minus(self, other: Double2) -> Self {
        self.plus(Double2 { high: -other.high, low: -other.low })
    }
}

/// Twice the signed area of a ring, as a sum of cross products in twice the precision.
pub fn twice_ring_area(ring: &[Point]) -> f64 {
    let Some(&origin) = ring.first() else { return 0.0 };
    // There and back again: the last digits of the sums need not cancel, but nothing is enclosed.
    if (1..=ring.len() / 2).all(|step| ring[step] == ring[ring.len() - step]) {
        return 0.0;
    }
    let local = |point: Point| [0, 1].map(|axis| Double2::sum(point[axis], -origin[axis]));
    let mut previous = [Double2::ZERO; 2];
    let mut twice = Double2::ZERO;
    for &point in ring {
        let current = local(point);
        twice = twice.plus(previous[0].times(current[1]).minus(previous[1].times(current[0])));
        previous = current;
    }
    twice.high + twice.low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_lose_is_kept() {
        let product = Double2::product(1.0 + f64::EPSILON, 1.0 - f64::EPSILON);
        assert_eq!((product.high, product.low), (1.0, -f64::EPSILON * f64::EPSILON));
        assert_eq!(Double2::sum(1.0, 1e-30).low, 1e-30);
    }

    #[test]
    fn a_sliver_keeps_its_digits() {
        // Vertices k / 3 on a line, the last moved up by one unit in its last place u: twice the area is (1/3) u.
        let (third, two_thirds) = (1.0 / 3.0, 2.0 / 3.0);
        let unit = f64::EPSILON / 2.0;
        let ring = [[0.0, 0.0], [third, third], [two_thirds, two_thirds + unit]];
        assert_eq!(twice_ring_area(&ring), third * unit);
        assert_eq!(twice_ring_area(&[[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 3.0]]), 12.0);
    }
}
