//! Reading as a group: new entries, a consumer's history, and claiming what others have left.

use super::Stream;
use super::block::Fields;
use super::group::{Group, Pending};
use super::id::Id;
use super::iter::Entries;

/// How XCLAIM and XAUTOCLAIM take a pending entry over.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Only what nobody touched for so long, in ms.
    pub min_idle: i64,
    /// The delivery's time from then on.
    pub delivered_at: i64,
    /// The delivery's count from then on; else it is one more unless `keep_count`.
    pub deliveries: Option<u64>,
    /// The count stays.
    pub keep_count: bool,
    /// Make pending what is not.
    pub force: bool,
}

/// What became of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It belongs to the consumer now.
    Taken(Pending),
    /// Its entry was deleted; it is pending no more.
    Gone,
    /// Nothing was done.
    Left,
}

impl Stream {
    /// Delivers up to `count` entries that the group has not seen; `each` gets every one. What is delivered becomes
    /// pending at the consumer unless `no_ack`.
    pub fn read_new(
        &mut self,
        group: &[u8],
        (consumer, now): (u32, i64),
        count: usize,
        no_ack: bool,
        mut each: impl FnMut(Id, Fields<'_>),
    ) -> usize {
        let delivered = self.0.edit_group(group, |group, blocks, counters| {
            let Some(from) = group.last_id.next() else { return 0 };
            let mut delivered = 0;
            for (id, fields) in Entries::new(blocks, from, Id::MAX).take(count) {
                group.entries_read = match group.entries_read {
                    Some(read) if !counters.has_gap_after(id) => Some(read + 1),
                    read if counters.added == 0 => read,
                    _ => counters.added_until(id),
                };
                group.last_id = id;
                if !no_ack {
                    group.assign(id, Pending { consumer, delivered_at: now, deliveries: 1 });
                }
                each(id, fields);
                delivered += 1;
            }
            delivered
        });
        delivered.unwrap_or(0)
    }

    /// Delivers again what is pending at the consumer from `from` on; `each` gets no fields where the entry is gone.
    pub fn read_pending(
        &mut self,
        group: &[u8],
        (consumer, now): (u32, i64),
        from: Id,
        count: usize,
        mut each: impl FnMut(Id, Option<Fields<'_>>),
    ) -> usize {
        let Some(found) = self.group(group).and_then(|group| group.consumer(consumer)) else { return 0 };
        let ids: Vec<Id> = found.pending().range(from).map(|(id, ())| id).take(count).collect();
        for id in &ids {
            let fields = self.0.get(*id);
            let exists = fields.is_some();
            each(*id, fields);
            if exists {
                self.0.edit_group(group, |group, _, _| group.deliver_again(*id, now));
            }
        }
        ids.len()
    }

    /// Gives a pending entry to another consumer.
    pub fn claim(&mut self, group: &[u8], consumer: &[u8], id: Id, claim: &Claim, now: i64) -> Claimed {
        let exists = self.0.get(id).is_some();
        let outcome = self.edit_group(group, |group| {
            if exists { take(group, consumer, id, claim, now) } else { drop(group, id) }
        });
        outcome.unwrap_or(Claimed::Left)
    }
}

fn drop(group: &mut Group, id: Id) -> Claimed {
    if group.acknowledge(id) { Claimed::Gone } else { Claimed::Left }
}

fn take(group: &mut Group, consumer: &[u8], id: Id, claim: &Claim, now: i64) -> Claimed {
    let before = group.pending().get(id).copied();
    match before {
        None if !claim.force => return Claimed::Left,
        Some(pending) if claim.min_idle > 0 && now - pending.delivered_at < claim.min_idle => {
            return Claimed::Left;
        }
        _ => {}
    }
    let (number, _) = group.consumer_or_new(consumer, now);
    // What is made pending by force counts as delivered once before this.
    let before = before.map_or(1, |pending| pending.deliveries);
    let next = if claim.keep_count { before } else { before.saturating_add(1) };
    let pending = Pending {
        consumer: number,
        delivered_at: claim.delivered_at,
        deliveries: claim.deliveries.unwrap_or(next),
    };
    group.assign(id, pending);
    if let Some(consumer) = group.consumer_mut(number) {
        (consumer.seen_at, consumer.active_at) = (now, now);
    }
    Claimed::Taken(pending)
}
