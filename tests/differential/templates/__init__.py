"""Templates of the differential test, one module a family; see families.py for the holes."""
