//! Binding of the reader: bytes in, columns out.

use std::io;
use std::sync::{Mutex, PoisonError, TryLockError};

use numpy::{Element, IntoPyArray};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arrays::ragged_out;
use super::errors::to_python;
use super::sources::source;
use crate::batch::{Batch, num_threads};
use crate::error::Error;
use crate::read::columns::{Answers, Lists, Strings, Tables};
use crate::read::privacy::without_query;
use crate::read::reader::Exports;
use crate::read::source::Raised;
use crate::read::window::Stop;

/// Reads exports window by window, each a dict of columns.
#[pyclass(frozen, module = "lesiongeo._core")]
pub(super) struct LabelStudioReader {
    exports: Mutex<Exports>,
}

#[pymethods]
impl LabelStudioReader {
    #[new]
    #[pyo3(signature = (sources, *, window_bytes, on_error="raise"))]
    fn new(sources: Vec<(String, Bound<'_, PyAny>)>, window_bytes: i64, on_error: &str) -> PyResult<Self> {
        let skip = match on_error {
            "raise" => false,
            "skip" => true,
            // Not quoted: whatever it is, it is the caller's.
            _ => return Err(PyValueError::new_err("on_error is something else; it is 'raise' or 'skip'")),
        };
        let window_bytes =
            usize::try_from(window_bytes).ok().filter(|&bytes| bytes > 0).ok_or_else(|| {
                PyValueError::new_err(format!(
                    "window_bytes is {window_bytes}; it is a whole number from 1 up"
                ))
            })?;
        let sources = sources.into_iter().map(|(name, given)| Ok((name_of(&name), source(&given)?)));
        let sources = sources.collect::<PyResult<Vec<_>>>()?;
        Ok(LabelStudioReader { exports: Mutex::new(Exports::new(sources, window_bytes, skip)) })
    }

    /// The columns of the next whole tasks, of at least about one window's bytes; None after the last.
    #[pyo3(signature = (*, threads=None, progress=None))]
    fn read_window<'py>(
        &self,
        py: Python<'py>,
        threads: Option<i64>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (tables, names) = self.read(py, threads, progress, |exports, batch| {
            Ok((exports.next_window(batch)?, exports.names().to_vec()))
        })?;
        tables.map(|tables| to_dict(py, tables, names)).transpose()
    }

    /// The columns of everything that is left.
    #[pyo3(signature = (*, threads=None, progress=None))]
    fn read_all<'py>(
        &self,
        py: Python<'py>,
        threads: Option<i64>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (tables, names) = self.read(py, threads, progress, |exports, batch| {
            Ok((exports.all(batch)?, exports.names().to_vec()))
        })?;
        to_dict(py, tables, names)
    }

    /// Bytes of all sources that have become rows.
    #[getter]
    fn bytes_read(&self) -> PyResult<usize> {
        match self.exports.try_lock() {
            Ok(exports) => Ok(exports.bytes_read()),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner().bytes_read()),
            Err(TryLockError::WouldBlock) => Err(in_use()),
        }
    }
}

/// The name of a source for messages and columns, without the query that signs an address, also where only its last part
/// is given.
fn name_of(name: &str) -> String {
    let name = without_query(name);
    match name.split_once('?') {
        Some((path, query)) if query.contains('=') => path.to_owned(),
        _ => name,
    }
}

fn in_use() -> PyErr {
    PyRuntimeError::new_err("the reader is at work in another thread; use one reader per thread")
}

impl LabelStudioReader {
    /// Read without the interpreter lock. Signals are looked at, and `progress(done, total)` is called in bytes, every 50 ms
    /// and at the end; an exception from either ends reading and is raised.
    fn read<T: Send>(
        &self,
        py: Python<'_>,
        threads: Option<i64>,
        progress: Option<Py<PyAny>>,
        work: impl FnOnce(&mut Exports, &Batch) -> Result<T, Stop> + Send,
    ) -> PyResult<T> {
        let threads = num_threads(threads).map_err(to_python)?;
        let mut exports = match self.exports.try_lock() {
            Ok(exports) => exports,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(in_use()),
        };
        if progress.is_some() {
            exports.measure();
        }
        let raised: Mutex<Option<PyErr>> = Mutex::new(None);
        let watch = |done: usize, total: usize| {
            Python::attach(|py| {
                let looked = py.check_signals().and_then(|()| match &progress {
                    Some(progress) => progress.call1(py, (done, total)).map(drop),
                    None => Ok(()),
                });
                match looked {
                    Ok(()) => true,
                    Err(error) => {
                        raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        false
                    }
                }
            })
        };
        let reading: &mut Exports = &mut exports;
        let result = py.detach(|| {
            let result = work(reading, &Batch { threads, watch: &watch });
            if result.is_ok() && progress.is_some() {
                watch(reading.bytes_read(), reading.total());
            }
            result
        });
        match raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => result.map_err(|stop| exception(py, stop, exports.names())),
        }
    }
}

/// The exception that ends reading, with the name of the file.
fn exception(py: Python<'_>, stop: Stop, names: &[String]) -> PyErr {
    let name = |file: usize| names.get(file).map_or("", String::as_str);
    match stop {
        Stop::Export { file, message, position } => {
            let error = to_python(Error::Export { message: format!("{}: {message}", name(file)), position });
            match error.value(py).setattr("source", name(file)) {
                Ok(()) => error,
                Err(failed) => failed,
            }
        }
        Stop::Io { file, error } => {
            let error = from_io(error, name(file));
            // What a file object raises passes through, with the file as a note.
            let _ = error.value(py).call_method1("add_note", (format!("while reading {}", name(file)),));
            error
        }
        Stop::Other(error) => to_python(error),
    }
}

fn from_io(error: io::Error, name: &str) -> PyErr {
    match error.downcast::<Raised>() {
        Ok(raised) => match raised.exception.downcast::<PyErr>() {
            Ok(exception) => *exception,
            Err(_) => PyOSError::new_err(raised.text),
        },
        // OSError makes FileNotFoundError and others of the number.
        Err(error) => match error.raw_os_error() {
            Some(number) => PyOSError::new_err((number, error.to_string(), name.to_owned())),
            None => PyOSError::new_err(error.to_string()),
        },
    }
}

fn to_dict(py: Python<'_>, tables: Tables, files: Vec<String>) -> PyResult<Bound<'_, PyDict>> {
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
    table.array("file", tasks.file)?;
    table.array("partial", tasks.partial)?;
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

    out.set_item("files", files)?;
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
