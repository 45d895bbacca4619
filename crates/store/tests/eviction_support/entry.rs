//! A stand-in for `store::entry`, so that `src/eviction` can be compiled against entries which watch their users.
//!
//! An entry is a number in an arena. Each access asserts that the entry was not freed, and is counted, so that a test can
//! say "no stale pointer" and "bounded work" and have it checked on every step.

use std::cell::RefCell;

#[derive(Clone, Copy, Default)]
struct Cell {
    alive: bool,
    word: u32,
    slot: u32,
    key: u64,
    space: u16,
    index: u32,
    expire_at: Option<i64>,
}

#[derive(Default)]
struct Arena {
    cells: Vec<Cell>,
    free: Vec<u32>,
    touched: usize,
}

thread_local! {
    static ARENA: RefCell<Arena> = RefCell::default();
}

/// The stand-in's handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryPtr(u32);

impl EntryPtr {
    pub fn make(key: u64, space: u16) -> EntryPtr {
        ARENA.with_borrow_mut(|arena| {
            let cell = Cell { alive: true, word: 0xdead_beef, key, space, ..Cell::default() };
            if let Some(at) = arena.free.pop() {
                arena.cells[at as usize] = cell;
                return EntryPtr(at);
            }
            arena.cells.push(cell);
            EntryPtr(arena.cells.len() as u32 - 1)
        })
    }

    pub fn free(self) {
        assert_eq!(self.slot(), 0, "an entry is freed while the policy still holds it");
        self.with(|cell| cell.alive = false);
        ARENA.with_borrow_mut(|arena| arena.free.push(self.0));
    }

    /// What the keyspace does when a value outgrows its entry; the caller tells the policy and frees `self`.
    pub fn reallocate(self) -> EntryPtr {
        let new = EntryPtr::make(0, 0);
        let copy = self.with(|cell| *cell);
        new.with(|cell| *cell = copy);
        new
    }

    pub fn key(self) -> u64 {
        self.with(|cell| cell.key)
    }

    pub fn space(self) -> u16 {
        self.with(|cell| cell.space)
    }

    pub fn index(self) -> usize {
        self.with(|cell| cell.index as usize)
    }

    pub fn set_index(self, index: usize) {
        self.with(|cell| cell.index = index as u32);
    }

    pub fn set_expire_at(self, at: Option<i64>) {
        self.with(|cell| cell.expire_at = at);
    }

    // From here on: what `src/eviction` uses.

    pub fn clock_freq(self) -> u32 {
        self.with(|cell| cell.word)
    }

    pub fn set_clock_freq(self, word: u32) {
        self.with(|cell| cell.word = word);
    }

    pub fn slot(self) -> u32 {
        self.with(|cell| cell.slot)
    }

    pub fn set_slot(self, slot: u32) {
        self.with(|cell| cell.slot = slot);
    }

    pub fn expire_at(self) -> Option<i64> {
        self.with(|cell| cell.expire_at)
    }

    pub fn addr(self) -> usize {
        (self.0 as usize + 1) * 16
    }

    /// # Safety
    /// None is needed: a wrong address fails an assertion later.
    pub unsafe fn from_addr(addr: usize) -> EntryPtr {
        EntryPtr((addr / 16 - 1) as u32)
    }

    fn with<T>(self, f: impl FnOnce(&mut Cell) -> T) -> T {
        ARENA.with_borrow_mut(|arena| {
            arena.touched += 1;
            let cell = &mut arena.cells[self.0 as usize];
            assert!(cell.alive, "entry {} was used after it was freed", self.0);
            f(cell)
        })
    }
}

/// Accesses to entries so far.
pub fn touched() -> usize {
    ARENA.with_borrow(|arena| arena.touched)
}

/// Runs what the test itself does: it is not counted.
pub fn uncounted<T>(f: impl FnOnce() -> T) -> T {
    let before = touched();
    let value = f();
    ARENA.with_borrow_mut(|arena| arena.touched = before);
    value
}

/// Makes room for so many entries, so that a test which counts allocations sees none of the arena's.
pub fn reserve(entries: usize) {
    ARENA.with_borrow_mut(|arena| {
        arena.cells.reserve(entries);
        arena.free.reserve(entries);
    });
}
