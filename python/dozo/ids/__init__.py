"""Unique IDs: what an ID is made of, and who guarantees that a worker ID is this process's alone.

Rust makes the IDs (crates/engine/src/ids); here is decided for how long it may. layout.py takes IDs apart, registry/
holds the places that hand out worker IDs, keeper.py follows the clock rule, service.py reads the settings.
"""
