//! Seeded request streams: Zipf, and Zipf mixed with scans that touch each object once.

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Cumulative probabilities by rank.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(objects: usize, alpha: f64) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=objects).map(|rank| (rank as f64).powf(-alpha));
        let sums: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Zipf(sums.iter().map(|partial| partial / sum).collect())
    }

    fn draw(&self, random: &mut Random) -> u64 {
        let unit = random.unit();
        self.0.partition_point(|sum| *sum < unit) as u64
    }
}

/// One request stream.
#[derive(Clone, Copy)]
pub struct Load {
    pub name: &'static str,
    pub alpha: f64,
    /// Share of all requests that belong to scans.
    pub scanned: f64,
    /// Every so many requests a popular object and a random one swap their popularity; 0 is never.
    pub swap_every: usize,
}

const SCAN_LENGTH: u64 = 1000;

impl Load {
    pub fn requests(&self, count: usize, objects: usize, seed: u64) -> Vec<u64> {
        let zipf = Zipf::new(objects, self.alpha);
        let mut random = Random(seed);
        let mut names: Vec<u64> = (0..objects as u64).collect();
        let mut next_scanned = objects as u64;
        let mut left_in_scan = 0;
        let scan_starts = self.scanned / (1.0 - self.scanned) / SCAN_LENGTH as f64;
        let mut one = |at: usize| {
            if self.swap_every > 0 && at.is_multiple_of(self.swap_every) {
                let popular = zipf.draw(&mut random) as usize;
                names.swap(popular, (random.next() % objects as u64) as usize);
            }
            if left_in_scan == 0 && random.unit() < scan_starts {
                left_in_scan = SCAN_LENGTH;
            }
            if left_in_scan > 0 {
                left_in_scan -= 1;
                next_scanned += 1;
                return next_scanned;
            }
            names[zipf.draw(&mut random) as usize]
        };
        (0..count).map(&mut one).collect()
    }
}
