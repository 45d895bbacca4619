//! DEL, UNLINK, EXISTS. The store frees huge values in slices, so DEL and UNLINK are one.

use dozo_store::Access;

use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[("del", del), ("exists", exists), ("unlink", del)];

pub(super) fn del(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let db = cx.session.db;
    let mut removed = 0;
    if let [name, key] = args {
        removed = i64::from(cx.engine.ks.remove(db, key));
        if removed == 1 {
            cx.effect(&[name, key]);
            cx.notify(Class::Generic, "del", key);
        }
    } else {
        let mut effect: Vec<&[u8]> = vec![args[0]];
        for key in &args[1..] {
            if cx.engine.ks.remove(db, key) {
                removed += 1;
                effect.push(key);
                cx.notify(Class::Generic, "del", key);
            }
        }
        if removed > 0 {
            cx.effect(&effect);
        }
    }
    cx.reply().int(removed);
}

pub(super) fn exists(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    let db = cx.session.db;
    let found = args[1..].iter().filter(|key| cx.engine.ks.head(db, key, access).is_some()).count();
    debug_assert!(!matches!(access, Access::Peek));
    cx.reply().int(found as i64);
}
