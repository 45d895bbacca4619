//! ID.NEXT.

use super::{NOT_INTEGER, SYNTAX, parse_int};
use crate::cx::Cx;
use crate::ids::{MAX_COUNT, Refusal};
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[("id.next", next)];

fn next(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let count = match args {
        [_] => None,
        [_, word, count] if word.eq_ignore_ascii_case(b"COUNT") => match parse_int(count) {
            Some(count) => Some(count),
            None => return cx.error(NOT_INTEGER),
        },
        _ => return cx.error(SYNTAX),
    };
    let wanted = match count.map_or(Ok(1), usize::try_from) {
        Ok(wanted) if wanted <= MAX_COUNT => wanted,
        Ok(wanted) => {
            let text = format!("ERR too many IDs requested: {wanted}, n should be smaller than {MAX_COUNT}");
            return cx.error(&text);
        }
        Err(_) => return cx.error("ERR COUNT can't be negative"),
    };
    match cx.engine.issue(wanted) {
        Ok(ids) => {
            let mut reply = cx.reply();
            if count.is_some() {
                reply.array(ids.len());
            }
            // RESP's integers have a sign: until the year 2084 an ID is positive in it.
            ids.iter().for_each(|id| reply.int(*id as i64));
        }
        Err(refusal) => refuse(cx, refusal),
    }
}

#[cold]
fn refuse(cx: &mut Cx<'_>, refusal: Refusal) {
    let text = match refusal {
        Refusal::Clock => "NOID the clock is outside of the years 2015 to 2154".into(),
        Refusal::NoPermit | Refusal::Exhausted => format!("NOID {}", cx.engine.id_service.why_not),
    };
    cx.error(&text);
}
