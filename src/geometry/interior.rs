//! What outlines mean: rows that overlap themselves are replaced by their non-zero interior, once per batch.
//!
//! Every metric answers for this interior. Valid and degenerate rows stay exactly as they were drawn.

use crate::batch::{self, Batch};
use crate::error::Result;
use crate::geometry::area::greater;
use crate::geometry::chains::Chains;
use crate::geometry::overlay::{self, Contours};
use crate::geometry::survey::Survey;
use crate::geometry::validity::{self, Validity};
use crate::polygons::{Polygons, PolygonsBuf};

/// How often a result is resolved again at most; eight units in the last place are wide enough for any that was seen.
const MOST_ROUNDS: u32 = 12;

/// The verdict on each row.
pub fn judge(polygons: Polygons, batch: &Batch) -> Result<Vec<Validity>> {
    batch::rows(batch, polygons.len(), polygons.n_vertices(), Chains::default, |chains, row| {
        let rings = polygons.row(row);
        validity::judge(rings, Survey::of(rings), chains)
    })
}

/// The same as numbers, where those of some rows are known: all but [`validity::UNKNOWN`].
pub fn judge_rest(polygons: Polygons, known: &[u8], batch: &Batch) -> Result<Vec<u8>> {
    let mut verdicts = known.to_vec();
    let rest: Vec<usize> = (0..known.len()).filter(|&row| known[row] == validity::UNKNOWN).collect();
    let weight = rest.iter().map(|&row| polygons.row(row).vertices().len()).sum();
    let judged = batch::rows(batch, rest.len(), weight, Chains::default, |chains, index| {
        let rings = polygons.row(rest[index]);
        validity::judge(rings, Survey::of(rings), chains) as u8
    })?;
    rest.iter().zip(judged).for_each(|(&row, verdict)| verdicts[row] = verdict);
    Ok(verdicts)
}

/// The batch with the rows of these numbers, in ascending order, replaced by their interiors.
pub fn mend(polygons: Polygons, wrong: &[usize], batch: &Batch) -> Result<PolygonsBuf> {
    // The engine costs about ten times a kernel, hence the weight.
    let weight = wrong.iter().map(|&row| 16 * polygons.row(row).vertices().len()).sum();
    let mended = batch::rows(batch, wrong.len(), weight, Chains::default, |chains, index| {
        settled(overlay::interior(polygons.row(wrong[index])), chains)
    })?;
    let mut replaced = PolygonsBuf::default();
    replaced.xy.reserve(polygons.n_vertices());
    // What lies between two of them is copied as a whole.
    let mut start = 0;
    for (&row, rings) in wrong.iter().zip(mended) {
        replaced.extend_rows(polygons, start..row)?;
        rings?.into_iter().try_for_each(|ring| replaced.push_ring(ring))?;
        replaced.end_region()?;
        start = row + 1;
    }
    replaced.extend_rows(polygons, start..polygons.len())?;
    Ok(replaced)
}

/// Rings that the engine has made, valid also after their crossing points were rounded. `chains` is scratch.
///
/// Only what is a few units in the last place wide needs more than a look: rounding makes it cross itself again, and
/// what that leaves perhaps once more. So it is resolved again, on ever coarser doubles, which close such needles up.
pub fn settled(mut rings: Contours, chains: &mut Chains) -> Result<Contours> {
    for round in 0..MOST_ROUNDS {
        let mut drawn = PolygonsBuf::default();
        rings.iter().try_for_each(|ring| drawn.push_ring(ring.iter().copied()))?;
        drawn.end_region()?;
        chains.load(drawn.view().row(0));
        if validity::validity(drawn.view().row(0), chains) != Validity::SelfOverlap {
            break;
        }
        let [x0, y0, x1, y1] = chains.bounds;
        let largest = [greater(x0.abs(), x1.abs()), greater(y0.abs(), y1.abs())];
        for point in &mut drawn.xy {
            *point = [0, 1].map(|axis| coarser(point[axis], largest[axis], round));
        }
        rings = overlay::interior(drawn.view().row(0));
    }
    Ok(rings)
}

/// A number rounded to 2^round units in the last place of another, larger one.
fn coarser(value: f64, largest: f64, round: u32) -> f64 {
    // Adding and taking away a number of that size rounds; it is far from overflow, see `MAX_COORDINATE`.
    let offset = largest * f64::from(1_u32 << round) * 1.5;
    if round == 0 { value } else { (value + offset) - offset }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::area::area;

    #[test]
    fn only_wrong_rows_change() {
        let mut built = PolygonsBuf::default();
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let bow_tie = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]];
        for ring in [square, bow_tie, square] {
            built.push_ring(ring).unwrap();
            built.end_region().unwrap();
        }
        let batch = Batch::unwatched(1);
        let verdicts = judge(built.view(), &batch).unwrap();
        assert_eq!(verdicts, [Validity::Valid, Validity::SelfOverlap, Validity::Valid]);
        let replaced = mend(built.view(), &[1], &batch).unwrap();
        assert_eq!(replaced.view().rows().map(area).collect::<Vec<_>>(), [1.0, 2.0, 1.0]);
        assert_eq!(replaced.view().row(2).vertices(), square);
    }
}
