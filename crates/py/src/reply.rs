//! Python values to replies, and replies to Python values.

use std::borrow::Cow;
use std::io::IoSlice;

use dozo_engine::blocking::{TimeoutReply, Wait};
use dozo_store::Type;
use dozo_wire::Out;
use dozo_wire::resp::Reply;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
    PyType,
};

/// How deep replies may nest.
const MAX_DEPTH: usize = 64;

/// The Python classes that have a meaning as replies and errors, looked up once.
pub struct Classes {
    ok: Py<PyAny>,
    dict_keys: Py<PyType>,
    simple: Py<PyType>,
    verbatim: Py<PyType>,
    null_array: Py<PyAny>,
    no_reply: Py<PyAny>,
    block: Py<PyType>,
    reply_error: Py<PyType>,
    wrong_type: Py<PyType>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

impl Classes {
    /// The classes; the first call imports `dozo.replies` and `dozo.errors`.
    pub fn get(py: Python<'_>) -> PyResult<&Classes> {
        CLASSES.get_or_try_init(py, || {
            let replies = py.import("dozo.replies")?;
            let errors = py.import("dozo.errors")?;
            let class = |module: &Bound<'_, PyModule>, name: &str| -> PyResult<Py<PyType>> {
                Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            Ok(Classes {
                dict_keys: PyDict::new(py).call_method0("keys")?.get_type().unbind(),
                ok: replies.getattr("OK")?.unbind(),
                simple: class(&replies, "Simple")?,
                verbatim: class(&replies, "Verbatim")?,
                null_array: replies.getattr("NULL_ARRAY")?.unbind(),
                no_reply: replies.getattr("NO_REPLY")?.unbind(),
                block: class(&replies, "Block")?,
                reply_error: class(&errors, "ReplyError")?,
                wrong_type: class(&errors, "WrongType")?,
            })
        })
    }

    /// The text of a ReplyError; `None` for any other object.
    pub fn error_text(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
        if !value.is_instance(self.reply_error.bind(value.py()))? {
            return Ok(None);
        }
        Ok(Some(encoded(value.getattr("text")?.cast::<PyString>()?)?.into_owned()))
    }

    /// What a command that returned a `Block` waits for, and its keys; `None` for any other value.
    pub fn wait(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<(Vec<Vec<u8>>, Wait)>> {
        let py = value.py();
        if !value.get_type().is(self.block.bind(py)) {
            return Ok(None);
        }
        let of: String = value.getattr("of")?.extract()?;
        let of = Type::parse(&of).ok_or_else(|| PyValueError::new_err(format!("no type is named {of}")))?;
        let null_array = value.getattr("on_timeout")?.is(self.null_array.bind(py));
        let wait = Wait {
            of,
            gone: value.getattr("gone")?.extract()?,
            timeout_ms: value.getattr("timeout_ms")?.extract()?,
            on_timeout: if null_array { TimeoutReply::NullArray } else { TimeoutReply::Null },
            retry: value.getattr("retry")?.extract()?,
        };
        Ok(Some((value.getattr("keys")?.extract()?, wait)))
    }

    /// The exception of that error line.
    pub fn error(&self, py: Python<'_>, text: &str) -> PyErr {
        match self.reply_error.bind(py).call1((text,)) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }

    /// WRONGTYPE, as an exception.
    pub fn wrong_type(&self, py: Python<'_>) -> PyErr {
        match self.wrong_type.bind(py).call0() {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }
}

/// Writes what a command returned. On an error nothing usable is written; the caller rolls back.
#[inline]
pub fn encode(reply: &mut Reply<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        reply.bulk(bytes.as_bytes());
    } else if value.is_none() {
        reply.null();
    } else if let Ok(int) = value.cast_exact::<PyInt>() {
        return encode_int(reply, int);
    } else {
        let classes = Classes::get(value.py())?;
        if value.is(classes.ok.bind(value.py())) {
            reply.ok();
        } else {
            return encode_other(reply, value, classes, 0);
        }
    }
    Ok(())
}

fn encode_int(reply: &mut Reply<'_>, int: &Bound<'_, PyInt>) -> PyResult<()> {
    match int.extract::<i64>() {
        Ok(small) => reply.int(small),
        Err(_) => reply.big_number(int.str()?.to_str()?.as_bytes()),
    }
    Ok(())
}

fn encode_nested(
    reply: &mut Reply<'_>,
    value: &Bound<'_, PyAny>,
    classes: &Classes,
    depth: usize,
) -> PyResult<()> {
    if depth > MAX_DEPTH {
        return Err(PyValueError::new_err("a reply nests too deeply"));
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        reply.bulk(bytes.as_bytes());
        return Ok(());
    }
    encode_other(reply, value, classes, depth)
}

fn encode_other(
    reply: &mut Reply<'_>,
    value: &Bound<'_, PyAny>,
    classes: &Classes,
    depth: usize,
) -> PyResult<()> {
    if let Ok(list) = value.cast::<PyList>() {
        reply.array(list.len());
        return list.iter().try_for_each(|item| encode_nested(reply, &item, classes, depth + 1));
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        reply.array(tuple.len());
        return tuple.iter().try_for_each(|item| encode_nested(reply, &item, classes, depth + 1));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        reply.map(dict.len());
        return dict.iter().try_for_each(|(key, item)| {
            encode_nested(reply, &key, classes, depth + 1)?;
            encode_nested(reply, &item, classes, depth + 1)
        });
    }
    if value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>()
        || value.get_type().is(classes.dict_keys.bind(value.py()))
    {
        reply.set(value.len()?);
        return value.try_iter()?.try_for_each(|item| encode_nested(reply, &item?, classes, depth + 1));
    }
    encode_scalar(reply, value, classes, depth)
}

fn encode_scalar(
    reply: &mut Reply<'_>,
    value: &Bound<'_, PyAny>,
    classes: &Classes,
    depth: usize,
) -> PyResult<()> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        return encode_text(reply, text, classes);
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        reply.bulk(bytes.as_bytes());
    } else if let Ok(flag) = value.cast::<PyBool>() {
        reply.boolean(flag.is_true());
    } else if let Ok(int) = value.cast::<PyInt>() {
        return encode_int(reply, int);
    } else if let Ok(float) = value.cast::<PyFloat>() {
        reply.double(float.value());
    } else if value.is_none() {
        reply.null();
    } else if value.is(classes.null_array.bind(py)) {
        reply.null_array();
    } else if let Ok(array) = value.cast::<PyByteArray>() {
        reply.bulk(&array.to_vec());
    } else if let Some(text) = classes.error_text(value)? {
        reply.error_bytes(&text);
    } else if depth > 0 || !value.is(classes.no_reply.bind(py)) {
        let name = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a command can't reply with {name}")));
    }
    Ok(())
}

fn encode_text(reply: &mut Reply<'_>, text: &Bound<'_, PyString>, classes: &Classes) -> PyResult<()> {
    let bytes = encoded(text)?;
    let class = text.get_type();
    if class.is(classes.simple.bind(text.py())) {
        reply.simple_bytes(&bytes);
    } else if class.is(classes.verbatim.bind(text.py())) {
        reply.verbatim("txt", &bytes);
    } else {
        reply.bulk(&bytes);
    }
    Ok(())
}

/// UTF-8; lone surrogates stand for bytes that were no UTF-8 when they came in.
fn encoded<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(valid) = text.to_str() {
        return Ok(Cow::Borrowed(valid.as_bytes()));
    }
    let bytes = text.call_method1("encode", ("utf-8", "surrogateescape"))?;
    Ok(Cow::Owned(bytes.extract()?))
}

/// The whole output in one piece, the values spliced into it included.
pub fn flatten(out: &Out) -> Vec<u8> {
    let mut flat = Vec::with_capacity(out.len());
    while flat.len() < out.len() {
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = out.io_slices(flat.len(), &mut slices);
        slices[..filled].iter().for_each(|slice| flat.extend_from_slice(slice));
        if filled == 0 {
            break;
        }
    }
    flat
}

/// The Python value of a whole RESP3 reply; an error reply at the top is raised.
pub fn decode<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let classes = Classes::get(py)?;
    if let Some(line) = bytes.strip_prefix(b"-") {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        return Err(classes.error(py, &text));
    }
    if bytes.is_empty() {
        return Ok(py.None().into_bound(py));
    }
    Decoder { py, rest: bytes, classes }.value(0)
}

/// Reads replies that the engine wrote itself; what is malformed is a ValueError all the same.
struct Decoder<'a, 'py> {
    py: Python<'py>,
    rest: &'a [u8],
    classes: &'py Classes,
}

impl<'a, 'py> Decoder<'a, 'py> {
    fn line(&mut self) -> PyResult<&'a str> {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n").ok_or_else(malformed)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 2..];
        std::str::from_utf8(line).map_err(|_| malformed())
    }

    fn number(&mut self) -> PyResult<i64> {
        self.line()?.parse().map_err(|_| malformed())
    }

    /// The payload of a bulk; `None` for a RESP2 null.
    fn payload(&mut self) -> PyResult<Option<&'a [u8]>> {
        let Ok(len) = usize::try_from(self.number()?) else {
            return Ok(None);
        };
        let data = self.rest.get(..len).ok_or_else(malformed)?;
        self.rest = self.rest.get(len + 2..).ok_or_else(malformed)?;
        Ok(Some(data))
    }

    fn value(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let (&kind, rest) = self.rest.split_first().filter(|_| depth <= MAX_DEPTH).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(match kind {
            b'$' => match self.payload()? {
                Some(data) => PyBytes::new(py, data).into_any(),
                None => py.None().into_bound(py),
            },
            b':' => self.number()?.into_pyobject(py)?.into_any(),
            b'+' => self.classes.simple.bind(py).call1((self.line()?,))?,
            b'-' => self.classes.error(py, self.line()?).into_value(py).into_bound(py).into_any(),
            b'*' | b'>' => self.sequence(depth)?,
            b'~' => PySet::new(py, self.items(depth)?)?.into_any(),
            b'%' => self.map(depth)?,
            b'_' => {
                self.line()?;
                py.None().into_bound(py)
            }
            b'#' => PyBool::new(py, self.line()? == "t").to_owned().into_any(),
            b',' => PyFloat::new(py, self.line()?.parse().map_err(|_| malformed())?).into_any(),
            b'(' => py.get_type::<PyInt>().call1((self.line()?,))?,
            b'=' => {
                let data = self.payload()?.and_then(|data| data.get(4..)).ok_or_else(malformed)?;
                self.classes.verbatim.bind(py).call1((String::from_utf8_lossy(data),))?
            }
            _ => return Err(malformed()),
        })
    }

    fn items(&mut self, depth: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        (0..self.number()?).map(|_| self.value(depth + 1)).collect()
    }

    fn sequence(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        if self.rest.starts_with(b"-1") {
            self.line()?;
            return Ok(self.py.None().into_bound(self.py));
        }
        Ok(PyList::new(self.py, self.items(depth)?)?.into_any())
    }

    fn map(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let map = PyDict::new(self.py);
        for _ in 0..self.number()? {
            let key = self.value(depth + 1)?;
            map.set_item(key, self.value(depth + 1)?)?;
        }
        Ok(map.into_any())
    }
}

#[cold]
fn malformed() -> PyErr {
    PyValueError::new_err("the reply is not well-formed RESP3")
}
