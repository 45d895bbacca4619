//! dozo-engine
