"""A configuration that cannot be meant is refused in one line, whatever it holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emulator.cli.app import run
from emulator.config import load_config
from emulator.data import DataConfig
from emulator.errors import ConfigError
from tests.cli.refusals import FUZZED, refused

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: {type: universl}", "model"),
        ("model: {type: universal}\ntraning: {}", "did you mean 'training'"),
        ("model: {type: universal}\ntraining: {lr: fast}", "lr: expected a number, got 'fast'"),
        ("model: {type: universal}\ntraining: {lr: .nan}", "training.lr"),
        ("model: {type: universal}\ntraining: {lr: -1}", "training.lr"),
        ("model: {type: universal}\ntraining: {epochs: 0}", "training.epochs"),
        ("model: {type: universal}\ntraining: {epoch: 5}", "did you mean 'epochs'"),
        ("model: {type: universal}\ndata: {regime: E}", "data.regime"),
        ("model: {type: universal}\ndata: {dataset_path: nowhere}", "nowhere"),
        ("model: {type: universal}\nmodel: {type: universal}", "duplicate key"),
        ("model: [", "not valid YAML"),
        ("- model", "expected a mapping"),
        ("", "expected a mapping"),
        ("model: &a {type: *a}", "contains itself"),
        ("model: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("training: {}", "model"),
    ],
)
def test_run_files_that_ask_for_the_impossible_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    refused(capsys, ["train", str(file), "--output", str(tmp_path / "run")], expected)
    assert not (tmp_path / "run").exists()


# --------------------------------------------------------------------- fuzzing

JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from(["universal", "A", "all", "nk", 1e-3, 64]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip
KEYS = st.sampled_from(
    ["model", "training", "data", "losses", "type", "lr", "epochs", "regime", "worlds", "samples",
     "hidden_dim", "seed", "rules", "shares", "nk", "slice"]
)  # fmt: skip
YAML = st.one_of(
    st.text(max_size=60).map(lambda s: s.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.dictionaries(KEYS, st.one_of(JUNK, st.dictionaries(KEYS, JUNK))).map(
        lambda d: yaml.safe_dump(d).encode("utf-8", "surrogatepass")
    ),
)


@given(content=YAML)
@FUZZED
def test_any_run_file_is_refused_or_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content)
    # A valid one still needs a data set, and there is none.
    ask = ["train", str(file), "--data", str(tmp_path / "none"), "--output", str(tmp_path / "run")]
    assert run(ask) == 2
    err = capsys.readouterr().err
    assert err.startswith("emulator: ")
    assert err.count("\n") == 1


@given(content=YAML)
@FUZZED
def test_any_data_file_is_refused_or_valid(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data.yaml"
    file.write_bytes(content)
    with suppress(ConfigError):
        load_config(file, DataConfig)
