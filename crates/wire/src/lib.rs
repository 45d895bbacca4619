//! dozo-wire
