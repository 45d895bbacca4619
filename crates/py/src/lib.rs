//! dozo-py
