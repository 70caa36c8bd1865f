"""Random numbers: Philox 4x32-10 by element index, the same bits on every backend and for any thread count.

Philox (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011)
turns a counter into four 32-bit words under a 64-bit key. Element i of a draw is word
i % 4 of counter offset + i // 4 under the generator's seed. A call that draws n numbers
moves the offset on by ceil(n / 4).
"""

from typing import Any

import numpy

from pynn._box_muller import normals
from pynn._device import check_device

_M0, _M1 = numpy.uint64(0xD2511F53), numpy.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = numpy.uint64(0xFFFFFFFF)
_32 = numpy.uint64(32)


def philox(seed: Any, offset: Any, count: Any) -> Any:
    """`count` random uint32 words of the stream `seed` from counter `offset` on."""
    blocks = -(-count // 4)
    counter = numpy.arange(offset, offset + blocks, dtype=numpy.uint64)
    c0, c1 = counter & _LOW, counter >> _32
    c2 = numpy.zeros(blocks, numpy.uint64)
    c3 = numpy.zeros(blocks, numpy.uint64)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (
            (p1 >> _32) ^ c1 ^ numpy.uint64(k0),
            p1 & _LOW,
            (p0 >> _32) ^ c3 ^ numpy.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return numpy.stack([c0, c1, c2, c3], axis=1).reshape(-1)[:count].astype(numpy.uint32)


def uniform(seed: Any, offset: Any, shape: Any, dtype: Any) -> Any:
    """Uniform numbers in [0, 1): the top 24 bits of one word for float32, 53 of two words for float64."""
    count = int(numpy.prod(shape))
    if numpy.dtype(dtype) == numpy.float64:
        words = philox(seed, offset, 2 * count).astype(numpy.uint64)
        bits = (words[0::2] << numpy.uint64(21)) ^ (words[1::2] >> numpy.uint64(11))
        return ((bits & numpy.uint64((1 << 53) - 1)) * 2.0**-53).reshape(shape)
    words = philox(seed, offset, count)
    if numpy.dtype(dtype).itemsize == 2:  # as many bits as below 1 the dtype has, so that none rounds up to 1
        bits = 11 if numpy.dtype(dtype).kind == "f" else 8
        return (
            ((words >> numpy.uint32(32 - bits)).astype(numpy.float32) * numpy.float32(2.0**-bits))
            .reshape(shape)
            .astype(dtype)
        )
    return ((words >> numpy.uint32(8)).astype(numpy.float32) * numpy.float32(2.0**-24)).reshape(shape).astype(dtype)


def normal(seed: Any, offset: Any, shape: Any, dtype: Any) -> Any:
    """Standard normal numbers by Box and Muller's transform of two words each; float64 or else by way of float32."""
    count = int(numpy.prod(shape))
    working = numpy.float64 if numpy.dtype(dtype) == numpy.float64 else numpy.float32
    return normals(philox(seed, offset, 2 * count), working).reshape(shape).astype(dtype, copy=False)


def randint(seed: Any, offset: Any, shape: Any, low: Any, high: Any, dtype: Any) -> Any:
    """Integers in [low, high): 64 random bits modulo the range."""
    count = int(numpy.prod(shape))
    words = philox(seed, offset, 2 * count).astype(numpy.uint64)
    bits = (words[0::2] << _32) | words[1::2]
    return ((bits % numpy.uint64(high - low)).astype(numpy.int64) + low).reshape(shape).astype(dtype)


class Generator:
    """A source of random numbers: a seed and how far its stream is used."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = check_device(device)
        self._seed = 67280421310721
        self._offset = 0

    def manual_seed(self, seed: Any) -> Any:
        """Start the stream of `seed` (any integer of up to 64 bits) anew; returns the generator."""
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise RuntimeError(f"Overflow when unpacking long: the seed {seed} must fit into 64 bits.")
        self._seed = seed % 2**64
        self._offset = 0
        return self

    def seed(self) -> Any:
        """Seed from the operating system; returns the seed."""
        import secrets

        self.manual_seed(secrets.randbits(64))
        return self._seed

    def initial_seed(self) -> Any:
        """The seed in use."""
        return self._seed

    def get_state(self) -> Any:
        """Seed and offset, as a uint8 tensor that set_state takes."""
        from pynn._core import wrap

        return wrap(numpy.array([self._seed, self._offset], dtype="<u8").view(numpy.uint8))

    def set_state(self, state: Any) -> Any:
        """Go back to a state that get_state gave; returns the generator."""
        if state._array.dtype != numpy.uint8 or state._array.size != 16:
            raise RuntimeError(
                f"RNG state must be a uint8 tensor of 16 elements, got {state._array.dtype} of {state._array.size}."
            )
        seed, offset = state._array.view("<u8").tolist()
        self._seed, self._offset = seed, offset
        return self

    def reserve(self, count: Any) -> Any:
        """(seed, offset) for a draw of `count` words, which moves the offset on."""
        place = (self._seed, self._offset)
        self._offset += -(-count // 4)
        return place


default_generator = Generator()


def manual_seed(seed: Any) -> Any:
    """Seed the default generator; returns it."""
    return default_generator.manual_seed(seed)


def seed() -> Any:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> Any:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The default generator's state, for set_rng_state."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Go back to a state of the default generator."""
    default_generator.set_state(new_state)
