//! Bindings of the kernels of one or two outlines.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use super::arrays::{
    Known, KnownOut, Pick, Ragged, RaggedOut, known_out, points, points_out, ragged_out, slice, with_batch,
};
use super::errors::to_python;
use crate::batch::{self, rows};
use crate::geoarrow::{self, Levels};
use crate::geometry::area as measures;
use crate::geometry::boundary::Boundary;
use crate::geometry::chains::Chains;
use crate::geometry::hausdorff::{self as distance, Method};
use crate::geometry::interior;
use crate::geometry::overlap as shared;
use crate::geometry::survey::Survey;
use crate::geometry::validity::{UNKNOWN, Validity, validity};
use crate::ingest::{self as intake, Roles};
use crate::polygons::{Polygons, Rings};

/// Checked columns, and what was seen of each row on the way.
#[pyfunction]
#[pyo3(signature = (xy, ring_offsets, part_offsets, polygon_offsets, *, oriented))]
pub(super) fn ingest<'py>(
    py: Python<'py>,
    xy: PyReadonlyArray2<'py, f64>,
    ring_offsets: PyReadonlyArray1<'py, i32>,
    part_offsets: Option<PyReadonlyArray1<'py, i32>>,
    polygon_offsets: PyReadonlyArray1<'py, i32>,
    oriented: bool,
) -> PyResult<(RaggedOut<'py>, KnownOut<'py>)> {
    let roles = if oriented { Roles::Oriented } else { Roles::FirstIsOutline };
    let (xy, ring_offsets, polygon_offsets) = (points(&xy)?, slice(&ring_offsets)?, slice(&polygon_offsets)?);
    let parts = part_offsets.as_ref().map(slice).transpose()?;
    // A wrong default is told by the calls that take a number.
    let threads = batch::num_threads(None).unwrap_or(1);
    let built = py.detach(|| intake::ingest(xy, ring_offsets, parts, polygon_offsets, roles, threads));
    let (built, seen) = built.map_err(to_python)?;
    Ok((ragged_out(py, built)?, known_out(py, &seen)?))
}

/// What one look at each row tells: areas, boxes and verdicts, 255 where only more work would give one.
#[pyfunction]
#[pyo3(signature = (polygons, *, threads=None))]
pub(super) fn survey<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    threads: Option<i64>,
) -> PyResult<KnownOut<'py>> {
    let seen = single(py, &polygons, threads, Survey::of)?;
    known_out(py, &seen)
}

/// x and y; where rings, parts and regions end.
type MultiPolygonsOut<'py> = ([Bound<'py, PyArray1<f64>>; 2], [Bound<'py, PyArray1<i32>>; 3]);

/// Outlines as GeoArrow multipolygons.
#[pyfunction]
pub(super) fn multipolygons<'py>(py: Python<'py>, polygons: Ragged<'py>) -> PyResult<MultiPolygonsOut<'py>> {
    let polygons = polygons.polygons()?;
    let made = py.detach(|| geoarrow::levels(polygons)).map_err(to_python)?;
    let vertices = made.rings.last().map_or(0, |&end| end as usize);
    // Large arrays of NumPy's own come in huge pages, which costs half of what filling memory of ours does.
    let columns = [0, 1].map(|_| PyArray1::zeros(py, vertices, false));
    {
        let [mut x, mut y] = columns.each_ref().map(|column| column.readwrite());
        let (x, y) = (x.as_slice_mut()?, y.as_slice_mut()?);
        py.detach(|| geoarrow::coordinates(polygons, x, y));
    }
    let Levels { rings, parts, regions } = made;
    Ok((columns, [rings, parts, regions].map(|ends| ends.into_pyarray(py))))
}

/// Verdicts on the rows; those that are given are judged only where they are open.
#[pyfunction]
#[pyo3(signature = (polygons, *, verdicts=None, threads=None))]
pub(super) fn judge<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    verdicts: Option<PyReadonlyArray1<'py, u8>>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let polygons = polygons.polygons()?;
    let known = verdicts.as_ref().map(slice).transpose()?;
    let verdicts = with_batch(py, threads, None, |batch| match known {
        Some(known) if known.len() == polygons.len() => interior::judge_rest(polygons, known, batch),
        _ => Ok(interior::judge(polygons, batch)?.into_iter().map(|verdict| verdict as u8).collect()),
    })?;
    Ok(verdicts.into_pyarray(py))
}

/// The batch with the rows that overlap themselves, by these verdicts, replaced by their interiors; None without any.
#[pyfunction]
#[pyo3(signature = (polygons, verdicts, *, threads=None))]
pub(super) fn mend<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    verdicts: PyReadonlyArray1<'py, u8>,
    threads: Option<i64>,
) -> PyResult<Option<RaggedOut<'py>>> {
    let polygons = polygons.polygons()?;
    let verdicts = slice(&verdicts)?.iter().take(polygons.len()).enumerate();
    let wrong = verdicts.filter(|(_, verdict)| **verdict == Validity::SelfOverlap as u8);
    let wrong: Vec<usize> = wrong.map(|(row, _)| row).collect();
    if wrong.is_empty() {
        return Ok(None);
    }
    ragged_out(py, with_batch(py, threads, None, |batch| interior::mend(polygons, &wrong, batch))?).map(Some)
}

/// One value per row of a single batch.
fn single<T: Send>(
    py: Python<'_>,
    polygons: &Ragged<'_>,
    threads: Option<i64>,
    metric: impl Fn(Rings) -> T + Sync + Send,
) -> PyResult<Vec<T>> {
    let polygons = polygons.polygons()?;
    with_batch(py, threads, None, |batch| {
        rows(batch, polygons.len(), polygons.n_vertices(), || (), |(), row| metric(polygons.row(row)))
    })
}

#[pyfunction]
#[pyo3(signature = (polygons, *, threads=None))]
pub(super) fn area<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    Ok(single(py, &polygons, threads, measures::area)?.into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (polygons, scale, *, threads=None))]
pub(super) fn perimeter<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    scale: [f64; 2],
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    Ok(single(py, &polygons, threads, |rings| measures::perimeter(rings, scale))?.into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (polygons, *, threads=None))]
pub(super) fn centroid<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    points_out(py, single(py, &polygons, threads, measures::centroid)?)
}

#[pyfunction]
#[pyo3(signature = (polygons, *, threads=None))]
pub(super) fn bounds<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let boxes = single(py, &polygons, threads, |rings| match rings.vertices() {
        [] => [f64::NAN; 4],
        vertices => measures::bounds(vertices),
    })?;
    Ok(boxes.into_flattened().into_pyarray(py))
}

/// One value per pair of rows. `load` prepares a row; a row that stays the same is not prepared again.
#[allow(clippy::too_many_arguments, reason = "the two sides of a call with what belongs to each")]
pub(super) fn double<'py, S: Default, T: Send>(
    py: Python<'py>,
    a: &Ragged<'py>,
    b: &Ragged<'py>,
    index_a: Option<PyReadonlyArray1<'py, i64>>,
    index_b: Option<PyReadonlyArray1<'py, i64>>,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
    load: impl Fn(&mut S, Rings) + Sync + Send,
    metric: impl Fn(&S, &S, &mut Vec<u32>) -> T + Sync + Send,
) -> PyResult<Vec<T>> {
    let (a, b) = (a.polygons()?, b.polygons()?);
    let (index_a, index_b) =
        (index_a.as_ref().map(slice).transpose()?, index_b.as_ref().map(slice).transpose()?);
    let (items, pick_a, pick_b) = Pick::sides((a.len(), index_a), (b.len(), index_b)).map_err(to_python)?;
    let mean = |polygons: Polygons| polygons.n_vertices() / polygons.len().max(1) + 1;
    let weight = items * (mean(a) + mean(b));
    with_batch(py, threads, progress, |batch| {
        let scratch = || (S::default(), S::default(), None, None, Vec::new());
        rows(batch, items, weight, scratch, |(left, right, at_left, at_right, spare), index| {
            let (row_a, row_b) = (pick_a.row(index), pick_b.row(index));
            if *at_left != Some(row_a) {
                load(left, a.row(row_a));
                *at_left = Some(row_a);
            }
            if *at_right != Some(row_b) {
                load(right, b.row(row_b));
                *at_right = Some(row_b);
            }
            metric(left, right, spare)
        })
    })
}

/// One side of an overlap: its row that is prepared, if any.
#[derive(Default)]
struct Prepared {
    chains: Chains,
    row: Option<usize>,
}

impl Prepared {
    fn load(&mut self, row: usize, rings: Rings, known: Survey) {
        if self.row != Some(row) {
            self.chains.load_surveyed(rings, known);
            self.row = Some(row);
        }
    }
}

type Codes<'py> = Bound<'py, PyArray1<u8>>;

/// Values per pair, and with `judge` the verdicts on its two rows: the same chains serve both. The values of pairs with a
/// self-overlapping row hold only after that row is resolved. `known_a` and `known_b` are what `survey` says of the rows.
#[pyfunction]
#[pyo3(signature = (
    a, b, index_a=None, index_b=None, *, known_a, known_b, kind, judge=false, threads=None, progress=None
))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn overlap<'py>(
    py: Python<'py>,
    a: Ragged<'py>,
    b: Ragged<'py>,
    index_a: Option<PyReadonlyArray1<'py, i64>>,
    index_b: Option<PyReadonlyArray1<'py, i64>>,
    known_a: Known<'py>,
    known_b: Known<'py>,
    kind: &str,
    judge: bool,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Bound<'py, PyArray1<f64>>, Codes<'py>, Codes<'py>)> {
    let value: fn(&shared::Overlap) -> f64 = match kind {
        "intersection" => |both| both.intersection,
        "dice" => shared::Overlap::dice,
        _ => shared::Overlap::iou,
    };
    let (a, b) = (a.polygons()?, b.polygons()?);
    let (known_a, known_b) = (known_a.rows(a.len())?, known_b.rows(b.len())?);
    let (index_a, index_b) =
        (index_a.as_ref().map(slice).transpose()?, index_b.as_ref().map(slice).transpose()?);
    let (items, pick_a, pick_b) = Pick::sides((a.len(), index_a), (b.len(), index_b)).map_err(to_python)?;
    let mean = |polygons: Polygons| polygons.n_vertices() / polygons.len().max(1) + 1;
    let weight = items * (mean(a) + mean(b));
    let pairs = with_batch(py, threads, progress, |batch| {
        let scratch = || (Prepared::default(), Prepared::default(), Vec::new());
        rows(batch, items, weight, scratch, |(left, right, active), index| {
            let (row_a, row_b) = (pick_a.row(index), pick_b.row(index));
            let (rings_a, rings_b) = (a.row(row_a), b.row(row_b));
            let (seen_a, seen_b) = (known_a.row(row_a), known_b.row(row_b));
            let verdict = |side: &mut Prepared, row: usize, rings: Rings, seen: (Survey, u8)| {
                if !judge || seen.1 != UNKNOWN {
                    return seen.1;
                }
                side.load(row, rings, seen.0);
                validity(rings, &side.chains) as u8
            };
            let verdicts = [verdict(left, row_a, rings_a, seen_a), verdict(right, row_b, rings_b, seen_b)];
            let both = match shared::apart(&seen_a.0, &seen_b.0) {
                Some(apart) => apart,
                None => {
                    left.load(row_a, rings_a, seen_a.0);
                    right.load(row_b, rings_b, seen_b.0);
                    shared::overlap(&left.chains, &right.chains, active)
                }
            };
            (value(&both), verdicts)
        })
    })?;
    let values: Vec<f64> = pairs.iter().map(|(value, _)| *value).collect();
    let judged = if judge { &pairs[..] } else { &[] };
    let [of_a, of_b] =
        [0, 1].map(|side| judged.iter().map(|(_, verdicts)| verdicts[side]).collect::<Vec<u8>>());
    Ok((values.into_pyarray(py), of_a.into_pyarray(py), of_b.into_pyarray(py)))
}

#[pyfunction]
#[pyo3(signature = (a, b, index_a=None, index_b=None, *, directed, vertices_only, threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn hausdorff<'py>(
    py: Python<'py>,
    a: Ragged<'py>,
    b: Ragged<'py>,
    index_a: Option<PyReadonlyArray1<'py, i64>>,
    index_b: Option<PyReadonlyArray1<'py, i64>>,
    directed: bool,
    vertices_only: bool,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let method = if vertices_only { Method::Vertex } else { Method::Exact };
    let measure = if directed { distance::directed } else { distance::hausdorff };
    let values = double(py, &a, &b, index_a, index_b, threads, progress, Boundary::load, |a, b, _| {
        measure(a, b, method)
    })?;
    Ok(values.into_pyarray(py))
}

type Witnesses<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<bool>>,
);

/// As `hausdorff`, with a point on each boundary and whether the farther side is `a`.
#[pyfunction]
#[pyo3(signature = (a, b, index_a=None, index_b=None, *, directed, vertices_only, threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn hausdorff_witnesses<'py>(
    py: Python<'py>,
    a: Ragged<'py>,
    b: Ragged<'py>,
    index_a: Option<PyReadonlyArray1<'py, i64>>,
    index_b: Option<PyReadonlyArray1<'py, i64>>,
    directed: bool,
    vertices_only: bool,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Witnesses<'py>> {
    let method = if vertices_only { Method::Vertex } else { Method::Exact };
    let found = double(py, &a, &b, index_a, index_b, threads, progress, Boundary::load, |a, b, _| {
        distance::farthest(a, b, method, directed)
    })?;
    Ok((
        found.iter().map(|pair| pair.distance).collect::<Vec<_>>().into_pyarray(py),
        points_out(py, found.iter().map(|pair| pair.point_a).collect())?,
        points_out(py, found.iter().map(|pair| pair.point_b).collect())?,
        found.iter().map(|pair| pair.from_a).collect::<Vec<_>>().into_pyarray(py),
    ))
}
