//! A small sorted set: members and scores in turn, in order, in one row of cells.

use super::super::cells::{Cells, Encoded, Walk, first};
use crate::value::Str;
use std::cmp::Ordering;

/// The members and scores of a small sorted set.
#[derive(Clone, Debug, Default)]
pub struct SmallZset(Cells);

/// Where a pair stands.
pub(super) struct Place {
    pub(super) rank: usize,
    at: usize,
    len: usize,
    pub(super) score: f64,
}

fn pair(row: &[u8]) -> (Str<'_>, f64, usize) {
    let (member, len) = first(row);
    let (score, score_len) = first(&row[len..]);
    (member.string(), score.number(), len + score_len)
}

impl SmallZset {
    pub(super) fn len(&self) -> usize {
        self.0.count() / 2
    }

    pub(super) fn memory(&self) -> usize {
        self.0.memory()
    }

    pub(super) fn find(&self, member: &[u8]) -> Option<Place> {
        let (member, row) = (Encoded::bytes(member), self.0.row());
        let (mut at, mut rank) = (0, 0);
        while at < row.len() {
            let (_, len) = first(&row[at..]);
            let (score, score_len) = first(&row[at + len..]);
            if member.is_at(&row[at..]) {
                return Some(Place { rank, at, len: len + score_len, score: score.number() });
            }
            at += len + score_len;
            rank += 1;
        }
        None
    }

    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let (row, mut at) = (self.0.row(), 0);
        let mut digits = itoa::Buffer::new();
        while at < row.len() {
            let (other, other_score, len) = pair(&row[at..]);
            let order = other_score.partial_cmp(&score).unwrap_or(Ordering::Equal);
            if order.then_with(|| other.as_bytes(&mut digits).cmp(member)).is_gt() {
                break;
            }
            at += len;
        }
        let count = self.0.count() + 2;
        self.0.splice(at, 0, &[Encoded::bytes(member), Encoded::score(score)], count);
    }

    pub(super) fn remove(&mut self, place: &Place) {
        let count = self.0.count() - 2;
        self.0.splice(place.at, place.len, &[], count);
    }

    /// Removes the pairs of these ranks.
    pub(super) fn remove_span(&mut self, start: usize, count: usize) {
        let (from, to) = (self.0.offset(2 * start), self.0.offset(2 * (start + count)));
        let left = self.0.count() - 2 * count;
        self.0.splice(from, to - from, &[], left);
    }

    pub(super) fn slice(&self, start: usize, count: usize) -> Walk<'_> {
        if 2 * count == self.0.count() {
            return self.0.all();
        }
        let from = self.0.offset(2 * start);
        self.0.walk(from, self.0.offset(2 * (start + count)))
    }

    /// How many pairs come before the first one for which `before` no longer holds.
    pub(super) fn partition(&self, mut before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        let (row, mut at, mut rank) = (self.0.row(), 0, 0);
        let mut digits = itoa::Buffer::new();
        while at < row.len() {
            let (member, score, len) = pair(&row[at..]);
            if !before(score, member.as_bytes(&mut digits)) {
                break;
            }
            at += len;
            rank += 1;
        }
        rank
    }
}
