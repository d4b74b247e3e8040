//! Binding of the distances along whole boundaries.

use std::cell::Cell;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::arrays::Ragged;
use super::geometry::double;
use crate::geometry::boundary::Boundary;
use crate::geometry::hausdorff::{self, Method};
use crate::geometry::strips::Border;
use crate::geometry::surface::{Wanted, Workspace, surface};
use crate::polygons::Rings;

/// A row's boundary, as each of the two kernels needs it.
#[derive(Default)]
struct Prepared {
    border: Border,
    boundary: Boundary,
    /// Of the first row of a pair.
    work: Cell<Workspace>,
}

/// Eight numbers per pair, one after another: Hausdorff distance, percentile, MASD, ASSD, signed offset, NSD and the directed means.
/// NaN for those not asked for.
#[pyfunction]
#[pyo3(signature = (a, b, index_a=None, index_b=None, *, percentile=None, pooled=false, tolerance=None, offset=false,
    hausdorff=false, threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn surface_distances<'py>(
    py: Python<'py>,
    a: Ragged<'py>,
    b: Ragged<'py>,
    index_a: Option<PyReadonlyArray1<'py, i64>>,
    index_b: Option<PyReadonlyArray1<'py, i64>>,
    percentile: Option<f64>,
    pooled: bool,
    tolerance: Option<f64>,
    offset: bool,
    hausdorff: bool,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let wanted = Wanted { percentile, pooled, tolerance, offset };
    let load = |row: &mut Prepared, rings: Rings| {
        row.border.load(rings);
        if hausdorff {
            row.boundary.load(rings);
        }
    };
    let rows = double(py, &a, &b, index_a, index_b, threads, progress, load, |a, b, _| {
        let mut work = a.work.take();
        let found = surface(&a.border, &b.border, &wanted, &mut work);
        a.work.set(work);
        let farthest =
            if hausdorff { hausdorff::hausdorff(&a.boundary, &b.boundary, Method::Exact) } else { f64::NAN };
        let means = [found.mean_a_to_b, found.mean_b_to_a];
        [farthest, found.percentile, found.masd, found.assd, found.offset, found.nsd, means[0], means[1]]
    })?;
    Ok(rows.into_flattened().into_pyarray(py))
}
