//! Binding of lesions on pairs of pages.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::arrays::{points, slice, with_batch};
use super::errors::to_python;
use super::pairs::ranges;
use crate::error::Error;
use crate::link::{self, Entry, Movement, Pair, Sightings};

type Ids<'py> = Bound<'py, PyArray1<i64>>;
type Values<'py> = Bound<'py, PyArray1<f64>>;
type Codes<'py> = Bound<'py, PyArray1<u8>>;

/// Per pair: model, basis, matrix, number of common ids, of inliers, residual; per lesion of each later page: codes and
/// numbers of lesions (-1 for none), whether it jumped, and numbers, in the order of `Entry`.
type Links<'py> = (
    (Codes<'py>, Codes<'py>, Bound<'py, PyArray2<f64>>, Ids<'py>, Ids<'py>, Values<'py>),
    Vec<Ids<'py>>,
    Bound<'py, PyArray1<bool>>,
    Vec<Values<'py>>,
);

#[pyfunction]
#[pyo3(signature = (xy, log_area, label, id, pages, per_px, field, zoom_most, *, threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn link_visits<'py>(
    py: Python<'py>,
    xy: PyReadonlyArray2<'py, f64>,
    log_area: PyReadonlyArray1<'py, f64>,
    label: PyReadonlyArray1<'py, i64>,
    id: PyReadonlyArray1<'py, i64>,
    pages: PyReadonlyArray2<'py, i64>,
    per_px: PyReadonlyArray2<'py, f64>,
    field: PyReadonlyArray1<'py, f64>,
    zoom_most: PyReadonlyArray1<'py, f64>,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Links<'py>> {
    let seen =
        Sightings { xy: points(&xy)?, log_area: slice(&log_area)?, label: slice(&label)?, id: slice(&id)? };
    let len = seen.xy.len();
    for (what, found) in
        [("log_area", seen.log_area.len()), ("label", seen.label.len()), ("id", seen.id.len())]
    {
        if found != len {
            let remedy = "pass one entry per position";
            return Err(to_python(Error::Length { what, found, expected: len, remedy }));
        }
    }
    let groups = ranges(&pages, len)?;
    let flat = per_px.as_slice().map_err(|_| PyTypeError::new_err("per_px is not C-contiguous"))?;
    let (factors, _) = flat.as_chunks::<4>();
    let (field, zoom_most) = (slice(&field)?, slice(&zoom_most)?);
    let rows = if per_px.shape()[1] == 4 { factors.len() } else { usize::MAX };
    for (what, found) in [("per_px", rows), ("field", field.len()), ("zoom_most", zoom_most.len())] {
        if found != groups.len() {
            let remedy = "pass one row per pair of pages";
            return Err(to_python(Error::Length { what, found, expected: groups.len(), remedy }));
        }
    }
    let pairs: Vec<Pair> = (groups.into_iter().zip(factors).zip(field).zip(zoom_most))
        .map(|(((group, &[a, b, c, d]), &field), &zoom_most)| Pair {
            from: group.a,
            to: group.b,
            from_per_px: [a, b],
            to_per_px: [c, d],
            field,
            zoom_most,
        })
        .collect();
    let (movements, entries) = with_batch(py, threads, progress, |batch| link::link(seen, &pairs, batch))?;
    let of = |number: fn(&Movement) -> u32| {
        movements.iter().map(|one| number(one).into()).collect::<Vec<i64>>().into_pyarray(py)
    };
    let matrix: Vec<f64> = movements.iter().flat_map(|one| one.matrix).collect();
    let matrix = Array2::from_shape_vec((movements.len(), 6), matrix)
        .map_err(|error| PyTypeError::new_err(error.to_string()))?;
    let lesion = |number: fn(&Entry) -> Option<u32>| {
        entries.iter().map(|one| number(one).map_or(-1, i64::from)).collect::<Vec<_>>().into_pyarray(py)
    };
    let value = |value: fn(&Entry) -> f64| entries.iter().map(value).collect::<Vec<_>>().into_pyarray(py);
    let residual: Vec<f64> = movements.iter().map(|one| one.residual_sd).collect();
    let code = |code: fn(&Movement) -> u8| movements.iter().map(code).collect::<Vec<_>>().into_pyarray(py);
    Ok((
        (
            code(|one| one.model as u8),
            code(|one| one.basis as u8),
            matrix.into_pyarray(py),
            of(|one| one.n_common),
            of(|one| one.n_inliers),
            residual.into_pyarray(py),
        ),
        vec![
            lesion(|one| Some(one.lesion)),
            lesion(|one| one.partner),
            lesion(|one| one.same_id),
            lesion(|one| one.swap),
            lesion(|one| Some(one.swap_size)),
        ],
        entries.iter().map(|one| one.jump).collect::<Vec<_>>().into_pyarray(py),
        vec![
            value(|one| one.partner_distance),
            value(|one| one.cost),
            value(|one| one.margin),
            value(|one| one.same_id_distance),
            value(|one| one.same_id_cost),
            value(|one| one.tolerance),
            value(|one| one.swap_gain),
        ],
    ))
}
