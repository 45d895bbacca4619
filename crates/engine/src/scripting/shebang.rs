//! The first line of a script or library: `#!lua name=... flags=...`.

/// What a script declares of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub no_writes: bool,
    pub allow_oom: bool,
    /// No shebang: as before Redis 7, only its commands are checked.
    pub legacy: bool,
}

/// Sets a flag; `false` when there is none of that name.
pub(super) fn set_flag(declared: &mut Declared, name: &[u8]) -> bool {
    match name {
        b"no-writes" => declared.no_writes = true,
        b"allow-oom" => declared.allow_oom = true,
        b"allow-stale" | b"no-cluster" | b"allow-cross-slot-keys" => {}
        _ => return false,
    }
    true
}

/// Reads the shebang of a script, if it has one; returns the code after it (from its line feed on, so that lines
/// keep their numbers).
pub(super) fn script(body: &[u8]) -> Result<(Declared, &[u8]), String> {
    if !body.starts_with(b"#!") {
        return Ok((Declared { legacy: true, ..Declared::default() }, body));
    }
    let (engine, words, code) = split(body).ok_or_else(|| "ERR Invalid script shebang".to_owned())?;
    if engine != b"lua" {
        return Err(format!("ERR Unexpected engine in script shebang: #!{}", shown(engine)));
    }
    let mut declared = Declared::default();
    for word in words {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return Err(format!("ERR Unknown lua shebang option: {}", shown(word)));
        };
        for flag in flags.split(|byte| *byte == b',').filter(|flag| !flag.is_empty()) {
            if !set_flag(&mut declared, flag) {
                return Err(format!("ERR Unexpected flag in script shebang: {}", shown(flag)));
            }
        }
    }
    Ok((declared, code))
}

/// Reads the shebang of a library: its name, and the code after it.
pub(super) fn library(body: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    if !body.starts_with(b"#!") {
        return Err("ERR Missing library metadata".to_owned());
    }
    let (engine, words, code) = split(body).ok_or_else(|| "ERR Invalid library metadata".to_owned())?;
    let mut name = None;
    for word in words {
        match word.strip_prefix(b"name=") {
            Some(_) if name.is_some() => {
                return Err("ERR Invalid metadata value, name argument was given multiple times".to_owned());
            }
            Some(given) => name = Some(given.to_vec()),
            None => return Err(format!("ERR Invalid metadata value given: {}", shown(word))),
        }
    }
    let name = name.ok_or_else(|| "ERR Library name was not given".to_owned())?;
    if !is_name(&name) {
        return Err(NAME_RULE.to_owned());
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(format!("ERR Engine '{}' not found", shown(engine)));
    }
    Ok((name, code))
}

/// What a name must be.
pub(super) const NAME_RULE: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Whether libraries and functions may be called so.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

type Split<'a> = (&'a [u8], Vec<&'a [u8]>, &'a [u8]);

/// Engine, words after it, and the rest from the line feed on.
fn split(body: &[u8]) -> Option<Split<'_>> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let mut words = body[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next()?.strip_prefix(b"#!")?;
    Some((engine, words.collect(), &body[end..]))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
