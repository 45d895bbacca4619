//! What redis-server 7.0 does when memory is short, after its documentation of the approximated LRU and LFU algorithms.

use crate::loads::Random;
use foldhash::{HashMap, HashMapExt};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Redis {
    /// allkeys-lru with Redis's clock of one second.
    Lru,
    /// allkeys-lru with a clock that ticks at every request: better than Redis can be.
    LruOfFineClock,
    /// allkeys-lfu with log factor 10 and decay time 1.
    Lfu,
}

struct Object {
    key: u64,
    clock: u64,
    minute: u64,
    counter: u8,
}

const SAMPLES: usize = 5;
const POOL: usize = 16;

struct Server {
    policy: Redis,
    objects: Vec<Object>,
    places: HashMap<u64, usize>,
    /// Score and key, the best victim last.
    pool: Vec<(u64, u64)>,
    random: Random,
    request: u64,
    now_ms: u64,
}

/// The share of hits of a cache of `capacity` objects.
pub fn hit_ratio(policy: Redis, requests: &[u64], capacity: usize, requests_per_ms: u64) -> f64 {
    let mut server = Server {
        policy,
        objects: Vec::new(),
        places: HashMap::new(),
        pool: Vec::new(),
        random: Random(5),
        request: 0,
        now_ms: 0,
    };
    let mut hits = 0;
    for (at, key) in requests.iter().enumerate() {
        (server.request, server.now_ms) = (at as u64, at as u64 / requests_per_ms);
        if server.read(*key) {
            hits += 1;
            continue;
        }
        while server.objects.len() >= capacity {
            server.evict();
        }
        server.write(*key);
    }
    hits as f64 / requests.len() as f64
}

impl Server {
    fn clock(&self) -> u64 {
        if self.policy == Redis::LruOfFineClock { self.request } else { self.now_ms / 1000 }
    }

    fn minute(&self) -> u64 {
        self.now_ms / 60_000
    }

    fn decayed(&self, object: &Object) -> u8 {
        object.counter.saturating_sub((self.minute() - object.minute).min(255) as u8)
    }

    fn read(&mut self, key: u64) -> bool {
        let Some(place) = self.places.get(&key) else {
            return false;
        };
        let (clock, minute) = (self.clock(), self.minute());
        let counter = self.decayed(&self.objects[*place]);
        let odds = 1.0 / (f64::from(counter.saturating_sub(5)) * 10.0 + 1.0);
        let grown = counter.saturating_add(u8::from(self.random.unit() < odds));
        self.objects[*place] = Object { key, clock, minute, counter: grown };
        true
    }

    fn write(&mut self, key: u64) {
        self.places.insert(key, self.objects.len());
        let (clock, minute) = (self.clock(), self.minute());
        self.objects.push(Object { key, clock, minute, counter: 5 });
    }

    fn evict(&mut self) {
        loop {
            for _ in 0..SAMPLES {
                self.sample();
            }
            while let Some((_, key)) = self.pool.pop() {
                if let Some(place) = self.places.remove(&key) {
                    self.objects.swap_remove(place);
                    if let Some(moved) = self.objects.get(place) {
                        self.places.insert(moved.key, place);
                    }
                    return;
                }
            }
        }
    }

    fn sample(&mut self) {
        let place = self.random.next() % self.objects.len() as u64;
        let object = &self.objects[place as usize];
        let score = match self.policy {
            Redis::Lfu => u64::from(255 - self.decayed(object)),
            _ => self.clock() - object.clock,
        };
        let candidate = (score, object.key);
        let at = self.pool.iter().position(|known| known.0 >= score).unwrap_or(self.pool.len());
        if self.pool.len() < POOL {
            self.pool.insert(at, candidate);
        } else if at > 0 {
            self.pool.remove(0);
            self.pool.insert(at - 1, candidate);
        }
    }
}
