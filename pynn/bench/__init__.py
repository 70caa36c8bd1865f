"""Side-by-side benchmarks: `python -m pynn.bench` measures pynn beside the libraries that are installed."""
