//! Binding of the reader: bytes in, columns out.

use numpy::{Element, IntoPyArray};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;

use super::arrays::{ragged_out, with_batch};
use crate::error::Error;
use crate::read::columns::{Answers, Lists, Strings, Tables};
use crate::read::label_studio;

/// Read exports, given as (name, bytes), one after another into one set of tables.
#[pyfunction]
#[pyo3(signature = (sources, *, threads=None, progress=None))]
pub(super) fn read_label_studio<'py>(
    py: Python<'py>,
    sources: Vec<(String, PyBackedBytes)>,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut tables = Tables::default();
    for (name, bytes) in &sources {
        let progress = progress.as_ref().map(|progress| progress.clone_ref(py));
        let read = with_batch(py, threads, progress, |batch| {
            let read = label_studio::read(bytes, batch).map_err(|error| match error {
                Error::Export { message, position } => {
                    Error::Export { message: format!("{name}: {message}"), position }
                }
                other => other,
            })?;
            tables.append(&read)
        });
        if let Err(error) = read {
            // Exceptions of other origin, as of the progress callback, keep what they have.
            if error.get_type(py).name()? == "ExportError" {
                error.value(py).setattr("source", name)?;
            }
            return Err(error);
        }
    }
    to_dict(py, tables)
}

fn to_dict(py: Python<'_>, tables: Tables) -> PyResult<Bound<'_, PyDict>> {
    let Tables { tasks, annotations, regions, controls, answers, relations, problems, names, kinds, uses } =
        tables;
    let out = PyDict::new(py);

    let table = Table::new(py);
    table.array("task_id", tasks.task_id)?;
    table.array("inner_id", tasks.inner_id)?;
    table.lists("images", tasks.images)?;
    table.strings("data", tasks.data)?;
    table.array("n_annotations", tasks.n_annotations)?;
    table.array("n_predictions", tasks.n_predictions)?;
    table.array("n_drafts", tasks.n_drafts)?;
    out.set_item("tasks", table.dict)?;

    let table = Table::new(py);
    table.array("task", annotations.task)?;
    table.array("annotation_id", annotations.annotation_id)?;
    table.array("source", annotations.source)?;
    table.strings("annotator", annotations.annotator)?;
    table.array("cancelled", annotations.cancelled)?;
    table.array("ground_truth", annotations.ground_truth)?;
    table.array("created_at", annotations.created_at)?;
    table.array("updated_at", annotations.updated_at)?;
    table.array("lead_time_s", annotations.lead_time_s)?;
    table.strings("model_version", annotations.model_version)?;
    table.array("score", annotations.score)?;
    table.array("parent_prediction", annotations.parent_prediction)?;
    table.array("parent_annotation", annotations.parent_annotation)?;
    table.array("n_regions", annotations.n_regions)?;
    out.set_item("annotations", table.dict)?;

    let table = Table::new(py);
    table.array("annotation", regions.annotation)?;
    table.array("page", regions.page)?;
    table.array("width", regions.width)?;
    table.array("height", regions.height)?;
    table.strings("region_id", regions.region_id)?;
    table.array("kind", regions.kind)?;
    table.array("from_name", regions.from_name)?;
    table.lists("labels", regions.labels)?;
    table.array("score", regions.score)?;
    table.strings("origin", regions.origin)?;
    table.array("readonly", regions.readonly)?;
    table.strings("parent_id", regions.parent_id)?;
    table.strings("meta_text", regions.meta_text)?;
    table.dict.set_item("outlines", ragged_out(py, regions.outlines)?)?;
    out.set_item("regions", table.dict)?;

    for (name, Answers { row, page, name: code, kind, text, number }) in
        [("controls", controls), ("answers", answers)]
    {
        let table = Table::new(py);
        table.array("row", row)?;
        table.array("page", page)?;
        table.array("name", code)?;
        table.array("kind", kind)?;
        table.strings("text", text)?;
        table.array("number", number)?;
        out.set_item(name, table.dict)?;
    }

    let table = Table::new(py);
    table.array("annotation", relations.annotation)?;
    table.strings("from_id", relations.from_id)?;
    table.strings("to_id", relations.to_id)?;
    table.strings("direction", relations.direction)?;
    table.lists("labels", relations.labels)?;
    out.set_item("relations", table.dict)?;

    let table = Table::new(py);
    table.array("task", problems.task)?;
    table.array("page", problems.page)?;
    table.array("annotation", problems.annotation)?;
    table.strings("region_id", problems.region_id)?;
    table.strings("field", problems.field)?;
    table.strings("code", problems.code)?;
    table.strings("message", problems.message)?;
    table.array("dropped", problems.dropped)?;
    out.set_item("problems", table.dict)?;

    let table = Table::new(py);
    table.array("name", uses.name)?;
    table.array("kind", uses.kind)?;
    table.array("scope", uses.scope)?;
    table.array("count", uses.count)?;
    out.set_item("uses", table.dict)?;

    out.set_item("names", names.list)?;
    out.set_item("kinds", kinds.list)?;
    Ok(out)
}

struct Table<'py> {
    py: Python<'py>,
    dict: Bound<'py, PyDict>,
}

impl<'py> Table<'py> {
    fn new(py: Python<'py>) -> Self {
        Table { py, dict: PyDict::new(py) }
    }

    fn array<T: Element>(&self, name: &str, values: Vec<T>) -> PyResult<()> {
        self.dict.set_item(name, values.into_pyarray(self.py))
    }

    fn strings(&self, name: &str, values: Strings) -> PyResult<()> {
        self.dict.set_item(name, self.parts(values))
    }

    fn lists(&self, name: &str, values: Lists) -> PyResult<()> {
        let Lists { offsets, values } = values;
        self.dict.set_item(name, (offsets.into_pyarray(self.py), self.parts(values)))
    }

    fn parts(&self, values: Strings) -> StringParts<'py> {
        let Strings { offsets, bytes, present } = values;
        (offsets.into_pyarray(self.py), bytes.into_pyarray(self.py), present.into_pyarray(self.py))
    }
}

/// Offsets, UTF-8 bytes, and which texts are there.
type StringParts<'py> =
    (Bound<'py, numpy::PyArray1<i32>>, Bound<'py, numpy::PyArray1<u8>>, Bound<'py, numpy::PyArray1<bool>>);
