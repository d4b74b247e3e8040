//! Ragged columns of outlines: validated once, then trusted; the only place that touches raw offsets.
//!
//! A region is a set of oriented rings. A ring of positive signed area (shoelace) adds, one of negative area
//! subtracts. Each part of a region is its positive ring followed by the holes of that part. The layout is that of
//! GeoArrow polygons and `shapely.to_ragged_array`: vertices, ring offsets, polygon offsets.

use std::ops::Range;

use crate::error::{Error, Result};

/// A vertex: x to the right, y down, in pixels.
pub type Point = [f64; 2];

/// Largest coordinate accepted: areas of larger ones would overflow (1e150 squared is 1e300).
pub const MAX_COORDINATE: f64 = 1e150;

/// Borrowed columns of outlines.
#[derive(Clone, Copy, Debug)]
pub struct Polygons<'a> {
    xy: &'a [Point],
    ring_offsets: &'a [i32],
    polygon_offsets: &'a [i32],
}

impl<'a> Polygons<'a> {
    /// Check the offsets completely, in one pass over rings and rows, before anything is read through them.
    pub fn new(xy: &'a [Point], ring_offsets: &'a [i32], polygon_offsets: &'a [i32]) -> Result<Self> {
        let rings = ring_offsets.len().saturating_sub(1);
        check_offsets("polygon_offsets", polygon_offsets, "ring_offsets", rings, Level::Row)?;
        check_offsets("ring_offsets", ring_offsets, "xy", xy.len(), Level::Ring(polygon_offsets))?;
        Ok(Polygons { xy, ring_offsets, polygon_offsets })
    }

    /// Number of regions.
    pub fn len(&self) -> usize {
        self.polygon_offsets.len() - 1
    }

    /// Whether there is no region.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of vertices of all regions.
    pub fn n_vertices(&self) -> usize {
        self.xy.len()
    }

    /// Number of rings of all regions.
    pub fn n_rings(&self) -> usize {
        self.ring_offsets.len() - 1
    }

    /// All rings, whatever region they belong to.
    pub fn rings(&self) -> impl Iterator<Item = &'a [Point]> {
        Rings { xy: self.xy, offsets: self.ring_offsets }.iter()
    }

    /// The rings of one region.
    pub fn row(&self, row: usize) -> Rings<'a> {
        let (start, stop) = (self.polygon_offsets[row] as usize, self.polygon_offsets[row + 1] as usize);
        Rings { xy: self.xy, offsets: &self.ring_offsets[start..=stop] }
    }

    /// The rings of all regions, row by row.
    pub fn rows(&self) -> impl Iterator<Item = Rings<'a>> {
        let polygons = *self;
        (0..self.len()).map(move |row| polygons.row(row))
    }
}

/// The rings of one region, open (the first vertex is not repeated) and oriented.
#[derive(Clone, Copy, Debug)]
pub struct Rings<'a> {
    xy: &'a [Point],
    offsets: &'a [i32],
}

impl<'a> Rings<'a> {
    /// Ring by ring.
    pub fn iter(&self) -> impl Iterator<Item = &'a [Point]> + Clone + use<'a> {
        let xy = self.xy;
        self.offsets.windows(2).map(move |pair| &xy[pair[0] as usize..pair[1] as usize])
    }

    /// One ring as a region of its own.
    pub fn alone(&self, ring: usize) -> Rings<'a> {
        Rings { xy: self.xy, offsets: &self.offsets[ring..=ring + 1] }
    }

    /// All vertices, ring after ring.
    pub fn vertices(&self) -> &'a [Point] {
        &self.xy[self.offsets[0] as usize..self.offsets[self.offsets.len() - 1] as usize]
    }

    /// Number of rings.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no ring.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Owned columns of outlines, built ring by ring.
#[derive(Clone, Debug, PartialEq)]
pub struct PolygonsBuf {
    /// Vertices.
    pub xy: Vec<Point>,
    /// One more than there are rings.
    pub ring_offsets: Vec<i32>,
    /// One more than there are regions.
    pub polygon_offsets: Vec<i32>,
}

impl Default for PolygonsBuf {
    fn default() -> Self {
        PolygonsBuf { xy: Vec::new(), ring_offsets: vec![0], polygon_offsets: vec![0] }
    }
}

impl PolygonsBuf {
    /// Borrow the columns. They are consistent by construction.
    pub fn view(&self) -> Polygons<'_> {
        Polygons { xy: &self.xy, ring_offsets: &self.ring_offsets, polygon_offsets: &self.polygon_offsets }
    }

    /// Empty the columns, to fill them anew.
    pub fn clear(&mut self) {
        self.xy.clear();
        self.ring_offsets.truncate(1);
        self.polygon_offsets.truncate(1);
    }

    /// Add a ring to the region that is being built.
    pub fn push_ring(&mut self, ring: impl IntoIterator<Item = Point>) -> Result<()> {
        self.xy.extend(ring);
        self.ring_offsets.push(offset("vertices", self.xy.len())?);
        Ok(())
    }

    /// Close the region that is being built.
    pub fn end_region(&mut self) -> Result<()> {
        self.polygon_offsets.push(offset("rings", self.ring_offsets.len() - 1)?);
        Ok(())
    }

    /// Append regions of a batch.
    pub fn extend_rows(&mut self, from: Polygons, rows: Range<usize>) -> Result<()> {
        let regions = &from.polygon_offsets[rows.start..=rows.end];
        let (Some(&first), Some(&last)) = (regions.first(), regions.last()) else { return Ok(()) };
        let rings = &from.ring_offsets[first as usize..=last as usize];
        let (Some(&start), Some(&end)) = (rings.first(), rings.last()) else { return Ok(()) };
        let vertices = offset("vertices", self.xy.len() + (end - start) as usize)? - end;
        let before = offset("rings", self.ring_offsets.len() - 1 + (last - first) as usize)? - last;
        self.xy.extend_from_slice(&from.xy[start as usize..end as usize]);
        self.ring_offsets.extend(rings[1..].iter().map(|value| value + vertices));
        self.polygon_offsets.extend(regions[1..].iter().map(|value| value + before));
        Ok(())
    }

    /// Append all regions of another buffer.
    pub fn append(&mut self, other: &PolygonsBuf) -> Result<()> {
        self.extend_rows(other.view(), 0..other.polygon_offsets.len() - 1)
    }
}

/// Which level an offsets array is, to name row and ring in errors.
pub(crate) enum Level<'a> {
    Row,
    Part,
    Ring(&'a [i32]),
}

pub(crate) fn check_offsets(
    name: &'static str,
    offsets: &[i32],
    below: &'static str,
    len: usize,
    level: Level,
) -> Result<()> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return Err(Error::OffsetsMissing { level: name });
    };
    if first != 0 {
        return Err(Error::OffsetsStart { level: name, value: first.into() });
    }
    if let Some(index) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        let (row, ring) = match level {
            Level::Row => (Some(index), None),
            Level::Part => (None, None),
            Level::Ring(polygons) => {
                let row = polygons.partition_point(|&start| start as usize <= index).saturating_sub(1);
                (Some(row), polygons.get(row).map(|&start| index - start as usize))
            }
        };
        let (before, after) = (offsets[index].into(), offsets[index + 1].into());
        return Err(Error::OffsetsOrder { level: name, index: index + 1, before, after, row, ring });
    }
    if last as usize != len {
        return Err(Error::OffsetsEnd { level: name, last: last.into(), below, len });
    }
    Ok(())
}

pub(crate) fn offset(what: &'static str, count: usize) -> Result<i32> {
    i32::try_from(count).map_err(|_| Error::Overflow { what, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [Point; 5] = [[0.0, 0.0], [0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [0.0, 0.0]];

    #[test]
    fn wrong_offsets_are_refused_before_anything_is_read() {
        let err = |ro: &[i32], po: &[i32]| Polygons::new(&SQUARE, ro, po).unwrap_err();
        assert!(matches!(err(&[], &[0]), Error::OffsetsEnd { .. } | Error::OffsetsMissing { .. }));
        assert!(matches!(err(&[0, 5], &[]), Error::OffsetsMissing { level: "polygon_offsets" }));
        assert!(matches!(err(&[1, 5], &[0, 1]), Error::OffsetsStart { level: "ring_offsets", .. }));
        assert!(matches!(err(&[0, 9], &[0, 1]), Error::OffsetsEnd { last: 9, len: 5, .. }));
        let order = err(&[0, 4, 3, 5], &[0, 1, 3]);
        assert!(matches!(order, Error::OffsetsOrder { row: Some(1), ring: Some(0), .. }), "{order:?}");
        assert!(matches!(err(&[0, -4, 5], &[0, 2]), Error::OffsetsOrder { row: Some(0), .. }));
    }
}
