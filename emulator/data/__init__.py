"""The data set: exact histories and responses of many worlds, deterministic and restartable.

Reading and loading are here; writing is in `emulator.data.generate`, checking in
`emulator.data.validate`.
"""

from emulator.data.dataset import Dataset
from emulator.data.loader import FreshLoader, Loader, StreamLoader
from emulator.data.moments import Moments
from emulator.data.samples import Samples, draw_samples
from emulator.data.schema import DataConfig, Manifest

__all__ = [
    "DataConfig",
    "Dataset",
    "FreshLoader",
    "Loader",
    "Manifest",
    "Moments",
    "Samples",
    "StreamLoader",
    "draw_samples",
]
