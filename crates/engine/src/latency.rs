//! The latency monitor: spikes by event, as LATENCY LATEST and HISTORY show them.

use std::collections::{BTreeMap, VecDeque};

use crate::settings::truncate_front;

/// Samples kept of an event, as in Redis.
const MAX_SAMPLES: usize = 160;

/// What is known of one event.
#[derive(Clone, Debug, Default)]
pub struct LatencyEvent {
    /// (unix seconds, worst milliseconds in that second), oldest first.
    pub samples: VecDeque<(i64, u64)>,
    /// Worst of all time, milliseconds.
    pub max_ms: u64,
}

/// All events by name. Names are the engine's own, so there are few.
#[derive(Default)]
pub struct LatencyMonitor {
    events: BTreeMap<&'static str, LatencyEvent>,
}

impl LatencyMonitor {
    /// Adds a spike when it reaches the threshold (0: monitoring is off).
    pub fn record(&mut self, event: &'static str, milliseconds: u64, now_seconds: i64, threshold: u64) {
        if threshold == 0 || milliseconds < threshold {
            return;
        }
        let event = self.events.entry(event).or_default();
        event.max_ms = event.max_ms.max(milliseconds);
        match event.samples.back_mut() {
            Some((second, worst)) if *second == now_seconds => *worst = (*worst).max(milliseconds),
            _ => event.samples.push_back((now_seconds, milliseconds)),
        }
        truncate_front(&mut event.samples, MAX_SAMPLES);
    }

    /// All events, by name.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, &LatencyEvent)> {
        self.events.iter().map(|(name, event)| (*name, event))
    }

    /// LATENCY RESET; returns how many were dropped. No names: all.
    pub fn reset(&mut self, names: &[&str]) -> usize {
        let before = self.events.len();
        self.events.retain(|name, _| !names.is_empty() && !names.contains(name));
        before - self.events.len()
    }
}
