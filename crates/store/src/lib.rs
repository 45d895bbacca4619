//! dozo-store
