//! An ordered sequence with ranks: a B-tree whose inner nodes count the entries below them.
//!
//! Owns the order of elements by score and, where scores are equal, by member, which answers ranges and ranks. The longest
//! step is the splitting of one node a level.

use super::element::Element;
use crate::size_class::class_size;
use std::cmp::Ordering;

/// The most entries or children of a node: one less than what its vector may grow to, so that one more fits for a split.
const MAX: usize = 63;
/// By how many entries a leaf grows: most leaves are then nearly full.
const STEP: usize = 16;
/// A node with fewer joins a neighbour when both fit well into one.
const LOW: usize = MAX / 4;

/// Score and element.
pub(super) type Entry = (f64, Element);

#[derive(Debug)]
enum Node {
    Leaf(Vec<Entry>),
    Inner(Vec<Child>),
}

#[derive(Debug)]
struct Child {
    /// The smallest entry below, always that very entry, so that no handle outlives its element.
    first: Entry,
    count: usize,
    node: Box<Node>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    root: Node,
    len: usize,
    memory: usize,
}

fn order(a: &Entry, score: f64, member: &[u8]) -> Ordering {
    match a.0.partial_cmp(&score) {
        Some(Ordering::Equal) | None => a.1.member().cmp(member),
        Some(order) => order,
    }
}

/// What a node takes besides its vector.
const fn node_memory() -> usize {
    class_size(size_of::<Node>())
}

fn vector_memory<T>(vector: &Vec<T>) -> usize {
    if vector.capacity() == 0 { 0 } else { class_size(vector.capacity() * size_of::<T>()) }
}

impl Node {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(entries) => entries.len(),
            Node::Inner(children) => children.len(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Node::Leaf(entries) => entries.len(),
            Node::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    /// What its vector takes.
    fn memory(&self) -> usize {
        match self {
            Node::Leaf(entries) => vector_memory(entries),
            Node::Inner(children) => vector_memory(children),
        }
    }

    /// The node as a child; it is not empty.
    fn into_child(self) -> Option<Child> {
        let first = match &self {
            Node::Leaf(entries) => *entries.first()?,
            Node::Inner(children) => children.first()?.first,
        };
        Some(Child { first, count: self.count(), node: Box::new(self) })
    }

    /// Cuts a full node in two; a node that grows at its end keeps most, as sets are often filled in order.
    fn split(&mut self, at_end: bool) -> Node {
        let at = if at_end { MAX - MAX / 8 } else { MAX / 2 };
        match self {
            Node::Leaf(entries) => {
                let split = entries.split_off(at);
                entries.shrink_to_fit();
                Node::Leaf(split)
            }
            Node::Inner(children) => Node::Inner(children.split_off(at)),
        }
    }

    /// Adds an entry that is not there yet; a node that had to be split off is returned.
    fn insert(&mut self, entry: Entry, memory: &mut usize) -> Option<Child> {
        let before = self.memory();
        let at = match self {
            Node::Leaf(entries) => {
                let at = entries.partition_point(|other| order(other, entry.0, entry.1.member()).is_lt());
                if entries.len() == entries.capacity() {
                    entries.reserve_exact(STEP);
                }
                entries.insert(at, entry);
                at
            }
            Node::Inner(children) => {
                let at = child_of(children, entry.0, entry.1.member());
                let child = &mut children[at];
                let split = child.node.insert(entry, memory);
                child.count += 1;
                if at == 0 && order(&child.first, entry.0, entry.1.member()).is_gt() {
                    child.first = entry;
                }
                if let Some(split) = split {
                    child.count -= split.count;
                    children.insert(at + 1, split);
                }
                at
            }
        };
        let split = if self.len() > MAX { self.split(at >= MAX - 1).into_child() } else { None };
        *memory = *memory + self.memory() - before;
        if let Some(split) = &split {
            *memory += split.node.memory() + node_memory();
        }
        split
    }

    /// Takes out the entry of that rank below this node.
    fn take(&mut self, rank: usize, memory: &mut usize) -> Entry {
        match self {
            Node::Leaf(entries) => entries.remove(rank),
            Node::Inner(children) => {
                let (at, rank) = by_rank(children, rank);
                let child = &mut children[at];
                let taken = child.node.take(rank, memory);
                child.count -= 1;
                if child.count == 0 {
                    let gone = children.remove(at);
                    *memory -= gone.node.memory() + node_memory();
                    return taken;
                }
                if rank == 0 {
                    child.first = match &*child.node {
                        Node::Leaf(entries) => entries[0],
                        Node::Inner(children) => children[0].first,
                    };
                }
                if child.node.len() < LOW {
                    join(children, at, memory);
                }
                taken
            }
        }
    }
}

impl Node {
    fn take_leaf(&mut self) -> Option<Vec<Entry>> {
        let children = match self {
            Node::Leaf(entries) => return (!entries.is_empty()).then(|| std::mem::take(entries)),
            Node::Inner(children) => children,
        };
        while let Some(child) = children.last_mut() {
            if let Some(leaf) = child.node.take_leaf() {
                return Some(leaf);
            }
            children.pop();
        }
        None
    }
}

/// The child under which an entry is or belongs.
fn child_of(children: &[Child], score: f64, member: &[u8]) -> usize {
    children.partition_point(|child| order(&child.first, score, member).is_le()).saturating_sub(1)
}

/// The child that has the entry of a rank, and its rank there.
fn by_rank(children: &[Child], mut rank: usize) -> (usize, usize) {
    for (at, child) in children.iter().enumerate() {
        if rank < child.count {
            return (at, rank);
        }
        rank -= child.count;
    }
    (children.len() - 1, rank)
}

/// Joins a child that has become small with a neighbour, if both together leave room.
fn join(children: &mut Vec<Child>, at: usize, memory: &mut usize) {
    let left = if at + 1 < children.len() { at } else { at.saturating_sub(1) };
    let Some(right) = children.get(left + 1) else { return };
    if children[left].node.len() + right.node.len() > MAX - LOW {
        return;
    }
    let right = children.remove(left + 1);
    let (freed, target) = (right.node.memory() + node_memory(), &mut children[left]);
    let before = target.node.memory();
    target.count += right.count;
    match (&mut *target.node, *right.node) {
        (Node::Leaf(into), Node::Leaf(mut from)) => into.append(&mut from),
        (Node::Inner(into), Node::Inner(mut from)) => into.append(&mut from),
        // All leaves are on one level, so neighbours are of one kind.
        _ => debug_assert!(false, "neighbours of different kinds"),
    }
    *memory = *memory + target.node.memory() - before - freed;
}

impl Tree {
    pub(super) fn new() -> Self {
        Tree { root: Node::Leaf(Vec::new()), len: 0, memory: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Adds an entry that is not there yet.
    pub(super) fn insert(&mut self, score: f64, element: Element) {
        self.len += 1;
        let Some(split) = self.root.insert((score, element), &mut self.memory) else { return };
        let old = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
        let children: Vec<_> = old.into_child().into_iter().chain([split]).collect();
        self.root = Node::Inner(children);
        self.memory += node_memory() + self.root.memory();
    }

    /// Takes out the entry of a rank that exists.
    pub(super) fn take(&mut self, rank: usize) -> Entry {
        self.len -= 1;
        let taken = self.root.take(rank, &mut self.memory);
        while let Node::Inner(children) = &mut self.root {
            if children.len() > 1 {
                break;
            }
            let before = self.root.memory();
            let only = match &mut self.root {
                Node::Inner(children) => children.pop(),
                Node::Leaf(_) => None,
            };
            self.root = only.map_or_else(|| Node::Leaf(Vec::new()), |only| *only.node);
            self.memory -= before + node_memory();
        }
        taken
    }

    /// Where the entries begin for which `before` no longer holds; it holds for the first ones only.
    pub(super) fn partition(&self, mut before: impl FnMut(&Entry) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(entries) => return rank + entries.partition_point(|entry| before(entry)),
                Node::Inner(children) => {
                    let at = children.partition_point(|child| before(&child.first)).saturating_sub(1);
                    rank += children[..at].iter().map(|child| child.count).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// The rank of the first entry that is not before this score and member.
    pub(super) fn rank(&self, score: f64, member: &[u8]) -> usize {
        self.partition(|entry| order(entry, score, member).is_lt())
    }

    /// The leaf that has the entry of a rank that exists, and the entry's place in it.
    pub(super) fn leaf(&self, mut rank: usize) -> (&[Entry], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(entries) => return (entries, rank),
                Node::Inner(children) => {
                    let (at, below) = by_rank(children, rank);
                    (node, rank) = (&children[at].node, below);
                }
            }
        }
    }

    /// Drops the last leaf, for freeing only: the elements of the entries are not looked at.
    pub(super) fn drop_leaf(&mut self) -> bool {
        let dropped = self.root.take_leaf().map_or(0, |leaf| leaf.len());
        self.len -= dropped;
        dropped > 0
    }
}
