"""The Numba backend. What it compiles stays in the cache that the whole test run shares."""
