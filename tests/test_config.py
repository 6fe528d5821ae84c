"""Configurations: the specification's template loads, everything wrong is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.config import config_hash, load_config, parse_config
from emulator.errors import ConfigError
from emulator.models.universal import UniversalConfig
from emulator.training.config import RunConfig, TrainingConfig

pytestmark = pytest.mark.fast

TEMPLATE = """
model: {type: universal, world_embed_dim: 32, param_embed_dim: 64, hidden_dim: 256}   # or baseline
training: {seed: 42, epochs: 100, batch_size: 64, lr: 1e-4, checkpoint_every: 10}
data: {regime: A, dataset_path: datasets/v1.0/}
"""


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_loads_unchanged(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, TEMPLATE), RunConfig)
    assert config.training.lr == 1e-4
    assert isinstance(config.model, UniversalConfig)
    assert config.data.dataset_path == "datasets/v1.0/"


def test_a_section_with_every_key_commented_out_is_the_defaults(tmp_path: Path) -> None:
    text = "model: {type: universal}\ntraining:\n  # epochs: 3\n"
    assert load_config(_write(tmp_path, text), RunConfig).training == TrainingConfig()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEMPLATE.replace("epochs", "epocs"), "did you mean 'epochs'"),
        (TEMPLATE.replace("hidden_dim", "hiden_dim"), "did you mean 'hidden_dim'"),
        (TEMPLATE.replace("data:", "dta:"), "did you mean 'data'"),
        (TEMPLATE.replace("type: universal", "type: universe"), "'universal'"),
        (TEMPLATE.replace("1e-4", "fast"), "lr: expected a number"),
        (TEMPLATE.replace("1e-4", "-1e-4"), "greater than 0"),
        (TEMPLATE.replace("1e-4", ".nan"), "training.lr"),
        (TEMPLATE.replace("regime: A", "regime: Z"), "data.regime"),
        (TEMPLATE.replace("epochs: 100", "epochs: 100, epochs: 3"), "duplicate key 'epochs'"),
        (TEMPLATE.replace("seed: 42", "seed: true"), "seed: expected a number"),
        (TEMPLATE.replace("1e-4", "yes"), "lr: expected a number"),
        (TEMPLATE.replace("64, lr", "1:30, lr"), "batch_size: expected a number"),
        (TEMPLATE.replace("epochs: 100", "epochs: 010"), "epochs: expected a number"),
        (TEMPLATE.replace("regime: A", "regime: A, worlds: [nk, nk]"), "given twice"),
        (TEMPLATE.replace("type: universal", "type: univrsal"), "did you mean 'universal'"),
        (TEMPLATE.replace("type: universal, ", ""), "model: type is missing"),
        (TEMPLATE.replace("hidden_dim", "hiden_dim"), "unknown key 'model.hiden_dim'"),
        (TEMPLATE.replace("hidden_dim: 256", "hidden_dim: 0"), "model.hidden_dim: "),
        (TEMPLATE.replace("seed: 42", "seed: 42, patience: true"), "patience: expected a number"),
        (TEMPLATE.replace("seed: 42", "seed: 1, validate_every: '3'"), "expected a number"),
        ("model: {type: baseline_linear}\nlosses: {horizon: impact}\n", "does not use it"),
        ("model: {type: baseline_var}\ntraining: {patience: 3}\ndata: {regime: B1}\n",
         "training.patience"),
        ("model: {type: baseline_mlp}\ndata: {extra_inputs: [flags]}\n", "does not read flags"),
        ("- a\n- b\n", "mapping"),
        ("", "mapping"),
        ("model: {", "line"),
        ("model: {type: baseline_linear}\ndata: {regime: B2}\n", "use A, B1, C or D"),
        ("training: {seed: 1}\n", "model"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_line_that_names_the_place(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, text), RunConfig)
    message = str(caught.value)
    assert expected in message
    assert "run.yaml" in message
    assert "\n" not in message


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.yaml", RunConfig)
    binary = tmp_path / "run.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"run\.yaml"):
        load_config(binary, RunConfig)


def test_the_hash_depends_on_the_resolved_values_alone() -> None:
    data = yaml.safe_load(TEMPLATE)
    data["training"]["lr"] = 1e-4
    one = parse_config(data, RunConfig, "one")
    reordered = {key: data[key] for key in reversed(data)}
    explicit = {**reordered, "training": {**data["training"], "warmup": one.training.warmup}}
    assert config_hash(one) == config_hash(parse_config(explicit, RunConfig, "two"))
    data["training"]["seed"] = 43
    assert config_hash(one) != config_hash(parse_config(data, RunConfig, "three"))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_content_loads_or_raises_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    path.write_bytes(data)
    with pytest.raises(ConfigError):  # no text this short holds a whole run
        load_config(path, RunConfig)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=10,
    )
)
def test_any_value_in_any_section_is_accepted_or_refused_in_one_line(value: object) -> None:
    for section in ("model", "training", "data"):
        data = {"model": {"type": "universal"}, section: value}
        message = ""
        try:
            parse_config(data, RunConfig, "run.yaml")
        except ConfigError as error:
            message = str(error).strip()
        assert "\n" not in message


def test_an_optional_part_counts_where_it_is_asked_for() -> None:
    """A configuration without it is written, and has the hash, as if there were none."""
    config = parse_config(
        {
            "model": {"type": "baseline_mlp"},
            "training": {"seed": 42, "epochs": 100, "batch_size": 64, "lr": 1e-4},
        },
        RunConfig,
        "test",
    )
    plain = config.model_dump(mode="json")
    assert not {"only", "start_from", "steps"} & plain["training"].keys()
    assert "rows" not in plain["data"]
    assert plain["training"]["patience"] is None  # a choice, which counts
    assert parse_config(plain, RunConfig, "written") == config
    before = config_hash(config)
    few = config.data.model_copy(update={"rows": 10})
    assert config_hash(config.model_copy(update={"data": few})) != before
    short = config.training.model_copy(update={"steps": 10})
    assert config_hash(config.model_copy(update={"training": short})) != before
