"""Merging: LoRA matrices by PEFT, token rows by octo, tables and projects by name."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import load_tiny
from tiny_projects import base, fun, spec_of

from octocli.core.config import LORA_MODULES
from octocli.core.errors import BadInput
from octocli.core.tokens import TokenTable, assign_tokens, dump_tokens, joined_tables, load_tokens
from octocli.model.adapter import Adapter, adapter_of, load_trained, read_adapter, save_adapter
from octocli.model.merging import METHODS, Tokens, merge_adapters
from octocli.model.network import LoraShape, Trainee, load_network

APPS = ("food", "car")


@pytest.fixture(params=[True, False], ids=["tied", "own head"])
def bases(request) -> Path:
    return base(request.param)


def _tokens(app: str, count: int = 2) -> Tokens:
    return Tokens(tuple(f"<{app}_{i}>" for i in range(count)), f"<{app}_none>", f"<{app}_end>")


def _adapter(folder: Path, seed: int, rank: int = 4, upper: float = 1.0) -> Adapter:
    """A LoRA and four rows with random values in all of them."""
    shape = LoraShape(rank, 2 * rank, LORA_MODULES, upper)
    trainee = Trainee(load_network(folder), torch.zeros(4, 64), shape)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in trainee.trained():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return adapter_of(trainee, shape)


def _ids(folder: Path) -> dict[str, int]:
    size = load_tiny(folder).get_input_embeddings().num_embeddings
    texts = [t for app in APPS for t in _tokens(app).functions] + ["<super_none>", "<super_end>"]
    return {token: size + i for i, token in enumerate(texts)}


def _delta(adapter: Adapter, name: str) -> torch.Tensor:
    """What an adapter adds to one layer."""
    a, b = adapter.lora[f"{name}.lora_A.weight"], adapter.lora[f"{name}.lora_B.weight"]
    return b @ a * (adapter.alpha / adapter.rank)


def _layers(adapter: Adapter) -> list[str]:
    return sorted({name.partition(".lora_")[0] for name in adapter.lora})


def _merged(folder: Path, parts, method="cat", weights=(1.0, 1.0), **more) -> Adapter:
    return merge_adapters(folder, parts, [_tokens(app) for app in APPS], _ids(folder), method, weights, **more)


def test_cat_is_the_exact_sum_and_every_row_is_kept(bases):
    parts = [_adapter(bases, 1), _adapter(bases, 2, rank=6)]
    merged = _merged(bases, parts, weights=(1.0, 0.5))
    assert merged.rank == 10
    for name in _layers(parts[0]):
        wanted = _delta(parts[0], name) + 0.5 * _delta(parts[1], name)
        assert torch.allclose(_delta(merged, name), wanted, atol=1e-5)
    for rows, joined in ((parts_rows(parts, "rows"), merged.rows), (parts_rows(parts, "head_rows"), merged.head_rows)):
        if joined is None:
            assert rows == [None, None]
            continue
        first, second = rows
        assert torch.equal(joined[:4], torch.cat([first[:2], second[:2]]))
        assert torch.equal(joined[4:], (first[2:] + second[2:]) / 2)


def parts_rows(parts, name):
    return [getattr(part, name) for part in parts]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_the_rows_and_is_read_back(bases, method, tmp_path):
    parts = [_adapter(bases, 1), _adapter(bases, 2)]
    merged = _merged(bases, parts, method)
    assert torch.equal(merged.rows[:2], parts[0].rows[:2]) and torch.equal(merged.rows[2:4], parts[1].rows[:2])
    assert _layers(merged) == _layers(parts[0]) and merged.modules == parts[0].modules
    save_adapter(merged, tmp_path, "base")
    again = read_adapter(tmp_path)
    assert again.row_ids == merged.row_ids and all(torch.equal(again.lora[k], merged.lora[k]) for k in merged.lora)
    trained = load_trained(tmp_path, bases)
    assert torch.equal(torch.from_numpy(trained.rows()), merged.rows)


def test_dare_hangs_on_its_seed(bases):
    parts = [_adapter(bases, 1), _adapter(bases, 2)]
    first, same, other = (_merged(bases, parts, "dare_linear", seed=s) for s in (0, 0, 1))
    assert all(torch.equal(first.lora[k], same.lora[k]) for k in first.lora)
    assert not all(torch.equal(first.lora[k], other.lora[k]) for k in first.lora)


def test_layers_that_one_adapter_left_alone_are_not_merged_in_silence(bases):
    with pytest.raises(BadInput, match="layers"):
        _merged(bases, [_adapter(bases, 1), _adapter(bases, 2, upper=0.5)])


def test_ranks_that_differ_are_refused_by_methods_that_add_matrices(bases):
    with pytest.raises(BadInput, match=r"PEFT cannot merge .*linear"):
        _merged(bases, [_adapter(bases, 1), _adapter(bases, 2, rank=6)], "linear")


@pytest.mark.parametrize("content", [b"", b"no tensors", None])
def test_an_adapter_in_pieces_is_told_in_one_line(bases, content, tmp_path):
    adapter = _adapter(bases, 1)
    save_adapter(adapter, tmp_path, "base")
    file = tmp_path / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    with pytest.raises(BadInput, match="cannot be read") as error:
        read_adapter(tmp_path)
    assert "\n" not in str(error.value)


def test_numbers_that_are_none_are_told(bases, tmp_path):
    adapter = _adapter(bases, 1)
    save_adapter(replace(adapter, rows=adapter.rows * float("nan")), tmp_path, "base")
    with pytest.raises(BadInput, match="damaged"):
        read_adapter(tmp_path)


def _table(app, *names) -> TokenTable:
    return assign_tokens(spec_of(*(fun(name) for name in names), app=app))


def test_a_joined_table_keeps_every_token(tmp_path):
    food, car, home = _table("food", "order", "track"), _table("car", "drive"), _table("home", "lock")
    joined = joined_tables([food, car], "super")
    assert [joined.token(f) for f in ("order", "track", "drive")] == ["<food_0>", "<food_1>", "<car_0>"]
    assert (joined.none, joined.end) == ("<super_none>", "<super_end>")
    (tmp_path / "tokens.json").write_text(dump_tokens(joined))
    assert load_tokens(tmp_path / "tokens.json") == joined
    more = joined_tables([joined, home], "all")  # what was merged can be merged again
    assert more.token("track") == "<food_1>" and more.token("lock") == "<home_0>"
    grown = joined.extended(spec_of(*(fun(n) for n in ("order", "track", "drive", "park")), app="super"))
    assert len({grown.token(f) for f in grown.indices}) == 4


@pytest.mark.parametrize(
    ("tables", "app", "said"),
    [
        ([_table("food", "order"), _table("food", "track")], "super", "two apps are named 'food'"),
        ([_table("food", "order"), _table("car", "order")], "super", "'order' is a function of both 'food' and 'car'"),
        ([_table("food", "order"), _table("car", "drive")], "car", "two apps are named 'car'"),
    ],
)
def test_clashes_are_refused_by_name(tables, app, said):
    for order in itertools.permutations(tables):
        with pytest.raises(BadInput) as error:
            joined_tables(order, app)
        assert said in error.value.message or "both 'car' and 'food'" in error.value.message
