"""Counter-based random streams.

Sample `i` of world `w` under seed `s` depends on `(s, w, i)` alone, never on the number of workers,
the shard size or what was drawn before it. Each such triple owns a Philox stream (Salmon et al.
2011): the key is a hash of seed and world name, the counter starts at the sample's index. `purpose`
separates independent uses (parameters, innovations, ...) of one sample.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is used for. Values are part of the data format: never renumber."""

    PARAMETERS = 0
    INNOVATIONS = 1
    SHOCK_SIZE = 2
    HIDDEN_CHAIN = 3
    MEASUREMENT = 4
    SIBLINGS = 5  # what siblings share; its index is that of their group


def stream_key(seed: int, world: str) -> np.ndarray:
    """The Philox key (2,) uint64 shared by all samples of a world under a seed."""
    digest = hashlib.sha256(f"{seed}/{world}".encode()).digest()
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


def stream(key: np.ndarray, index: int, purpose: Purpose) -> np.random.Generator:
    """The generator of sample `index` for one purpose.

    The two low counter words (2^128 blocks) belong to the stream; purpose and index sit above
    them, so streams cannot overlap.
    """
    counter = np.array([0, 0, int(purpose), index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def derived_seed(seed: int, *labels: str | int) -> int:
    """A 63-bit seed for a named part of a run, independent across labels."""
    text = "/".join([str(seed), *map(str, labels)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
