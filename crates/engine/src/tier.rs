//! The engine's part in values on disk: the tier is opened, and has its turn between batches.
//!
//! Refuses to decide: where the tier is, how large, and what goes there when, comes from outside.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dozo_log::disk::reason;
use dozo_log::tier::{Compression, DiskTier, Options, Readers};
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
}

impl Engine {
    /// Has values go to a disk from now on. Said once, while nothing is stored.
    pub fn open_tier(&mut self, plan: TierPlan) -> Result<(), String> {
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
        let mut tier = DiskTier::create(disk, options).map_err(|error| reason(&error))?;
        if let Some(waker) = &self.waker {
            dozo_store::tier::Tier::set_wake(&mut tier, Arc::clone(waker));
        }
        if plan.threads > 0 {
            let readers = Readers::start(plan.threads).map_err(|error| reason(&error))?;
            if let Some(waker) = &self.waker {
                readers.set_wake(Arc::clone(waker));
            }
            self.fetching.readers = Some(readers);
        }
        self.ks.set_tier(Box::new(tier), Rules::default());
        Ok(())
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
        more.then_some(SWEEP_PAUSE)
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
