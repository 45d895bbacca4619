//! The engine's part in values on disk: the tier is opened, and has its turn between batches.
//!
//! Refuses to decide: where the tier is, how large, and what goes there when, comes from outside.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dozo_log::disk::reason;
use dozo_log::tier::{Compression, DiskTier, Options, Readers, Recovered, Warmth};
use dozo_store::tier::{Rules, Strategy};

use crate::engine::Engine;
use crate::settings::SettingValue;

/// How long a sweep may hold up those who wait, nanoseconds.
const SWEEP_SLICE_NS: u64 = 500_000;
/// Where nobody asks for anything a sweep leaves the processor to others this long after each slice.
const SWEEP_PAUSE: Duration = Duration::from_millis(1);

/// How a tier is opened.
pub struct TierPlan {
    /// Its directory, which is there.
    pub dir: PathBuf,
    /// Bytes that it may hold.
    pub limit: u64,
    /// Bytes that may wait to be written.
    pub buffer: usize,
    /// Values of at least so many bytes are compressed; 0 compresses none.
    pub compression_threshold: usize,
    /// Whether what is written is synced every second.
    pub syncs: bool,
    /// Threads that read; without any, whoever asks for a value waits for it in the engine.
    pub threads: usize,
    /// What an earlier run has left there comes back, with these values first; `None` removes it.
    pub revive: Option<Warmth>,
}

impl Engine {
    /// Has values go to a disk from now on; what of them was there already. Said once, while nothing is stored.
    pub fn open_tier(&mut self, plan: TierPlan) -> Result<Recovered, String> {
        if self.ks.has_tier() || (0..self.ks.databases()).any(|db| self.ks.len(db) > 0) {
            return Err("a tier is opened once, before anything is stored".into());
        }
        let options = Options {
            dir: plan.dir,
            limit: plan.limit,
            buffer: plan.buffer,
            compression: Compression { threshold: plan.compression_threshold },
            syncs: plan.syncs,
        };
        let disk = Arc::clone(&self.persistence.disk);
        let readers = if plan.threads > 0 {
            Some(Readers::start(plan.threads).map_err(|error| reason(&error))?)
        } else {
            None
        };
        // What has expired meanwhile does so by the clock of now.
        self.begin_batch();
        let (tier, mut found) = match &plan.revive {
            Some(warmth) => DiskTier::recover(disk, options, &mut self.ks, warmth),
            None => DiskTier::create(disk, options).map(|tier| (tier, Recovered::default())),
        }
        .map_err(|error| reason(&error))?;
        self.ks.set_revived_tier(Box::new(tier), Rules::default());
        if let (Some(waker), Some(disk)) = (&self.waker, self.ks.tier_disk()) {
            disk.set_wake(Arc::clone(waker));
        }
        if let (Some(readers), Some(waker)) = (&readers, &self.waker) {
            readers.set_wake(Arc::clone(waker));
        }
        self.fetching.readers = readers;
        self.warming.want(std::mem::take(&mut found.wanted));
        Ok(found)
    }

    /// Ends the tier's part of a stop: values that are in memory only are written, for so long at most, and everything is
    /// on the medium then. How many were written, and how many were not.
    pub fn settle_tier(&mut self, patience: Duration) -> Result<(usize, usize), String> {
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let until = self.clock.monotonic_ns().saturating_add(patience);
        let (ks, clock) = (&mut self.ks, &self.clock);
        let keeps = |until| clock.monotonic_ns() < until;
        let outcome = if keeps(until) { ks.keep_hot(&mut || keeps(until)) } else { (0, 0) };
        self.ks.tier_disk().map_or(Ok(()), |disk| disk.flush())?;
        Ok(outcome)
    }

    /// Changes one rule of what goes to the disk; `false` when there is none of that name or it can't have that value.
    pub fn set_tier_rule(&mut self, name: &str, value: &SettingValue) -> bool {
        let Some(mut rules) = self.ks.tier_rules() else { return false };
        match (name, value) {
            ("strategy", SettingValue::Text(text)) => {
                let Some(strategy) = std::str::from_utf8(text).ok().and_then(Strategy::parse) else {
                    return false;
                };
                rules.strategy = strategy;
            }
            ("large", SettingValue::Int(bytes)) => {
                rules.large = usize::try_from(*bytes).unwrap_or(usize::MAX)
            }
            ("least", SettingValue::Int(bytes)) => rules.least = usize::try_from(*bytes).unwrap_or(0),
            ("window", SettingValue::Int(seconds)) => rules.window_s = u32::try_from(*seconds).unwrap_or(0),
            ("least-ttl", SettingValue::Int(ms)) => rules.least_ttl_ms = *ms,
            ("churn", SettingValue::Bool(yes)) => rules.churn = *yes,
            _ => return false,
        }
        self.ks.set_tier_rules(|present| *present = rules);
        true
    }

    /// Makes room on the disk for a moment; while there is more to do, how long the loop may sleep before the next one.
    pub(crate) fn tend_tier(&mut self) -> Option<Duration> {
        if !self.ks.has_tier() || self.atomic > 0 {
            return None;
        }
        let until = self.clock.monotonic_ns() + SWEEP_SLICE_NS;
        let mut more = true;
        while more && self.clock.monotonic_ns() < until {
            if !self.ks.tier_disk().is_some_and(|disk| disk.is_ready_to_sweep()) {
                break;
            }
            more = self.ks.sweep_some();
        }
        self.record_notices();
        more |= self.retry_streams();
        self.warm_on();
        more.then_some(SWEEP_PAUSE)
    }

    /// Has what is needed no more leave the disk, whether or not there is room; [`Engine::compact_tier_some`] does it.
    /// `false` while values that are gone are still on their way out: then it is to be asked again.
    pub fn compact_tier(&mut self) -> bool {
        if !self.ks.has_tier() {
            return true;
        }
        if self.free_for(self.clock.monotonic_ns()) {
            return false;
        }
        if let Some(disk) = self.ks.tier_disk() {
            disk.compact();
        }
        true
    }

    /// Works on that for a moment; `false` when it is done.
    pub fn compact_tier_some(&mut self) -> bool {
        let until = self.clock.monotonic_ns() + SWEEP_SLICE_NS;
        while self.ks.tier_disk().is_some_and(|disk| disk.is_compacting()) {
            if self.clock.monotonic_ns() >= until
                || !self.ks.tier_disk().is_some_and(|disk| disk.is_ready_to_sweep())
            {
                self.record_notices();
                return true;
            }
            self.ks.sweep_some();
        }
        self.record_notices();
        false
    }

    /// While data are loaded that memory is too small for, their values move to the disk, if there is one.
    pub(crate) fn store_away(&mut self) {
        if !self.ks.has_tier() {
            return;
        }
        self.ks.settle_tier();
        while self.ks.over_limit() && self.make_room() {}
        if self.ks.sweep_some() {
            self.record_notices();
        }
    }

    /// Hands over to the disk what has waited long enough.
    pub(crate) fn tick_tier(&mut self) {
        if let Some(disk) = self.ks.tier_disk() {
            disk.tick();
        }
    }
}
