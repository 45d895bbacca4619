"""Faces that other libraries have shown to Python programs, over a store of dozo: diskcache's, and Django's cache."""
