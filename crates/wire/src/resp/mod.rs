//! Owns the Redis protocol: requests in ([`RequestParser`]), replies out ([`Reply`]). Refuses to know any command.

mod double;
mod inline;
mod reply;
mod request;

pub use double::format_double;
pub use inline::split_args;
pub use reply::{Proto, Reply};
pub use request::{Limits, RequestParser, Span, Step};
