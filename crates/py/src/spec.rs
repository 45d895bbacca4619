//! The contract of a Python command (`dozo/commands/signature.py`), and the conversion of arguments by it.
//!
//! Errors come in Redis's order: positional arguments first, then the shape of the options, then their values.

use dozo_store::Str;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyList, PyString, PyTuple};

const SYNTAX: &str = "ERR syntax error";

/// Why a call could not be made.
pub enum Refused {
    /// The arguments are wrong; the text is the reply.
    Reply(String),
    /// Python failed.
    Python(PyErr),
}

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Self {
        Refused::Python(error)
    }
}

fn refuse<T>(text: &str) -> Result<T, Refused> {
    Err(Refused::Reply(text.to_owned()))
}

enum Kind {
    Bytes,
    Text,
    Int { low: i128, high: i128, range_error: String },
    Float,
    Choice(Vec<(String, Py<PyString>)>),
}

/// One argument.
struct Item {
    kind: Kind,
    error: String,
}

/// What is counted before a variadic.
struct Counted {
    error: String,
    missing: String,
}

struct Opt {
    name: Py<PyString>,
    token: String,
    items: Vec<Item>,
    repeated: bool,
    required: bool,
}

/// A compiled command.
pub struct Spec {
    function: Py<PyAny>,
    /// The words of its name, which the arguments start with.
    words: usize,
    injected: Vec<Py<PyAny>>,
    /// Items of each positional parameter, and whether it may be missing.
    positional: Vec<(Vec<Item>, bool)>,
    variadic: Option<Vec<Item>>,
    variadic_needed: bool,
    counted: Option<Counted>,
    options: Vec<Opt>,
    exclusive: Vec<Vec<usize>>,
    arity_error: String,
    surplus_is_arity: bool,
}

/// Options found in a command line, with their values.
type Given<'a> = Vec<(usize, &'a [&'a [u8]])>;

impl Spec {
    /// Reads a `dozo.commands.api.Command`; `inject` gives the object of an injected parameter.
    pub fn compile(
        command: &Bound<'_, PyAny>,
        full_name: &str,
        inject: &dyn Fn(&str) -> Py<PyAny>,
    ) -> PyResult<Self> {
        let spec = command.getattr("spec")?;
        let injected: Vec<String> = spec.getattr("injected")?.extract()?;
        let mut positional = Vec::new();
        for parameter in spec.getattr("positional")?.try_iter()? {
            let parameter = parameter?;
            positional.push((items(&parameter)?, parameter.getattr("optional")?.extract()?));
        }
        let variadic = spec.getattr("variadic")?;
        let variadic = if variadic.is_none() { None } else { Some(variadic) };
        let counted = spec.getattr("counted")?;
        let counted = (!counted.is_none()).then_some(counted);
        Ok(Self {
            function: command.getattr("function")?.unbind(),
            words: full_name.split('|').count(),
            injected: injected.iter().map(|name| inject(name)).collect(),
            positional,
            variadic_needed: variadic.as_ref().map_or(Ok(false), has_key)?,
            variadic: variadic.as_ref().map(items).transpose()?,
            counted: counted.map(|counted| counted_of(&counted)).transpose()?,
            options: spec
                .getattr("options")?
                .try_iter()?
                .map(|option| option_of(&option?))
                .collect::<PyResult<_>>()?,
            exclusive: spec.getattr("exclusive")?.extract()?,
            arity_error: format!("ERR wrong number of arguments for '{full_name}' command"),
            surplus_is_arity: spec.getattr("surplus_is_arity")?.extract()?,
        })
    }

    /// Converts the arguments and calls the function.
    pub fn call<'py>(&self, py: Python<'py>, args: &[&[u8]]) -> Result<Bound<'py, PyAny>, Refused> {
        let rest = &args[self.words.min(args.len())..];
        let mut values = Vec::with_capacity(self.injected.len() + rest.len());
        values.extend(self.injected.iter().map(|object| object.bind(py).clone()));
        let mut at = 0;
        for (items, optional) in &self.positional {
            let taken = rest.get(at..at + items.len());
            match taken {
                Some(words) if !(*optional && self.option(words[0]).is_some()) => {
                    values.push(convert(py, items, words)?);
                    at += items.len();
                }
                _ if *optional => break,
                _ => return refuse(&self.arity_error),
            }
        }
        let given = self.rest(py, &rest[at..], &mut values)?;
        let values = PyTuple::new(py, values)?;
        let function = self.function.bind(py);
        if given.is_empty() {
            return Ok(function.call1(values)?);
        }
        let kwargs = self.kwargs(py, &given)?;
        Ok(function.call(values, Some(&kwargs))?)
    }

    /// What follows the positional arguments: the variadic goes to `values`, the options are returned.
    fn rest<'a, 'py>(
        &self,
        py: Python<'py>,
        rest: &'a [&'a [u8]],
        values: &mut Vec<Bound<'py, PyAny>>,
    ) -> Result<Given<'a>, Refused> {
        if rest.is_empty() && self.variadic.is_none() && self.options.is_empty() {
            return Ok(Vec::new());
        }
        let Some(items) = &self.variadic else {
            let (given, used) = self.given(rest)?;
            return if used == rest.len() { Ok(given) } else { self.surplus() };
        };
        if let Some(counted) = &self.counted {
            let (number, rest) =
                rest.split_first().ok_or_else(|| Refused::Reply(self.arity_error.clone()))?;
            let count = Str::Inline(number).to_i64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
            let Some(count) = count else {
                return refuse(&counted.error);
            };
            let Some(len) = count.checked_mul(items.len()).filter(|len| *len <= rest.len()) else {
                return refuse(&counted.missing);
            };
            self.repeat(py, items, &rest[..len], values)?;
            let (given, used) = self.given(&rest[len..])?;
            return if used == rest.len() - len { Ok(given) } else { self.surplus() };
        }
        let (given, used) = self.given(rest)?;
        self.repeat(py, items, &rest[used..], values)?;
        Ok(given)
    }

    fn repeat<'py>(
        &self,
        py: Python<'py>,
        items: &[Item],
        words: &[&[u8]],
        values: &mut Vec<Bound<'py, PyAny>>,
    ) -> Result<(), Refused> {
        if !words.len().is_multiple_of(items.len()) || (words.is_empty() && self.variadic_needed) {
            return refuse(&self.arity_error);
        }
        for group in words.chunks_exact(items.len()) {
            values.push(convert(py, items, group)?);
        }
        Ok(())
    }

    fn surplus<T>(&self) -> Result<T, Refused> {
        refuse(if self.surplus_is_arity { &self.arity_error } else { SYNTAX })
    }

    /// The options at the start of `rest`, and how many words they take.
    fn given<'a>(&self, rest: &'a [&'a [u8]]) -> Result<(Given<'a>, usize), Refused> {
        let mut given = Given::new();
        let mut at = 0;
        while let Some(index) = rest.get(at).and_then(|word| self.option(word)) {
            let len = self.options[index].items.len();
            let Some(words) = rest.get(at + 1..at + 1 + len) else {
                return refuse(SYNTAX);
            };
            given.push((index, words));
            at += 1 + len;
        }
        let is_given = |index: usize| given.iter().any(|(other, _)| *other == index);
        for group in &self.exclusive {
            if group.iter().filter(|index| is_given(**index)).count() > 1 {
                return refuse(SYNTAX);
            }
        }
        if self.options.iter().enumerate().any(|(index, option)| option.required && !is_given(index)) {
            return refuse(SYNTAX);
        }
        Ok((given, at))
    }

    fn kwargs<'py>(&self, py: Python<'py>, given: &Given<'_>) -> Result<Bound<'py, PyDict>, Refused> {
        let kwargs = PyDict::new(py);
        for (index, words) in given {
            let option = &self.options[*index];
            let name = option.name.bind(py);
            if option.items.is_empty() {
                kwargs.set_item(name, PyBool::new(py, true))?;
                continue;
            }
            let value = convert(py, &option.items, words)?;
            match kwargs.get_item(name)? {
                Some(list) if option.repeated => list.call_method1("append", (value,)).map(drop)?,
                _ if option.repeated => kwargs.set_item(name, PyList::new(py, [value])?)?,
                _ => kwargs.set_item(name, value)?,
            }
        }
        Ok(kwargs)
    }

    /// The option that `word` is the token of.
    fn option(&self, word: &[u8]) -> Option<usize> {
        self.options.iter().position(|option| word.eq_ignore_ascii_case(option.token.as_bytes()))
    }
}

/// The value of one parameter: of one item itself, of several a tuple.
#[inline]
fn convert<'py>(py: Python<'py>, items: &[Item], words: &[&[u8]]) -> Result<Bound<'py, PyAny>, Refused> {
    if let ([item], [word]) = (items, words) {
        return item.convert(py, word);
    }
    let values: Vec<_> =
        items.iter().zip(words).map(|(item, word)| item.convert(py, word)).collect::<Result<_, _>>()?;
    Ok(PyTuple::new(py, values)?.into_any())
}

impl Item {
    #[inline]
    fn convert<'py>(&self, py: Python<'py>, word: &[u8]) -> Result<Bound<'py, PyAny>, Refused> {
        match &self.kind {
            Kind::Bytes => Ok(PyBytes::new(py, word).into_any()),
            Kind::Int { low, high, range_error } => {
                let Some(value) = parse_int(word, *high) else {
                    return refuse(&self.error);
                };
                if value < *low || value > *high {
                    return refuse(range_error);
                }
                match i64::try_from(value) {
                    Ok(value) => Ok(value.into_pyobject(py).map_err(PyErr::from)?.into_any()),
                    Err(_) => Ok(value.into_pyobject(py).map_err(PyErr::from)?.into_any()),
                }
            }
            Kind::Float => match dozo_store::parse_double(word) {
                Some(value) => Ok(PyFloat::new(py, value).into_any()),
                None => refuse(&self.error),
            },
            Kind::Text => match std::str::from_utf8(word) {
                Ok(text) => Ok(PyString::new(py, text).into_any()),
                Err(_) => Ok(PyBytes::new(py, word).call_method1("decode", ("utf-8", "surrogateescape"))?),
            },
            Kind::Choice(choices) => {
                let found = choices.iter().find(|(token, _)| word.eq_ignore_ascii_case(token.as_bytes()));
                match found {
                    Some((_, value)) => Ok(value.bind(py).clone().into_any()),
                    None => refuse(&self.error),
                }
            }
        }
    }
}

/// A canonical decimal: of 64 bits, signed, or unsigned where the bound is that high.
#[inline]
fn parse_int(word: &[u8], high: i128) -> Option<i128> {
    if let Some(value) = Str::Inline(word).to_i64() {
        return Some(i128::from(value));
    }
    if high <= i128::from(i64::MAX) || !matches!(word, [b'1'..=b'9', ..]) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse::<u64>().ok().map(i128::from)
}

fn items(parameter: &Bound<'_, PyAny>) -> PyResult<Vec<Item>> {
    parameter.getattr("items")?.try_iter()?.map(|item| item_of(&item?)).collect()
}

fn has_key(parameter: &Bound<'_, PyAny>) -> PyResult<bool> {
    for item in parameter.getattr("items")?.try_iter()? {
        if item?.getattr("kind")?.extract::<String>()? == "key" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn item_of(item: &Bound<'_, PyAny>) -> PyResult<Item> {
    let kind: String = item.getattr("kind")?.extract()?;
    let kind = match kind.as_str() {
        "int" => Kind::Int {
            low: item.getattr("low")?.extract()?,
            high: item.getattr("high")?.extract()?,
            range_error: item.getattr("range_error")?.extract()?,
        },
        "float" => Kind::Float,
        "str" => Kind::Text,
        "choice" => {
            let tokens: Vec<String> = item.getattr("choices")?.extract()?;
            let py = item.py();
            Kind::Choice(
                tokens.into_iter().map(|token| (token.clone(), PyString::new(py, &token).unbind())).collect(),
            )
        }
        _ => Kind::Bytes,
    };
    Ok(Item { kind, error: item.getattr("error")?.extract()? })
}

fn option_of(option: &Bound<'_, PyAny>) -> PyResult<Opt> {
    Ok(Opt {
        name: option.getattr("name")?.cast_into::<PyString>()?.unbind(),
        token: option.getattr("token")?.extract()?,
        items: items(option)?,
        repeated: option.getattr("repeated")?.extract()?,
        required: option.getattr("required")?.extract()?,
    })
}

fn counted_of(counted: &Bound<'_, PyAny>) -> PyResult<Counted> {
    Ok(Counted {
        error: counted.getattr("error")?.extract()?,
        missing: counted.getattr("missing")?.extract()?,
    })
}
