//! Places on the earth as scores of a sorted set: 52 bits of interleaved longitude and latitude.
//!
//! Owns the encoding (a geohash on the WGS84 latitudes of Web Mercator), distances on a sphere and the search of an area
//! by the cells that cover it. The digits are Redis's: every step of the arithmetic is done in its order. Refuses keys.

use crate::collections::Zset;
use std::ops::Bound;

/// Bits of longitude, and of latitude.
const STEPS: u32 = 26;
const LON: (f64, f64) = (-180.0, 180.0);
const LAT: (f64, f64) = (-85.051_128_78, 85.051_128_78);
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
const MERCATOR_MAX: f64 = 20_037_726.37;
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Longitude and latitude in degrees.
pub type Place = (f64, f64);

/// What is searched around a place, in meters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All within this distance.
    Circle(f64),
    /// A rectangle of this width and height.
    Box(f64, f64),
}

/// A member that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub member: Vec<u8>,
    /// Meters from the center.
    pub distance: f64,
    /// Its score.
    pub score: f64,
}

/// Whether a place can be encoded.
pub fn is_valid((lon, lat): Place) -> bool {
    (LON.0..=LON.1).contains(&lon) && (LAT.0..=LAT.1).contains(&lat)
}

/// The score of a place.
pub fn encode(place: Place) -> f64 {
    encode_in(place, LAT, STEPS) as f64
}

/// The place of a score: the middle of its cell.
pub fn decode(score: f64) -> Place {
    let (lon, lat) = cell(score as u64, STEPS);
    let middle = |(low, high): (f64, f64)| (low + high) / 2.0;
    (middle(lon).clamp(LON.0, LON.1), middle(lat).clamp(LAT.0, LAT.1))
}

/// The 11 letters of the standard geohash, whose latitudes reach to the poles; the last one is always 0.
pub fn geohash(score: f64) -> [u8; 11] {
    let bits = encode_in(decode(score), (-90.0, 90.0), STEPS);
    let mut letters = [b'0'; 11];
    for (index, letter) in letters.iter_mut().take(10).enumerate() {
        *letter = ALPHABET[(bits >> (52 - (index + 1) * 5) & 0x1f) as usize];
    }
    letters
}

/// Meters between two places, on a sphere.
pub fn distance((lon1, lat1): Place, (lon2, lat2): Place) -> f64 {
    let (lon1, lat1, lon2, lat2) = (radians(lon1), radians(lat1), radians(lon2), radians(lat2));
    let (u, v) = (((lat2 - lat1) / 2.0).sin(), ((lon2 - lon1) / 2.0).sin());
    2.0 * EARTH_RADIUS_M * (u * u + lat1.cos() * lat2.cos() * v * v).sqrt().asin()
}

/// The members of an area, in the order in which Redis meets them; at most `limit`, if that is not 0.
pub fn search(zset: &Zset, center: Place, shape: Shape, limit: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let (steps, cells) = cover(center, shape);
    let shift = 52 - 2 * steps;
    for (index, &bits) in cells.iter().enumerate() {
        // Near the poles and with huge areas, several neighbours are one cell.
        if cells[..index].contains(&bits) {
            continue;
        }
        let (min, max) = ((bits << shift) as f64, ((bits + 1) << shift) as f64);
        for (member, score) in
            zset.slice(zset.span_by_score(Bound::Included(min), Bound::Excluded(max)), false)
        {
            let Some(distance) = reach(center, decode(score), shape) else {
                continue;
            };
            let member = member.to_vec();
            found.push(Found { member, distance, score });
            if limit > 0 && found.len() >= limit {
                return found;
            }
        }
    }
    found
}

/// The distance of a place that lies within the shape.
fn reach(center: Place, place: Place, shape: Shape) -> Option<f64> {
    match shape {
        Shape::Circle(radius) => Some(distance(center, place)).filter(|meters| *meters <= radius),
        Shape::Box(width, height) => {
            let across = distance(place, (center.0, place.1));
            let along = distance(place, (place.0, center.1));
            (across <= width / 2.0 && along <= height / 2.0).then(|| distance(center, place))
        }
    }
}

/// The number of steps, and the cells of that size which cover the shape: the center's first, then its neighbours.
fn cover(center: Place, shape: Shape) -> (u32, Vec<u64>) {
    let (width, height) = match shape {
        Shape::Circle(radius) => (radius, radius),
        Shape::Box(width, height) => (width / 2.0, height / 2.0),
    };
    let radius = match shape {
        Shape::Circle(radius) => radius,
        Shape::Box(..) => ((width * width) + (height * height)).sqrt(),
    };
    let bounds = bounding_box(center, width, height);
    let mut steps = steps_for(radius, center.1);
    let mut bits = encode_in(center, LAT, steps);
    let side = |east, north| cell(neighbour(bits, steps, east, north), steps);
    let is_too_fine = side(0, 1).1.1 < bounds.max.1
        || side(0, -1).1.0 > bounds.min.1
        || side(1, 0).0.1 < bounds.max.0
        || side(-1, 0).0.0 > bounds.min.0;
    if steps > 1 && is_too_fine {
        steps -= 1;
        bits = encode_in(center, LAT, steps);
    }
    (steps, around(bits, steps, &bounds))
}

struct Bounds {
    min: Place,
    max: Place,
}

fn bounding_box((lon, lat): Place, width: f64, height: f64) -> Bounds {
    let tall = degrees(height / EARTH_RADIUS_M);
    // The side nearer to the pole is the wider one in degrees.
    let edge = if lat < 0.0 { lat - tall } else { lat + tall };
    let wide = degrees(width / EARTH_RADIUS_M / radians(edge).cos());
    Bounds { min: (lon - wide, lat - tall), max: (lon + wide, lat + tall) }
}

/// How fine the cells may be so that nine of them cover a radius.
fn steps_for(mut radius: f64, lat: f64) -> u32 {
    if radius == 0.0 {
        return STEPS;
    }
    let mut steps = 1;
    while radius < MERCATOR_MAX {
        radius *= 2.0;
        steps += 1;
    }
    // Two cells to spare in all directions, and more towards the poles, where cells are narrow.
    steps -= 2;
    steps -= if lat.abs() > 80.0 { 2 } else { i32::from(lat.abs() > 66.0) };
    steps.clamp(1, STEPS as i32) as u32
}

/// The cell and those of its neighbours that the bounds touch, in Redis's order.
fn around(bits: u64, steps: u32, bounds: &Bounds) -> Vec<u64> {
    const ORDER: [(i64, i64); 8] = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
    let (lon, lat) = cell(bits, steps);
    let skipped = |(x, y): (i64, i64)| {
        steps >= 2
            && ((lat.0 < bounds.min.1 && y < 0)
                || (lat.1 > bounds.max.1 && y > 0)
                || (lon.0 < bounds.min.0 && x < 0)
                || (lon.1 > bounds.max.0 && x > 0))
    };
    let neighbours = ORDER.iter().filter(|at| !skipped(**at)).map(|(x, y)| neighbour(bits, steps, *x, *y));
    std::iter::once(bits).chain(neighbours).collect()
}

/// The cell so many columns east and rows north; the grid has no edge.
fn neighbour(bits: u64, steps: u32, east: i64, north: i64) -> u64 {
    let mask = (1u64 << steps) - 1;
    let row = gather(bits).wrapping_add_signed(north) & mask;
    let column = gather(bits >> 1).wrapping_add_signed(east) & mask;
    spread(row) | spread(column) << 1
}

/// The degrees that a cell covers: longitudes and latitudes.
fn cell(bits: u64, steps: u32) -> ((f64, f64), (f64, f64)) {
    let side = (1u64 << steps) as f64;
    let part = |index: u64, (low, high): (f64, f64)| {
        let scale = high - low;
        (low + (index as f64 / side) * scale, low + ((index as f64 + 1.0) / side) * scale)
    };
    (part(gather(bits >> 1), LON), part(gather(bits), LAT))
}

fn encode_in((lon, lat): Place, lat_range: (f64, f64), steps: u32) -> u64 {
    let side = (1u64 << steps) as f64;
    let index = |value: f64, (low, high): (f64, f64)| (((value - low) / (high - low)) * side) as u32;
    spread(u64::from(index(lat, lat_range))) | spread(u64::from(index(lon, LON))) << 1
}

/// Puts a zero before each of the low 32 bits.
fn spread(mut bits: u64) -> u64 {
    bits &= 0xffff_ffff;
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every second bit, from the lowest: undoes [`spread`].
fn gather(mut bits: u64) -> u64 {
    bits &= 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits
}

fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}
