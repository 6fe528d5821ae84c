"""What a data set on disk is: its configuration, its arrays, its manifest.

    manifest.json            what this module calls `Manifest`; written last
    config.json              the configuration; written first, `emulator generate` takes it again
    params.parquet           one row a sample: world, index, split, status, theta, summaries
    moments.json             normalisation moments of the training split
    {world}/{array}/c/...    Zarr v3 arrays; one file is one shard of `shard_rows` samples
    shards/{world}/{k}.json  the record that shard k is complete; {k}.parquet, its part of params
    .lock                    while `emulator generate` is at work: its process id

Axis letters: N samples, P parameters, T quarters, S shocks, H last horizon, n states.

The file is long because configuration, layout and manifest describe one format and change together.
"""

from __future__ import annotations

import copy
import json
import math
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from emulator.config import StrictModel
from emulator.errors import DatasetError, unknown_name
from emulator.limits import MAX_HORIZON, MIN_HISTORY, MOST_SEED, QUARTERS, RUN_IN
from emulator.specs import WorldSpec
from emulator.storage import CHECKSUM, GONE, is_sealed, json_sha256, read_json, sealed
from emulator.worlds import has_world, list_worlds

SCHEMA_VERSION = "2.0"

# Counts up when the same configuration and specs of worlds make other numbers: an equation, the
# simulation, splits or seeds. Shards and floors of other draws are then not mixed with new ones.
DRAWS_VERSION = "0.1.0"

SPLITS = ("train", "val", "test", "slice", "corner")
HOLD_OUTS = ("slice", "corner")
# A draw of the whole prior, hold-outs in their natural share: the parts of these splits whose
# number is in the share of `test` (see `splits`).
PRIOR, OF_PRIOR = "prior", ("test", *HOLD_OUTS)

MANIFEST = "manifest.json"
CONFIG = "config.json"
PARAMS = "params.parquet"
MOMENTS = "moments.json"
RECORDS = "shards"

# Bounds that catch a slip of the keyboard before it fills a disk or the memory. Ten times the
# longest histories in use; a terabyte a world at 10 kB a sample; 100,000 files an array.
MOST_QUARTERS, MOST_SAMPLES, MOST_SHARDS = 10_000, 100_000_000, 100_000
# A shard is in memory while it is written, 24 to 40 bytes a sample and quarter: 2 GB at most.
MOST_SHARD_QUARTERS = 50_000_000

# World names become folder names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _folder_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name == RECORDS:
        raise ValueError(f"{name!r} cannot name a world's folder (letters, digits, _ and -)")
    return name


WorldName = Annotated[str, AfterValidator(_folder_name)]


class SliceRule(StrictModel):
    """A half-line: a parameter, or a statistic of the solution, above or below a number."""

    parameter: str | None = None
    statistic: Literal["largest_root"] | None = None
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.parameter is None) == (self.statistic is None):
            raise ValueError("a slice rule names either a `parameter` or a `statistic`")
        if (self.above is None) == (self.below is None):
            raise ValueError("a slice rule has either `above` or `below`")
        return self


class CornerRule(StrictModel):
    """Persistence and volatility of theta (see `worlds.population`) both above thresholds."""

    persistence: float
    volatility: float


class WorldRules(StrictModel):
    """The hold-outs of one world, none where nothing is said. A sample is in `slice` when any of
    the slice rules holds."""

    slice: tuple[SliceRule, ...] = ()
    corner: CornerRule | None = None

    @property
    def hold_outs(self) -> tuple[str, ...]:
        """The names of those there are."""
        return tuple(split for split in HOLD_OUTS if getattr(self, split))

    @property
    def records(self) -> list[dict[str, str | float]]:
        """What is held out, a record a region, for those who load weights trained without it."""
        parts = [*self.slice, *([self.corner] if self.corner else [])]
        return [part.model_dump(exclude_none=True) for part in parts]


class Shares(StrictModel):
    """How what the hold-outs leave is divided."""

    train: float = Field(default=0.8, gt=0, lt=1)
    val: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not math.isclose(self.train + self.val + self.test, 1.0, abs_tol=1e-12):
            raise ValueError("train, val and test must add up to 1")
        return self


class Design(StrictModel):
    """What one sample holds.

    quarters: T, the length of a trajectory. run_in: its first quarters, left out of every
    statistic. horizon: H. measurement_noise: s.d. of the noise added to each series, as a fraction
    of that series' own s.d. after the run-in.
    """

    quarters: int = Field(default=QUARTERS, le=MOST_QUARTERS)
    run_in: int = Field(default=RUN_IN, ge=0, le=MOST_QUARTERS)
    horizon: int = Field(default=40, ge=0, le=MAX_HORIZON)
    measurement_noise: float = Field(default=0.0, ge=0, le=100)

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.quarters - self.run_in < MIN_HISTORY:
            raise ValueError(
                f"quarters must exceed run_in by at least {MIN_HISTORY}, the shortest history "
                f"a model is shown (quarters {self.quarters}, run_in {self.run_in})"
            )
        return self


class DataConfig(Design):
    """What `emulator generate` is asked for.

    samples: per world. shard_rows, chunk_rows: samples in one file and in the pieces that can be
    read alone; they change the layout, never the contents. rules: the hold-outs by world; those of
    worlds it does not name, as of all without it, are empty.
    """

    worlds: tuple[WorldName, ...] = Field(min_length=1)
    samples: int = Field(gt=0, le=MOST_SAMPLES)
    seed: int = Field(default=42, ge=0, le=MOST_SEED)
    shard_rows: int = Field(default=1000, gt=0, le=MOST_SAMPLES)
    chunk_rows: int = Field(default=250, gt=0, le=MOST_SAMPLES)
    shares: Shares = Field(default_factory=Shares)
    rules: dict[str, WorldRules] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.worlds)) != len(self.worlds):
            raise ValueError("worlds: a world is named twice")
        if self.shard_rows % self.chunk_rows:
            raise ValueError("shard_rows must be a multiple of chunk_rows")
        if self.shard_rows * self.quarters > MOST_SHARD_QUARTERS:
            raise ValueError(
                f"shard_rows: {self.shard_rows} samples of {self.quarters} quarters are more than "
                f"a writer should hold in memory; at most {MOST_SHARD_QUARTERS // self.quarters}"
            )
        if self.shards > MOST_SHARDS:
            raise ValueError(
                f"shard_rows: {self.samples} samples in shards of {self.shard_rows} are "
                f"{self.shards} files an array, at most {MOST_SHARDS}; raise shard_rows"
            )
        for world in self.worlds:
            if world not in self.rules and not has_world(world):
                raise ValueError(str(unknown_name("world", world, list_worlds())))
        return self

    def rules_of(self, world: str) -> WorldRules:
        """The hold-outs of one world."""
        return self.rules.get(world, WorldRules())

    @property
    def draws(self) -> str:
        """16 hex digits of all but size and rules: by the same worlds, a data set with fewer
        samples holds the first ones of a larger one, with the same numbers of `prior`."""
        other = {"samples", "shard_rows", "chunk_rows", "rules"}
        return json_sha256(self.model_dump(mode="json", exclude=other))[:16]

    def draws_of(self, world: str) -> str:
        """The same of one world, whatever other worlds there are."""
        return self.model_copy(update={"worlds": (world,)}).draws

    @property
    def shards(self) -> int:
        """Number of shards of each world."""
        return -(-self.samples // self.shard_rows)

    def shard_range(self, shard: int) -> range:
        """The sample indices of one shard."""
        first = shard * self.shard_rows
        return range(first, min(first + self.shard_rows, self.samples))

    def tasks(self) -> list[tuple[str, int]]:
        """Every (world, shard), in the order of the data set."""
        return [(world, shard) for world in self.worlds for shard in range(self.shards)]


@dataclass(frozen=True)
class Layout:
    """One array: `shape` and `dims` leave out the leading sample axis (N, "sample")."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    attrs: dict[str, Any]


def layout(spec: WorldSpec, config: DataConfig) -> tuple[Layout, ...]:
    """The arrays stored for a world, in a fixed order."""
    shocks, observables = len(spec.shocks), len(spec.observables)
    labels = {
        "observables": [o.name for o in spec.observables],
        "units": [o.unit for o in spec.observables],
    }
    named = {"shocks": list(spec.shock_names)}
    per_unit = "response to a shock of shock_size, divided by shock_size"
    response = (shocks, config.horizon + 1, observables)
    response_dims = ("shock", "horizon", "observable")
    arrays = [
        Layout(
            "theta", "float64", (len(spec.parameters),), ("parameter",),
            {"parameters": list(spec.parameter_names), "units": [p.unit for p in spec.parameters]},
        ),
        Layout(
            "eps", "float32", (config.quarters, shocks), ("quarter", "shock"),
            {**named, "units": "standard deviations"},
        ),
        Layout(
            "trajectories", "float32", (config.quarters, observables), ("quarter", "observable"),
            {**labels, "run_in": config.run_in},
        ),
        Layout(
            "irfs", "float32", response, response_dims,
            {**named, **labels, "meaning": f"{per_unit}, from the steady state"},
        ),
        Layout(
            "shock_size", "float64", (shocks,), ("shock",),
            {**named, "units": "standard deviations"},
        ),
        Layout(
            "state", "float64", (len(spec.state_names),), ("state_variable",),
            {"states": list(spec.state_names), "meaning": "at the end of the last quarter"},
        ),
    ]  # fmt: skip
    if not spec.linear:
        meaning = f"{per_unit}, from `state`"
        arrays.append(
            Layout("irfs_state", "float32", response, response_dims,
                   {**named, **labels, "meaning": meaning})
        )  # fmt: skip
    if spec.flag is not None:
        arrays.append(
            Layout("flags", "int8", (config.quarters,), ("quarter",), {"meaning": spec.flag})
        )
    return tuple(arrays)


FIELDS = (
    "theta", "eps", "trajectories", "irfs", "irfs_state", "shock_size", "state", "flags",
)  # fmt: skip


def shard_file(world: str, array: Layout, shard: int) -> str:
    """The file of one shard of one array, relative to the data set."""
    return f"{world}/{array.name}/c/{shard}" + "/0" * len(array.shape)


def record_file(world: str, shard: int) -> str:
    """The file that marks a shard as complete."""
    return f"{RECORDS}/{world}/{shard:05d}.json"


def part_file(world: str, shard: int) -> str:
    """The shard's rows of params.parquet."""
    return f"{RECORDS}/{world}/{shard:05d}.parquet"


# --------------------------------------------------------------------- manifest


class _Record(BaseModel):
    """Part of a file on disk: keys added by a later minor version are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _known_keys(data: Any) -> Any:
    """A configuration without the keys that a later minor version added."""
    if not isinstance(data, dict):
        return data
    try:
        DataConfig.model_validate(data)
    except ValidationError as error:
        data = copy.deepcopy(data)
        for problem in error.errors():
            if problem["type"] == "extra_forbidden":
                place: Any = data
                for part in problem["loc"][:-1]:
                    place = place[part]
                del place[problem["loc"][-1]]
    return data


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or not path.parts:
        raise ValueError(f"{name!r:.80} is no file of a data set")
    return name


class FileRecord(_Record):
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class WorldRecord(_Record):
    """One world: its spec, samples by split, rejected draws by reason, and `contents`.

    contents: SHA-256 over the CRC-32C of every sample in order, whatever the shards.
    """

    spec: dict[str, Any]
    samples: int
    splits: dict[str, int]
    rejections: dict[str, int]
    contents: str


class Code(_Record):
    """What wrote the data set: version of its draws, and commit as `emulator.provenance` has it."""

    version: str
    commit: str


class Manifest(_Record):
    """manifest.json. `contents` identifies what the arrays hold, whatever shards and code."""

    schema_version: str
    seed: int
    config: Annotated[DataConfig, BeforeValidator(_known_keys)]
    config_hash: str
    contents: str
    code: Code
    worlds: dict[str, WorldRecord]
    files: dict[Annotated[str, AfterValidator(_inside)], FileRecord]

    @model_validator(mode="after")
    def _of_one_data_set(self) -> Self:
        if self.worlds.keys() != set(self.config.worlds):
            raise ValueError("worlds are not those of the configuration")
        if missing := {CONFIG, PARAMS, MOMENTS} - self.files.keys():
            raise ValueError(f"files lack {min(missing)}")
        for name, record in self.worlds.items():
            try:
                spec = WorldSpec.from_dict(record.spec)
            except (AttributeError, KeyError, TypeError) as error:
                raise ValueError(f"spec of {name} cannot be read ({error!r:.80})") from None
            counts = record.splits.values()
            counted = record.splits.keys() == set(SPLITS) and min(counts) >= 0
            if not counted or sum(counts) != record.samples or spec.name != name:
                raise ValueError(f"{name}: of other samples, or of another world")
            if record.samples != self.config.samples:
                raise ValueError(f"{name}: {record.samples} samples of {self.config.samples}")
        return self


def manifest_text(manifest: Manifest) -> str:
    """The manifest as JSON, with a checksum of itself."""
    data = sealed(manifest.model_dump(mode="json"))
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """The manifest of the data set at `path`. Raises DatasetError with what to do, OSError where
    the system refuses to read it."""
    root = Path(path)
    file = root / MANIFEST
    if not root.is_dir():
        raise DatasetError(f"{root}: no such data set; `emulator generate` makes one")
    try:
        data = read_json(file)
    except GONE:
        unfinished = (root / CONFIG).is_file()
        remedy = (
            f"generation was not finished; {rerun(root)}"
            if unfinished
            else "this is not a data set; `emulator generate` makes one"
        )
        raise DatasetError(f"{file}: missing; {remedy}") from None
    except ValueError as error:
        raise DamagedDataError(f"{file}: damaged ({error}); {rerun(root)}") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+", version):
        raise DamagedDataError(f"{file}: names no schema version; {rerun(root)}")
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise SchemaVersionError(
            f"{file}: schema version {version}, this program reads {SCHEMA_VERSION}; generate "
            "the data set again with `emulator generate`, or use the version that wrote it"
        )
    if not is_sealed(data):
        raise DamagedDataError(f"{file}: altered since it was written; {rerun(root)}")
    del data[CHECKSUM]
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise DamagedDataError(f"{file}: {place}: {problem['msg']}; {rerun(root)}") from None


class SchemaVersionError(DatasetError):
    """A data set whose schema has another major version."""


class DamagedDataError(DatasetError):
    """A file of a data set is not what was written."""


def rerun(root: Path, name: str = "") -> str:
    """What to do about a missing or damaged file, `name` in the data set."""
    output = shlex.quote(str(root))
    if name == CONFIG:
        return (
            f"run `emulator generate CONFIG --output {output}` with the configuration it was made "
            f"from (`config` in {MANIFEST})"
        )
    config = shlex.quote(str(root / CONFIG))
    return f"run `emulator generate {config} --output {output}` to write it again"


# --------------------------------------------------------------------- what drew the samples

# Keys of a spec that change no number: prose, and what is known of the world besides.
_PROSE = {"title", "source", "description", "label", "prior_note", "restrictions"}
_BESIDES = {"floors", "recursive", "moves", "size_moves"}


def fingerprint(spec: WorldSpec) -> str:
    """16 hex digits of what in a world's spec bears on numbers: names, bounds, priors, units.

    Equal for worlds that differ in titles, descriptions and notes alone. A world may also change
    its equations without changing its spec: `DRAWS_VERSION` is recorded beside it.
    """

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in _PROSE | _BESIDES}
        return [bare(v) for v in value] if isinstance(value, (list, tuple)) else value

    data = bare(spec.to_dict())
    data["flag"] = spec.flag is not None
    return json_sha256(data)[:16]


def program(spec: WorldSpec) -> dict[str, str]:
    """What a shard of this world depends on beside its configuration.

    Shards whose programs differ are never joined in one data set. The commit is left out: it
    changes with every edit of any file, and development could never resume.
    """
    return {"schema_version": SCHEMA_VERSION, "version": DRAWS_VERSION, "world": fingerprint(spec)}
