//! Consumer groups: how far a group has read, its consumers, and what they have not acknowledged.

use super::id::Id;
use super::sorted::Sorted;
use crate::size_class::class_size;

/// A delivery that nobody has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The number of its consumer within the group.
    pub consumer: u32,
    /// Unix ms of the last delivery.
    pub delivered_at: i64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// One reader of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// Unix ms when it was last heard of.
    pub seen_at: i64,
    /// Unix ms when it last got or claimed an entry; -1 when never.
    pub active_at: i64,
    pending: Sorted<()>,
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The ids that wait for its acknowledgement.
    #[must_use]
    pub fn pending(&self) -> &Sorted<()> {
        &self.pending
    }
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    name: Box<[u8]>,
    /// The last id delivered.
    pub last_id: Id,
    /// How many entries came before or at `last_id`; `None` when that can't be known.
    pub entries_read: Option<u64>,
    pending: Sorted<Pending>,
    /// By number.
    consumers: Vec<Option<Consumer>>,
    /// Numbers that removed consumers have left, for the next ones.
    gaps: Vec<u32>,
    /// Numbers in the order of names.
    order: Vec<u32>,
    /// Allocations of the consumers' own.
    consumer_bytes: usize,
}

impl Group {
    pub(super) fn new(name: &[u8], last_id: Id, entries_read: Option<u64>) -> Group {
        Group {
            name: name.into(),
            last_id,
            entries_read,
            pending: Sorted::default(),
            consumers: Vec::new(),
            gaps: Vec::new(),
            order: Vec::new(),
            consumer_bytes: 0,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Everything delivered and not acknowledged.
    #[must_use]
    pub fn pending(&self) -> &Sorted<Pending> {
        &self.pending
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = Option<&Consumer>> {
        self.order.iter().map(|number| self.consumer(*number))
    }

    /// The consumer of this number.
    #[must_use]
    pub fn consumer(&self, number: u32) -> Option<&Consumer> {
        self.consumers.get(number as usize)?.as_ref()
    }

    /// The consumer of this number, whose times may be changed.
    pub fn consumer_mut(&mut self, number: u32) -> Option<&mut Consumer> {
        self.consumers.get_mut(number as usize)?.as_mut()
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.order.binary_search_by(|number| {
            let found = self.consumers[*number as usize].as_ref();
            found.map_or(&[][..], |consumer| &consumer.name).cmp(name)
        })
    }

    /// The number of the consumer of this name.
    #[must_use]
    pub fn find_consumer(&self, name: &[u8]) -> Option<u32> {
        self.place(name).ok().map(|place| self.order[place])
    }

    /// The number of the consumer of this name, and whether it had to be made.
    pub fn consumer_or_new(&mut self, name: &[u8], now: i64) -> (u32, bool) {
        let place = match self.place(name) {
            Ok(place) => return (self.order[place], false),
            Err(place) => place,
        };
        let consumer =
            Consumer { name: name.into(), seen_at: now, active_at: -1, pending: Sorted::default() };
        let number = self.gaps.pop().unwrap_or(self.consumers.len() as u32);
        self.consumer_bytes += class_size(name.len().max(1));
        match self.consumers.get_mut(number as usize) {
            Some(gap) => *gap = Some(consumer),
            None => self.consumers.push(Some(consumer)),
        }
        self.order.insert(place, number);
        (number, true)
    }

    /// Removes a consumer with what waits for it; how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let place = self.place(name).ok()?;
        let number = self.order.remove(place);
        self.gaps.push(number);
        let consumer = self.consumers[number as usize].take()?;
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id);
        }
        self.consumer_bytes -= class_size(name.len().max(1)) + consumer.pending.memory();
        Some(consumer.pending.len())
    }

    fn edit_pending<R>(&mut self, number: u32, edit: impl FnOnce(&mut Sorted<()>) -> R) -> Option<R> {
        let consumer = self.consumers.get_mut(number as usize)?.as_mut()?;
        self.consumer_bytes -= consumer.pending.memory();
        let result = edit(&mut consumer.pending);
        self.consumer_bytes += consumer.pending.memory();
        Some(result)
    }

    /// Makes `id` pending at a consumer, whoever it was pending at before.
    pub fn assign(&mut self, id: Id, pending: Pending) {
        let before = self.pending.insert(id, pending).map(|before| before.consumer);
        if before == Some(pending.consumer) {
            return;
        }
        if let Some(before) = before {
            self.edit_pending(before, |ids| ids.remove(id));
        }
        self.edit_pending(pending.consumer, |ids| ids.insert(id, ()));
    }

    /// Counts one more delivery of what is pending.
    pub(super) fn deliver_again(&mut self, id: Id, now: i64) {
        if let Some(pending) = self.pending.get_mut(id) {
            pending.delivered_at = now;
            pending.deliveries = pending.deliveries.saturating_add(1);
        }
    }

    /// `id` is done with; false when it was not pending.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        self.edit_pending(pending.consumer, |ids| ids.remove(id));
        true
    }

    /// Bytes taken from the allocator.
    pub(super) fn memory(&self) -> usize {
        let class = |bytes: usize| if bytes == 0 { 0 } else { class_size(bytes) };
        class_size(size_of::<Group>())
            + class(self.name.len())
            + class(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + class((self.order.capacity() + self.gaps.capacity()) * size_of::<u32>())
            + self.consumer_bytes
            + self.pending.memory()
    }

    /// Makes the sums of a copy anew.
    pub(super) fn recount(&mut self) {
        self.pending.recount();
        self.consumer_bytes = 0;
        for consumer in self.consumers.iter_mut().flatten() {
            consumer.pending.recount();
            self.consumer_bytes += class_size(consumer.name.len().max(1)) + consumer.pending.memory();
        }
    }

    pub(super) fn weight(&self) -> usize {
        let consumers: usize = self.consumers.iter().flatten().map(|one| 1 + one.pending.weight()).sum();
        2 + self.pending.weight() + consumers
    }

    /// Frees one allocation; false when nothing large is left.
    pub(super) fn free_one(&mut self) -> bool {
        if self.pending.free_chunk() {
            return true;
        }
        while let Some(last) = self.consumers.last_mut() {
            if let Some(consumer) = last {
                self.consumer_bytes -= consumer.pending.memory();
                let freed = consumer.pending.free_chunk();
                self.consumer_bytes += consumer.pending.memory();
                if freed {
                    return true;
                }
                self.consumer_bytes -= class_size(consumer.name.len().max(1)) + consumer.pending.memory();
            }
            self.consumers.pop();
            self.order.clear();
        }
        false
    }
}
