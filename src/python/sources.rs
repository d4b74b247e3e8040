//! Sources of bytes as Python gives them: bytes, paths, and functions that open a file object.

use std::io::{self, Read};
use std::path::PathBuf;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyException, PyMemoryError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use crate::read::source::{Input, Raised, Source};

/// Bytes asked of a file object at once, at most.
const CHUNK_BYTES: usize = 256 << 10;

/// A source: bytes, the path of a file, or a callable that opens one.
pub(super) fn source(given: &Bound<'_, PyAny>) -> PyResult<Source> {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok(Source::Bytes(Box::new(PyBackedBytes::from(bytes.clone()))));
    }
    if let Ok(path) = given.cast::<PyString>() {
        let path: PathBuf = path.extract()?;
        // Pipes and devices may wait for ever, which only Python's own calls can interrupt.
        if path.is_file() {
            return Ok(Source::Path(path));
        }
        let py = given.py();
        let open = py.import("io")?.getattr("open")?.unbind();
        let path = path.into_pyobject(py)?.into_any().unbind();
        return Ok(Source::Opener(Box::new(move || {
            Python::attach(|py| {
                // As FileIO, whose `read` returns what has arrived.
                open.call1(py, (&path, "rb", 0)).map(|file| input(file.into_bound(py)))
            })
            .map_err(raised)
        })));
    }
    if given.is_callable() {
        let open = given.clone().unbind();
        return Ok(Source::Opener(Box::new(move || {
            Python::attach(|py| open.call0(py).map(|file| input(file.into_bound(py)))).map_err(raised)
        })));
    }
    let kind = given.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "a source is a {kind}; pass bytes, a path, or a function that opens a file"
    )))
}

/// An exception on its way through `std::io`.
fn raised(error: PyErr) -> io::Error {
    let (text, passes) = Python::attach(|py| {
        let kind = error.get_type(py).name().map_or_else(|_| "an exception".into(), |name| name.to_string());
        // What it says may hold an address with its signature; only our own errors are known not to.
        let own = error.get_type(py).module().is_ok_and(|module| module == "lesiongeo.errors");
        let text = if own { without_place(error.value(py)) } else { kind };
        let passes = !error.is_instance_of::<PyException>(py) || error.is_instance_of::<PyMemoryError>(py);
        (text, passes)
    });
    io::Error::other(Raised { text, passes, exception: Box::new(error) })
}

/// What an error of ours says, without the file and the byte: both are added where it is reported.
fn without_place(error: &Bound<'_, PyAny>) -> String {
    let text = error.to_string();
    let source: Option<String> = error.getattr("source").and_then(|name| name.extract()).ok();
    let named = source.and_then(|source| text.strip_prefix(&source)?.strip_prefix(": "));
    let text = named.unwrap_or(&text);
    text.rsplit_once(" (byte ").map_or(text, |(what, _)| what).to_owned()
}

fn input(file: Bound<'_, PyAny>) -> Input {
    let py = file.py();
    let into = file.getattr("readinto").ok().filter(|method| method.is_callable());
    Box::new(FileObject {
        buffer: PyByteArray::new(py, &[]).unbind(),
        into: into.map(Bound::unbind),
        file: file.unbind(),
    })
}

/// A binary file object.
struct FileObject {
    file: Py<PyAny>,
    /// Its `readinto`, where it has one.
    into: Option<Py<PyAny>>,
    buffer: Py<PyByteArray>,
}

impl Read for FileObject {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = out.len().min(CHUNK_BYTES);
        Python::attach(|py| match &self.into {
            Some(into) => self.read_into(py, into, &mut out[..wanted]),
            None => self.read_plain(py, &mut out[..wanted]),
        })
        .map_err(raised)
    }
}

impl FileObject {
    fn read_into(&self, py: Python<'_>, into: &Py<PyAny>, out: &mut [u8]) -> PyResult<usize> {
        let buffer = self.buffer.bind(py);
        if buffer.len() != out.len() {
            buffer.resize(out.len())?;
        }
        let count = into.call1(py, (buffer,))?.into_bound(py);
        if count.is_none() {
            return Err(no_data());
        }
        let count: usize = count.extract().map_err(|_| {
            PyTypeError::new_err(
                "readinto of the file object returned no count of bytes; open the file as binary",
            )
        })?;
        if count > out.len() || buffer.len() != out.len() {
            return Err(PyValueError::new_err(
                "readinto of the file object returned more bytes than asked for",
            ));
        }

        let filled = PyBuffer::<u8>::get(buffer)?;
        filled.copy_to_slice(py, out)?;
        Ok(count)
    }

    fn read_plain(&self, py: Python<'_>, out: &mut [u8]) -> PyResult<usize> {
        let read = self.file.call_method1(py, "read", (out.len(),))?.into_bound(py);
        if read.is_none() {
            return Err(no_data());
        }
        let Ok(bytes) = read.cast::<PyBytes>() else {
            let kind = read.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "read of the file object returned {kind} in place of bytes; open the file as binary"
            )));
        };
        let bytes = bytes.as_bytes();
        let Some(out) = out.get_mut(..bytes.len()) else {
            return Err(PyValueError::new_err("read of the file object returned more bytes than asked for"));
        };
        out.copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

fn no_data() -> PyErr {
    PyOSError::new_err("the file object has no data yet; open it so that reading waits for them")
}

impl Drop for FileObject {
    fn drop(&mut self) {
        // Nothing was written, so a failure to close loses nothing. At the end of the interpreter nobody is there to ask.
        let _ = Python::try_attach(|py| {
            let kept = PyErr::take(py);
            let _ = self.file.call_method0(py, "close");
            if let Some(error) = kept {
                error.restore(py);
            }
        });
    }
}
