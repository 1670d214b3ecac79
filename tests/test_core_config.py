"""Settings: one home for a default, unknown keys refused by name, flag > file > preset > default for every field."""

from pathlib import Path
from typing import Any

import pytest

from octocli.core.config import (
    LORA_MODULES,
    PRESETS,
    Config,
    ExportSettings,
    SynthSettings,
    TrainSettings,
    load_config,
    override,
)
from octocli.core.errors import BadInput, NotMade
from octocli.core.project import open_project
from octocli.core.prompts import make_prompt


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "octo.toml"
    path.write_text(text)
    return load_config(path)


def toml(value: Any) -> str:
    return repr(list(value)) if isinstance(value, (list, tuple)) else repr(value)


# Two values for each field that differ from the default, the preset and each other; 0 wherever 0 is a value.
TRAIN: dict[str, tuple[Any, Any]] = {
    "method": ("full", "lora"),
    "epochs": (7, 9),
    "batch": (3, 5),
    "lr": (0.25, 0.5),
    "schedule": ("cosine", "linear"),
    "warmup": (0, 7),
    "weight_decay": (0.1, 0.0),
    "rank": (2, 3),
    "alpha": (5, 6),
    "modules": (["q_proj"], ["v_proj"]),
    "upper": (0.25, 0.5),
    "swap": (0.25, 0.75),
    "token_weight": (2.0, 4.0),
    "precision": ("bfloat16", "float32"),
    "describe": (0.0, 0.3),
    "checkpoint_seconds": (1.0, 2.0),
}


def test_every_field_is_tried() -> None:
    assert set(TRAIN) == set(TrainSettings.model_fields)


@pytest.mark.parametrize("field", TRAIN)
@pytest.mark.parametrize("preset", ["", 'preset = "paper"\n'])
def test_a_flag_wins_over_the_file_and_the_file_over_preset_and_default(
    tmp_path: Path, field: str, preset: str
) -> None:
    below = load(tmp_path, preset).train
    for in_file, flag in (TRAIN[field], TRAIN[field][::-1]):
        from_file = load(tmp_path, f"{preset}[train]\n{field} = {toml(in_file)}\n").train
        assert toml(getattr(from_file, field)) == toml(in_file)
        flagged = override(from_file, {field: flag, **{other: None for other in TRAIN if other != field}})
        assert toml(getattr(flagged, field)) == toml(flag)
        rest = {other for other in TRAIN if getattr(flagged, other) != getattr(below, other)}
        assert rest <= {field}, "another field changed"


@pytest.mark.parametrize("field", TRAIN)
def test_the_preset_wins_over_the_default(tmp_path: Path, field: str) -> None:
    expected = PRESETS["paper"]["train"].get(field, getattr(TrainSettings(), field))
    assert toml(getattr(load(tmp_path, 'preset = "paper"\n').train, field)) == toml(expected)


def test_the_papers_hyper_parameters(tmp_path: Path) -> None:
    paper = load(tmp_path, 'preset = "paper"\n')
    train = paper.train
    assert (train.rank, train.alpha, train.peak_lr, train.epochs) == (16, 32, 5e-5, 3)
    assert (train.schedule, train.warmup, train.describe) == ("linear", 10, 1.0)
    assert set(LORA_MODULES) - set(train.modules) == {"gate_proj"}
    assert make_prompt(paper.prompt).template.startswith("Below is the query from the users")


def test_none_is_not_given_but_zero_is(tmp_path: Path) -> None:
    settings = override(SynthSettings(), {"negatives": 0, "per_function": None})
    assert settings.negatives == 0 and settings.per_function == SynthSettings().per_function
    assert load(tmp_path, "[export]\ntolerance = 0\n").export.tolerance == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bse = 'x'\n", r"octo\.toml: bse: unknown key"),
        ("[train]\nepoch = 3\n", r"octo\.toml: train\.epoch: unknown key"),
        ("[train]\nepochs = 0\n", r"octo\.toml: train\.epochs: .*greater than or equal to 1"),
        ("[train]\nepochs = 'x'\n", r"octo\.toml: train\.epochs"),
        ("[train]\nmethod = 'qlora'\n", r"octo\.toml: train\.method: .*lora"),
        ("[train]\nlr = -1\n", r"octo\.toml: train\.lr"),
        ("[train]\nlr = nan\n", r"octo\.toml: train\.lr"),
        ("[train]\nmodules = []\n", r"octo\.toml: train\.modules"),
        ("train = 3\n", r"octo\.toml: train"),
        ("[export]\ntolerance = 2\n", r"octo\.toml: export\.tolerance"),
        ("preset = 'papr'\n", r"octo\.toml: preset: 'papr' is unknown"),
        ("preset = 3\n", r"octo\.toml: preset: 3 is unknown"),
        ("preset = ['paper']\n", r"octo\.toml: preset: \['paper'\] is unknown"),
        ("preset = ''\n", r"octo\.toml: preset: '' is unknown"),
        ("base = \n", r"octo\.toml: not TOML: .*line 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load(tmp_path, text)


def test_two_wrong_keys_give_two_lines(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, "a = 1\n[train]\nb = 2\n")
    assert len(caught.value.message.splitlines()) == 2


def test_a_bad_flag_is_named_as_an_option() -> None:
    with pytest.raises(BadInput, match=r"options: epochs: "):
        override(TrainSettings(), {"epochs": 0})


def test_a_file_that_is_not_utf8_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "octo.toml").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="not TOML"):
        load_config(tmp_path / "octo.toml")
    with pytest.raises(NotMade, match="no octo project"):
        open_project(tmp_path / "none")


def test_settings_cannot_be_changed_behind_a_stages_back() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().train.epochs = 4
    assert ExportSettings().tolerance == 0.01, "the design's default"


@pytest.mark.parametrize("text", ["none here", "{query} and {query}"])
def test_a_prompt_holds_its_slot_once(text: str) -> None:
    with pytest.raises(BadInput, match="prompt"):
        make_prompt(text)


@pytest.mark.parametrize("query", ["turn it on", " two  spaces ", "line\nbreak\ttab", "{query}"])
def test_a_prompt_is_its_three_parts(query: str) -> None:
    prompt = make_prompt("Q: {query} A:")
    assert prompt.render(query) == f"Q: {' '.join(query.split())} A:"
    assert prompt.before + prompt.user(query) + prompt.after == prompt.render(query)
    assert not prompt.before.endswith(" ")


def test_the_rate_follows_the_root_of_the_batch_unless_it_is_given() -> None:
    assert TrainSettings(batch=4).peak_lr == pytest.approx(2e-3)
    assert TrainSettings(batch=16).peak_lr == pytest.approx(4e-3)
    assert TrainSettings(batch=4, method="full").peak_lr == pytest.approx(2e-4)
    assert TrainSettings(batch=16, lr=1e-4).peak_lr == 1e-4
