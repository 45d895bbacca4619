//! dozo-net
