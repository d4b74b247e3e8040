//! How distances spread over the length of a boundary: integrals, lengths within a bound, percentiles, all in closed form.
//!
//! A [`Part`] is a stretch along which the distance rises (or falls) all the way, to a line or to a point.

/// Summed lengths are taken as reaching a share of the whole that they miss by this much: they are sums of many roundings.
const ROUNDING: f64 = 1e-13;

/// A stretch along which the distance runs from `low` to `high`: straight, or as to a point `across` beside the line.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Smallest distance.
    pub low: f64,
    /// Largest distance.
    pub high: f64,
    /// Length of the stretch.
    pub length: f64,
    /// Way from the foot of the point to the nearer end of the stretch.
    ahead: f64,
    /// Squared distance of the point to the line of the stretch; negative where the distance is straight.
    across2: f64,
}

impl Part {
    /// Straight between two distances.
    #[inline]
    pub fn line(one: f64, other: f64, length: f64) -> Self {
        let (low, high) = if one < other { (one, other) } else { (other, one) };
        Part { low, high, length, ahead: 0.0, across2: -1.0 }
    }

    /// To a point whose foot is `ahead >= 0` before the nearer end.
    #[inline]
    pub fn point(ahead: f64, length: f64, across2: f64) -> Self {
        let far = ahead + length;
        let (low, high) = ((ahead * ahead + across2).sqrt(), (far * far + across2).sqrt());
        Part { low, high, length, ahead, across2 }
    }

    /// Integral of the distance along the stretch.
    #[inline]
    pub fn integral(&self) -> f64 {
        if self.across2 < 0.0 {
            return 0.5 * (self.low + self.high) * self.length;
        }
        let Part { low, high, length, ahead, across2 } = *self;
        let (half, far) = (0.5 * length, ahead + length);
        let middle = ahead + half;
        let squared = middle * middle + across2;
        if half * half < squared * (1.0 / 400.0) {
            // Legendre series of sqrt(1 + 2 c z + z²) about the middle, z the share of half the length; the odd terms cancel.
            let (z, c, s) = (half * half / squared, middle * middle / squared, across2 / squared);
            let series = (429.0 * c - 495.0) * c + 135.0;
            let series = (series * c - 5.0) * (z / 1152.0) + ((21.0 * c - 14.0) * c + 1.0) * (1.0 / 112.0);
            let series = series * z + (5.0 * c - 1.0) * (1.0 / 40.0);
            return length * squared.sqrt() * (1.0 + s * z * (series * z + 1.0 / 6.0));
        }
        // 1/2 [t d + h² asinh(t / h)]; where h is next to nothing beside t, so is its term, and its logarithm may overflow.
        let bent =
            if across2 > 1e-40 * far * far { across2 * ((far + high) / (ahead + low)).ln() } else { 0.0 };
        0.5 * (far * high - ahead * low + bent)
    }

    /// Length of what is within a distance.
    #[inline]
    pub fn within(&self, distance: f64) -> f64 {
        if distance >= self.high {
            self.length
        } else if distance <= self.low {
            0.0
        } else if self.across2 < 0.0 {
            self.length * ((distance - self.low) / (self.high - self.low))
        } else {
            ((distance * distance - self.across2).max(0.0).sqrt() - self.ahead).clamp(0.0, self.length)
        }
    }

    /// Length gained per distance.
    fn density(&self, distance: f64) -> f64 {
        if self.across2 < 0.0 {
            self.length / (self.high - self.low)
        } else {
            distance / (distance * distance - self.across2).max(0.0).sqrt()
        }
    }
}

/// Smallest distance within which `percent` of the length lie; NaN where there is no part. Reorders the parts.
///
/// Pivots are ends of parts, as in quickselect; what lies wholly below or above is done with. In the end some parts run through
/// a common interval, on which the length is concave, and Newton's method converges from the left. Expected O(n).
pub fn percentile(parts: &mut [Part], percent: f64) -> f64 {
    let total: f64 = parts.iter().map(|part| part.length).sum();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for part in parts.iter() {
        low = low.min(part.low);
        high = high.max(part.high);
    }
    if parts.is_empty() {
        return f64::NAN;
    }
    if percent >= 100.0 {
        return high;
    }
    let target = total * (percent / 100.0 - ROUNDING);
    let flat = |parts: &[Part], at: f64| {
        parts.iter().filter(|part| part.high <= at).map(|part| part.length).sum::<f64>()
    };
    if flat(parts, low) >= target {
        return low;
    }
    let mut below = 0.0;
    let mut parts = parts;
    // Invariant: less than the target lies within `low`, the target or more within `high`, `below` in parts already gone.
    while let Some(pivot) = pivot(parts, low, high, target - below) {
        let (mut reached, mut before) = (below, below);
        for part in parts.iter() {
            let length = part.within(pivot);
            reached += length;
            if part.low < pivot {
                before += length;
            }
        }
        if reached < target {
            low = pivot;
        } else if before < target {
            return pivot;
        } else {
            high = pivot;
        }
        let mut kept = 0;
        for index in 0..parts.len() {
            if parts[index].high <= low {
                below += parts[index].length;
            } else if parts[index].low < high {
                parts.swap(kept, index);
                kept += 1;
            }
        }
        parts = &mut parts[..kept];
    }
    solve(parts, low, high, target - below)
}

/// An end of a part strictly between two distances, near where a length is likely to be reached.
fn pivot(parts: &[Part], low: f64, high: f64, wanted: f64) -> Option<f64> {
    const SAMPLE: usize = 9;
    let inside = |distance: f64| distance > low && distance < high;
    let mut sample = [0.0; SAMPLE];
    let (mut count, mut length) = (0, 0.0);
    let step = (parts.len() / SAMPLE).max(1);
    for part in parts.iter().step_by(step).take(SAMPLE) {
        length += part.length;
        let end = if inside(part.high) { part.high } else { part.low };
        if inside(end) {
            sample[count] = end;
            count += 1;
        }
    }
    if count == 0 {
        return parts.iter().flat_map(|part| [part.low, part.high]).find(|&end| inside(end));
    }
    let sample = &mut sample[..count];
    sample.sort_unstable_by(f64::total_cmp);
    let whole = length * parts.len() as f64 / (parts.len().div_ceil(step).min(SAMPLE)) as f64;
    let share = (wanted / whole * count as f64) as usize;
    Some(sample[share.min(count - 1)])
}

/// Where parts that all run from `low` or below to `high` or above contain a length.
fn solve(parts: &[Part], low: f64, high: f64, wanted: f64) -> f64 {
    if let [part] = parts {
        let distance = if part.across2 < 0.0 {
            part.low + (part.high - part.low) * (wanted / part.length)
        } else {
            ((part.ahead + wanted).powi(2) + part.across2).sqrt()
        };
        return distance.clamp(low, high);
    }
    let (mut low, mut high) = (low, high);
    let mut distance = high;
    for _ in 0..100 {
        let (mut reached, mut density) = (0.0, 0.0);
        for part in parts {
            reached += part.within(distance);
            density += part.density(distance);
        }
        if reached < wanted {
            low = distance;
        } else {
            high = distance;
        }
        let step = (reached - wanted) / density;
        if step.abs() <= f64::EPSILON * distance && density.is_finite() {
            break;
        }
        // The length has an infinite slope where the foot of a point is met, and Newton stands still there.
        let next = distance - step;
        let next = if next > low && next < high { next } else { 0.5 * (low + high) };
        if !(next > low && next < high) {
            break;
        }
        distance = next;
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simpson's rule with 20,000 steps.
    fn quadrature(ahead: f64, length: f64, across2: f64) -> f64 {
        let steps = 20_000;
        let at = |k: i32| (ahead + length * f64::from(k) / f64::from(steps)).hypot(across2.sqrt());
        let sum: f64 = (1..steps).map(|k| at(k) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
        (at(0) + sum + at(steps)) * length / f64::from(steps) / 3.0
    }

    #[test]
    fn integrals_agree_with_quadrature() {
        for ahead in [0.0, 0.1, 1.0, 7.0] {
            for length in [0.001, 0.05, 0.1, 0.3, 2.0, 9.0] {
                for across2 in [1e-3, 0.2, 1.0, 30.0] {
                    let (got, want) =
                        (Part::point(ahead, length, across2).integral(), quadrature(ahead, length, across2));
                    assert!((got - want).abs() < 4e-14 * want, "{ahead} {length} {across2}: {got} {want}");
                }
            }
        }
        // Through the point itself.
        assert_eq!(Part::point(0.0, 2.0, 0.0).integral(), 2.0);
        assert_eq!(Part::point(1.0, 2.0, 1e-300).integral(), 4.0);
    }

    #[test]
    fn percentiles_by_hand() {
        let mut parts = [Part::line(0.0, 1.0, 1.0), Part::line(3.0, 3.0, 1.0), Part::line(1.0, 5.0, 2.0)];
        for (percent, want) in [(0.0, 0.0), (12.5, 0.5), (25.0, 1.0), (37.5, 2.0), (50.0, 3.0), (75.0, 3.0)] {
            assert!((percentile(&mut parts, percent) - want).abs() < 1e-11, "{percent}");
        }
        assert!((percentile(&mut parts, 87.5) - 4.0).abs() < 1e-11);
        assert_eq!(percentile(&mut parts, 100.0), 5.0);
        // Half a straight line past a point 3 beside it, 8 long: 4 along, 5 away.
        assert!((percentile(&mut [Part::point(0.0, 8.0, 9.0)], 50.0) - 5.0).abs() < 1e-12);
        assert!(percentile(&mut [], 50.0).is_nan());
    }

    #[test]
    fn newton_gets_past_a_foot() {
        // From the foot at 1 the first length is gained at infinite rate.
        let mut parts = [Part::point(0.0, 3.0, 1.0), Part::line(0.5, 4.0, 1.0)];
        for percent in [10.0, 30.0, 60.0] {
            let distance = percentile(&mut parts, percent);
            let within: f64 = parts.iter().map(|part| part.within(distance)).sum();
            assert!((within / 4.0 - percent / 100.0).abs() < 1e-12, "{percent}");
        }
    }

    #[test]
    fn percentiles_and_lengths_are_inverse() {
        let mut parts: Vec<Part> = (0..200)
            .map(|k| {
                let x = f64::from(k * 37 % 101) / 10.0;
                if k % 2 == 0 { Part::line(x, x + 1.0, 0.5 + x) } else { Part::point(x, 2.0, x) }
            })
            .collect();
        let total: f64 = parts.iter().map(|part| part.length).sum();
        for percent in [1.0, 10.0, 50.0, 90.0, 95.0, 99.0, 99.9] {
            let distance = percentile(&mut parts, percent);
            let within: f64 = parts.iter().map(|part| part.within(distance)).sum();
            assert!((within / total - percent / 100.0).abs() < 1e-12, "{percent}");
        }
    }
}
