//! Bindings of pairs within groups, of one-to-one matching and of lesions.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::arrays::{Ragged, slice, with_batch};
use super::errors::to_python;
use crate::error::Error;
use crate::lesions::{self, Match};
use crate::matching::{Gates, match_groups};
use crate::pairs::{self, Group, Side};

type Ids<'py> = Bound<'py, PyArray1<i64>>;
type Values<'py> = Bound<'py, PyArray1<f64>>;

#[pyfunction]
#[pyo3(signature = (a, b, groups_a, groups_b, *, min_iou, threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn iou_pairs<'py>(
    py: Python<'py>,
    a: Ragged<'py>,
    b: Ragged<'py>,
    groups_a: PyReadonlyArray1<'py, i64>,
    groups_b: PyReadonlyArray1<'py, i64>,
    min_iou: f64,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Ids<'py>, Ids<'py>, Values<'py>)> {
    let (a, b) = (a.polygons()?, b.polygons()?);
    let (keys_a, keys_b) = (slice(&groups_a)?, slice(&groups_b)?);
    for (what, expected, found) in [("groups_a", a.len(), keys_a.len()), ("groups_b", b.len(), keys_b.len())]
    {
        if expected != found {
            let remedy = "pass one group per outline";
            return Err(to_python(Error::Length { what, found, expected, remedy }));
        }
    }
    let mut hits = with_batch(py, threads, progress, |batch| {
        let (groups, order_a, order_b) = pairs::group_by_key(keys_a, keys_b)?;
        let (a, b) = (Side { polygons: a, order: &order_a }, Side { polygons: b, order: &order_b });
        pairs::overlaps(a, b, &groups, min_iou, batch)
    })?;
    py.detach(|| hits.sort_unstable_by_key(|hit| (hit.a, hit.b)));
    let rows = |row: fn(&pairs::Hit) -> u32| hits.iter().map(|hit| row(hit).into()).collect::<Vec<i64>>();
    let iou: Vec<f64> = hits.iter().map(|hit| hit.iou).collect();
    Ok((rows(|hit| hit.a).into_pyarray(py), rows(|hit| hit.b).into_pyarray(py), iou.into_pyarray(py)))
}

/// Result columns of `match_pages`: page, row a, row b (-1 for none), kind, iou; and one score per page.
type Matches<'py> = (Ids<'py>, Ids<'py>, Ids<'py>, Bound<'py, PyArray1<u8>>, Values<'py>, Values<'py>);

#[pyfunction]
#[pyo3(signature = (polygons, labels, order, pages, *, gate, conflict_gate, threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn match_pages<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    labels: PyReadonlyArray1<'py, i32>,
    order: PyReadonlyArray1<'py, u32>,
    pages: PyReadonlyArray2<'py, i64>,
    gate: f64,
    conflict_gate: f64,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Matches<'py>> {
    let polygons = polygons.polygons()?;
    let labels = slice(&labels)?;
    if labels.len() != polygons.len() {
        let (expected, found) = (polygons.len(), labels.len());
        let remedy = "pass one label code per outline";
        return Err(to_python(Error::Length { what: "labels", found, expected, remedy }));
    }
    let order = slice(&order)?;
    if let Some(position) = order.iter().position(|&row| row as usize >= polygons.len()) {
        let (value, len) = (order[position].into(), polygons.len());
        return Err(to_python(Error::Index { what: "order", position, value, len }));
    }
    let groups = ranges(&pages, order.len())?;
    let gates = Gates { same_label: gate, conflict: conflict_gate };
    let (rows, scores) = with_batch(py, threads, progress, |batch| {
        let side = Side { polygons, order };
        match_groups(side, side, labels, labels, &groups, gates, batch)
    })?;
    let id = |row: Option<u32>| row.map_or(-1, i64::from);
    let page: Vec<i64> = rows.iter().map(|row| row.group.into()).collect();
    let a: Vec<i64> = rows.iter().map(|row| id(row.a)).collect();
    let b: Vec<i64> = rows.iter().map(|row| id(row.b)).collect();
    let kind: Vec<u8> = rows.iter().map(|row| row.kind as u8).collect();
    let iou: Vec<f64> = rows.iter().map(|row| row.iou).collect();
    Ok((
        page.into_pyarray(py),
        a.into_pyarray(py),
        b.into_pyarray(py),
        kind.into_pyarray(py),
        iou.into_pyarray(py),
        scores.into_pyarray(py),
    ))
}

/// Rows of (first a, end a, first b, end b), positions in the order.
pub(super) fn ranges(pages: &PyReadonlyArray2<'_, i64>, len: usize) -> PyResult<Vec<Group>> {
    let flat = pages.as_slice().map_err(|_| PyTypeError::new_err("pages is not C-contiguous"))?;
    if pages.shape()[1] != 4 {
        return Err(PyTypeError::new_err("pages needs four columns"));
    }
    let (rows, _) = flat.as_chunks::<4>();
    let mut groups = Vec::with_capacity(rows.len());
    for (page, row) in rows.iter().enumerate() {
        let inside = |from: i64, to: i64| 0 <= from && from <= to && to as usize <= len;
        if !(inside(row[0], row[1]) && inside(row[2], row[3])) {
            return Err(to_python(Error::Index {
                what: "pages",
                position: page,
                value: row[1].max(row[3]),
                len,
            }));
        }
        let [a0, a1, b0, b1] = row.map(|value| value as usize);
        groups.push(Group { a: a0..a1, b: b0..b1 });
    }
    Ok(groups)
}

/// The number of each region's group, counted in the order of the groups' first regions.
#[pyfunction]
#[pyo3(signature = (annotators, a, b, iou))]
pub(super) fn group_lesions<'py>(
    py: Python<'py>,
    annotators: PyReadonlyArray1<'py, i64>,
    a: PyReadonlyArray1<'py, i64>,
    b: PyReadonlyArray1<'py, i64>,
    iou: PyReadonlyArray1<'py, f64>,
) -> PyResult<Ids<'py>> {
    let len = annotators.len();
    let codes = below("annotators", slice(&annotators)?, len)?;
    let (a, b, iou) = (below("a", slice(&a)?, len)?, below("b", slice(&b)?, len)?, slice(&iou)?);
    for (what, found) in [("b", b.len()), ("iou", iou.len())] {
        if found != a.len() {
            let remedy = "pass two regions and one IoU per match";
            return Err(to_python(Error::Length { what, found, expected: a.len(), remedy }));
        }
    }
    let mut matches: Vec<Match> =
        a.iter().zip(&b).zip(iou).map(|((&a, &b), &iou)| Match { a, b, iou }).collect();
    let groups = py.detach(|| lesions::group(&codes, &mut matches));
    Ok(groups.into_iter().map(i64::from).collect::<Vec<_>>().into_pyarray(py))
}

/// Numbers of regions, or codes of which there are no more.
fn below(what: &'static str, values: &[i64], len: usize) -> PyResult<Vec<u32>> {
    let number = |(position, &value): (usize, &i64)| {
        u32::try_from(value).ok().filter(|&number| (number as usize) < len).ok_or(Error::Index {
            what,
            position,
            value,
            len,
        })
    };
    values.iter().enumerate().map(number).collect::<Result<_, _>>().map_err(to_python)
}
