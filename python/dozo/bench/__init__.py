"""Measures servers against their peers: load, memory, hit ratios. `make bench` runs all.

Owns the load generators and the report; refuses absolute promises: machines are noisy, so every figure is
taken for dozo and for its peer in turn, in one run, and what counts is CPU per request and the ratio.
"""
