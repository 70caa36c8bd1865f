"""torch._inductor's settings, kept without effect: nothing is compiled."""

from pynn._dynamo import Config

__path__: list[str] = []  # torch's modules inside this one are found by pynn._stand_ins
config = Config()
for _part in ("aot_inductor", "cpp", "cuda", "triton"):
    setattr(config, _part, Config())
