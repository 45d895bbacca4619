//! The settings the engine reads per request. Python owns their names, units and bounds and hands over values
//! that it has checked; an unknown name is a programming error and answered as such.

use std::collections::VecDeque;

/// Values with Redis's names; see docs/reference/settings.md for units and bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Password of the default user; empty means none.
    pub requirepass: Vec<u8>,
    /// Connections served at once.
    pub maxclients: usize,
    /// Microseconds from which a command is slow; negative: never, 0: always.
    pub slowlog_log_slower_than: i64,
    /// Entries kept in the slow log.
    pub slowlog_max_len: usize,
    /// Milliseconds from which an event is a latency spike; 0: off.
    pub latency_monitor_threshold: u64,
    /// Whether per-command latency histograms are kept.
    pub latency_tracking: bool,
    /// Largest bulk string, bytes.
    pub proto_max_bulk_len: usize,
    /// Largest memcached value, bytes.
    pub memcached_max_item_size: usize,
    /// Largest value that comes in chunks, bytes.
    pub memcached_max_stream_size: usize,
    /// Milliseconds after which a stream that does not move is given up; 0: never.
    pub memcached_stream_timeout_ms: i64,
    /// Whether memcached's `shutdown` is obeyed.
    pub memcached_shutdown: bool,
    /// Whether only this machine is served as long as there is no password.
    pub protected_mode: bool,
    /// Ticks a second.
    pub hz: u32,
    /// The events that are told to subscribers (`crate::events`).
    pub notify_events: u32,
    /// Milliseconds after which others are told BUSY; 0: never.
    pub busy_reply_threshold: i64,
    /// Bytes that Lua may take.
    pub lua_memory_limit: usize,
    /// Bytes of script sources that are kept.
    pub script_cache_max_memory: usize,
    /// Keys that client-side caching's table holds at most; 0: no limit.
    pub tracking_table_max_keys: usize,
    /// Milliseconds after which a key expires that was written without an expiry; 0: never.
    pub default_ttl_ms: i64,
    /// Milliseconds after which every key that is written expires; 0: never.
    pub max_ttl_ms: i64,
    /// Milliseconds between two searches for expired keys; 0: at each tick.
    pub expire_interval_ms: i64,
    /// Whether expired keys are collected in the background (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expire: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            requirepass: Vec::new(),
            maxclients: 10_000,
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold: 0,
            latency_tracking: true,
            proto_max_bulk_len: 512 << 20,
            memcached_max_item_size: 1 << 20,
            memcached_max_stream_size: 512 << 20,
            memcached_stream_timeout_ms: 60_000,
            memcached_shutdown: false,
            protected_mode: true,
            hz: 10,
            notify_events: 0,
            busy_reply_threshold: 5000,
            lua_memory_limit: 256 << 20,
            script_cache_max_memory: 64 << 20,
            tracking_table_max_keys: 1_000_000,
            default_ttl_ms: 0,
            max_ttl_ms: 0,
            expire_interval_ms: 0,
            active_expire: true,
        }
    }
}

/// What a setting can hold on its way from Python.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// A number, with Redis's unit for that setting.
    Int(i64),
    /// Text.
    Text(Vec<u8>),
    /// yes or no.
    Bool(bool),
}

impl SettingValue {
    fn int(&self) -> Option<i64> {
        match self {
            SettingValue::Int(n) => Some(*n),
            SettingValue::Bool(b) => Some(i64::from(*b)),
            SettingValue::Text(_) => None,
        }
    }

    fn size(&self) -> Option<usize> {
        self.int().and_then(|n| usize::try_from(n).ok())
    }
}

impl Settings {
    /// Sets one value; `false` when the engine has no such setting or the value has the wrong type.
    pub fn set(&mut self, name: &str, value: &SettingValue) -> bool {
        self.try_set(name, value).is_some()
    }

    fn try_set(&mut self, name: &str, value: &SettingValue) -> Option<()> {
        match name {
            "requirepass" => match value {
                SettingValue::Text(text) => self.requirepass = text.clone(),
                _ => return None,
            },
            "maxclients" => self.maxclients = value.size()?,
            "slowlog-log-slower-than" => self.slowlog_log_slower_than = value.int()?,
            "slowlog-max-len" => self.slowlog_max_len = value.size()?,
            "latency-monitor-threshold" => self.latency_monitor_threshold = value.size()? as u64,
            "latency-tracking" => self.latency_tracking = value.int()? != 0,
            "proto-max-bulk-len" => self.proto_max_bulk_len = value.size()?,
            "memcached-max-item-size" => self.memcached_max_item_size = value.size()?,
            "memcached-max-stream-size" => self.memcached_max_stream_size = value.size()?,
            "memcached-stream-timeout" => {
                self.memcached_stream_timeout_ms = value.int()?.saturating_mul(1000);
            }
            "memcached-shutdown" => self.memcached_shutdown = value.int()? != 0,
            "protected-mode" => self.protected_mode = value.int()? != 0,
            "hz" => self.hz = u32::try_from(value.int()?).ok()?.clamp(1, 500),
            "notify-keyspace-events" => match value {
                SettingValue::Text(text) => self.notify_events = crate::events::events(text)?,
                _ => return None,
            },
            "busy-reply-threshold" => self.busy_reply_threshold = value.int()?,
            "lua-memory-limit" => self.lua_memory_limit = value.size()?,
            "script-cache-max-memory" => self.script_cache_max_memory = value.size()?,
            "tracking-table-max-keys" => self.tracking_table_max_keys = value.size()?,
            "default-ttl" => self.default_ttl_ms = value.int()?.saturating_mul(1000),
            "max-ttl" => self.max_ttl_ms = value.int()?.saturating_mul(1000),
            "expire-interval" => self.expire_interval_ms = value.int()?.saturating_mul(1000),
            "active-expire" => self.active_expire = value.int()? != 0,
            _ => return None,
        }
        Some(())
    }
}

/// Drops from the front until at most `max` are left.
pub(crate) fn truncate_front<T>(queue: &mut VecDeque<T>, max: usize) {
    while queue.len() > max {
        queue.pop_front();
    }
}
