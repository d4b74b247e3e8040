//! Bindings of clipping, votes, and where outlines go wrong.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;

use super::arrays::{Pick, Ragged, RaggedOut, points_out, ragged_out, slice, with_batch};
use super::errors::to_python;
use crate::batch::rows;
use crate::error::Error;
use crate::geometry::clip::{self, Groups, Question};
use crate::geometry::defects::{self, Defect};
use crate::geometry::overlay::Operation;
use crate::geometry::validity::Validity;

#[pyfunction]
#[pyo3(signature = (a, b, *, kind, threads=None))]
pub(super) fn clip_pairs<'py>(
    py: Python<'py>,
    a: Ragged<'py>,
    b: Ragged<'py>,
    kind: &str,
    threads: Option<i64>,
) -> PyResult<RaggedOut<'py>> {
    let operation = match kind {
        "intersection" => Operation::Intersection,
        "difference" => Operation::Difference,
        _ => Operation::Union,
    };
    let (a, b) = (a.polygons()?, b.polygons()?);
    let (items, pick_a, pick_b) = Pick::sides((a.len(), None), (b.len(), None)).map_err(to_python)?;
    let built = with_batch(py, threads, None, |batch| {
        clip::elementwise((a, b), items, |item| (pick_a.row(item), pick_b.row(item)), operation, batch)
    })?;
    ragged_out(py, built)
}

#[pyfunction]
#[pyo3(signature = (polygons, order, starts, *, kind, min_votes=0, threads=None))]
pub(super) fn clip_groups<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    order: PyReadonlyArray1<'py, i64>,
    starts: PyReadonlyArray1<'py, i64>,
    kind: &str,
    min_votes: usize,
    threads: Option<i64>,
) -> PyResult<RaggedOut<'py>> {
    let question = match kind {
        "intersection" => Question::Intersection,
        "difference" => Question::Difference,
        "votes" => Question::Votes(min_votes),
        _ => Question::Union,
    };
    let groups = groups(&polygons, &order, &starts)?;
    let built = with_batch(py, threads, None, |batch| clip::grouped(groups, question, batch))?;
    ragged_out(py, built)
}

#[pyfunction]
#[pyo3(signature = (polygons, order, starts, *, threads=None))]
pub(super) fn disputed_area<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    order: PyReadonlyArray1<'py, i64>,
    starts: PyReadonlyArray1<'py, i64>,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let groups = groups(&polygons, &order, &starts)?;
    let areas = with_batch(py, threads, None, |batch| clip::disputed(groups, batch))?;
    Ok(areas.into_pyarray(py))
}

/// Rows of a batch in groups, checked.
pub(super) fn groups<'a>(
    polygons: &'a Ragged<'_>,
    order: &'a PyReadonlyArray1<'_, i64>,
    starts: &'a PyReadonlyArray1<'_, i64>,
) -> PyResult<Groups<'a>> {
    let (polygons, order, starts) = (polygons.polygons()?, slice(order)?, slice(starts)?);
    let outside = |what: &'static str, values: &[i64], most: usize, ordered: bool| {
        let wrong = (0..values.len()).find(|&at| {
            values[at] < 0 || values[at] as usize > most || (ordered && at > 0 && values[at] < values[at - 1])
        });
        wrong.map_or(Ok(()), |position| {
            Err(to_python(Error::Index { what, position, value: values[position], len: most + 1 }))
        })
    };
    match polygons.len().checked_sub(1) {
        Some(last) => outside("order", order, last, false)?,
        None if order.is_empty() => {}
        None => return Err(to_python(Error::Index { what: "order", position: 0, value: order[0], len: 0 })),
    }
    outside("starts", starts, order.len(), true)?;
    Ok(Groups { polygons, order, starts })
}

/// Kinds (0: none), rings, other rings (-1: none) and places of defects, and areas as drawn.
type Defects<'py> = (
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<f64>>,
);

/// What is wrong with the rows that overlap themselves by these verdicts.
#[pyfunction]
#[pyo3(signature = (polygons, verdicts, *, threads=None))]
pub(super) fn defects_of<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    verdicts: PyReadonlyArray1<'py, u8>,
    threads: Option<i64>,
) -> PyResult<Defects<'py>> {
    let (polygons, verdicts) = (polygons.polygons()?, slice(&verdicts)?);
    if verdicts.len() != polygons.len() {
        let (expected, found) = (polygons.len(), verdicts.len());
        let remedy = "pass one verdict per outline";
        return Err(to_python(Error::Length { what: "verdicts", found, expected, remedy }));
    }
    let wrong = |row: usize| verdicts[row] == Validity::SelfOverlap as u8;
    let found: Vec<(f64, Option<Defect>)> = with_batch(py, threads, None, |batch| {
        let heavy = |row: usize| polygons.row(row).vertices().len() * if wrong(row) { 32 } else { 1 };
        let weight = (0..polygons.len()).map(heavy).sum();
        rows(
            batch,
            polygons.len(),
            weight,
            || (),
            |(), row| {
                let rings = polygons.row(row);
                let defect = if wrong(row) { defects::defect(rings) } else { None };
                (defects::drawn_area(rings), defect)
            },
        )
    })?;
    let number = |ring: Option<usize>| ring.map_or(-1, |ring| ring as i64);
    let each = |value: fn(&Defect) -> Option<usize>| -> Vec<i64> {
        found.iter().map(|(_, defect)| number(defect.as_ref().and_then(value))).collect()
    };
    let kinds: Vec<u8> =
        found.iter().map(|(_, defect)| defect.map_or(0, |defect| defect.kind as u8)).collect();
    let places =
        found.iter().map(|(_, defect)| defect.map_or([f64::NAN; 2], |defect| defect.place)).collect();
    let areas: Vec<f64> = found.iter().map(|(area, _)| *area).collect();
    Ok((
        kinds.into_pyarray(py),
        each(|defect| Some(defect.ring)).into_pyarray(py),
        each(|defect| defect.other).into_pyarray(py),
        points_out(py, places)?,
        areas.into_pyarray(py),
    ))
}
