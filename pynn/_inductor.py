"""torch._inductor's settings, kept without effect: nothing is compiled."""

from pynn._dynamo import Config

config = Config()
for _part in ("aot_inductor", "cpp", "cuda", "triton"):
    setattr(config, _part, Config())
