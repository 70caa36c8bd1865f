"""Engines for quantized tensors: none, for they are out of pynn's scope."""

engine = "none"
supported_engines = ["none"]
