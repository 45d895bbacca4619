//! The library `bit`: operations on 32-bit integers, with the names and results of Lua BitOp.

use mlua::{Lua, MultiValue, Table, Value};

use super::vm::{failure, one};

/// A number as BitOp takes it: rounded, modulo 2^32. The sum with 2^52 + 2^51 has these bits at its end; of numbers too
/// large for that it has others, the same as in Redis.
fn to_bits(number: f64) -> u32 {
    (number + 6_755_399_441_055_744.0).to_bits() as u32
}

/// The error for an argument of the wrong type, in Lua's words.
pub(super) fn bad_argument(args: &MultiValue, at: usize, name: &str, wanted: &str) -> String {
    let got = args.get(at).map_or("no value", Value::type_name);
    let got = match got {
        "integer" => "number",
        "lightuserdata" => "userdata",
        other => other,
    };
    format!("bad argument #{} to '{name}' ({wanted} expected, got {got})", at + 1)
}

/// The numbers among the first `most` arguments, or the place of the first that is none.
fn numbers(lua: &Lua, args: &MultiValue, most: usize) -> Result<Vec<u32>, usize> {
    args.iter()
        .take(most)
        .enumerate()
        .map(|(at, value)| lua.coerce_number(value.clone()).ok().flatten().map(to_bits).ok_or(at))
        .collect()
}

type Operation = fn(&[u32]) -> u32;

/// How many arguments it takes at most.
const ANY: usize = usize::MAX;

/// Name, least and most arguments.
const OPERATIONS: &[(&str, usize, usize, Operation)] = &[
    ("tobit", 1, 1, |n| n[0]),
    ("bnot", 1, 1, |n| !n[0]),
    ("bswap", 1, 1, |n| n[0].swap_bytes()),
    ("band", 1, ANY, |n| n.iter().fold(u32::MAX, |all, n| all & n)),
    ("bor", 1, ANY, |n| n.iter().fold(0, |all, n| all | n)),
    ("bxor", 1, ANY, |n| n.iter().fold(0, |all, n| all ^ n)),
    ("lshift", 2, 2, |n| n[0] << (n[1] & 31)),
    ("rshift", 2, 2, |n| n[0] >> (n[1] & 31)),
    ("arshift", 2, 2, |n| (n[0] as i32 >> (n[1] & 31)) as u32),
    ("rol", 2, 2, |n| n[0].rotate_left(n[1] & 31)),
    ("ror", 2, 2, |n| n[0].rotate_right(n[1] & 31)),
];

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    for (name, needed, most, operation) in OPERATIONS {
        let function =
            lua.create_function(move |lua, args: MultiValue| match numbers(lua, &args, *most) {
                Ok(numbers) if numbers.len() >= *needed => {
                    one(Value::Number(f64::from(operation(&numbers) as i32)))
                }
                Ok(numbers) => failure(lua, bad_argument(&args, numbers.len(), name, "number")),
                Err(at) => failure(lua, bad_argument(&args, at, name, "number")),
            })?;
        library.set(*name, function)?;
    }
    library.set(
        "tohex",
        lua.create_function(move |lua, args: MultiValue| match numbers(lua, &args, 2) {
            Ok(numbers) if !numbers.is_empty() => one(Value::String(
                lua.create_string(hex(numbers[0], numbers.get(1).map_or(8, |n| *n as i32)))?,
            )),
            Ok(_) => failure(lua, bad_argument(&args, 0, "tohex", "number")),
            Err(at) => failure(lua, bad_argument(&args, at, "tohex", "number")),
        })?,
    )?;
    Ok(library)
}

/// The last `digits` hexadecimal digits; capitals when negative.
fn hex(number: u32, digits: i32) -> String {
    let text = if digits < 0 { format!("{number:08X}") } else { format!("{number:08x}") };
    text[8 - digits.unsigned_abs().min(8) as usize..].to_owned()
}
