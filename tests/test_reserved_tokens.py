"""Function tokens in place of those that a base left unused: the vocabulary keeps its size, all else is as ever."""

from pathlib import Path

import pytest
import tiny_models
import torch
from tiny_projects import LAMPS, lamp_rows, new_project, write_rows

from octocli.core.errors import BadInput
from octocli.core.project import Project
from octocli.model.adapter import load_trained
from octocli.model.gguf_header import open_gguf
from octocli.model.network import LoraShape, Trainee, load_network
from octocli.model.vocabulary import load_vocabulary
from octocli.runtime.caller import open_caller
from octocli.stages.export import export
from octocli.stages.train import train

TOKENS = [f"<lamps_{name}>" for name in (0, 1, 2, "none", "end")]


def reserving(root: Path, base: Path, method: str = "lora") -> Project:
    settings = (
        f'base = "{base}"\nreserved = true\n[train]\nmethod = "{method}"\nepochs = 24\nbatch = 4\nwarmup = 2\n'
        f"lr = {0.01 if method == 'lora' else 0.003}\nupper = 1.0\n"
        "[export]\nparity_queries = 24\ntolerance = 0.0\n"
    )
    project = new_project(root, LAMPS, settings)
    rows = lamp_rows(24)
    write_rows(project.accepted_file, rows + [{**r, "split": "test"} for r in rows])
    return project


@pytest.mark.parametrize(
    ("arch", "tied", "method"),
    [("llama", True, "lora"), ("llama", False, "lora"), ("gemma3", True, "lora"), ("llama", False, "full")],
)
def test_from_unused_tokens_to_a_shipped_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, tied: bool, method: str
) -> None:
    monkeypatch.setenv("OCTO_CACHE", str(tmp_path / "cache"))
    folder = tiny_models.build_tiny(tmp_path / "base", arch, tied, unused=7)
    project = reserving(tmp_path / "home", folder, method)
    assert train(project).loss < 1
    file = export(project, quants=("f16",)).parities[0].file

    before, after = tiny_models.load_tiny(folder), load_trained(project.run(), folder)
    assert after.is_in_place and after.row_ids == (3, 4, 5, 6, 7)
    old, new = before.get_input_embeddings().weight, after.model.get_input_embeddings().weight
    changed = (old != new).any(dim=1).nonzero().flatten().tolist()
    assert old.shape == new.shape and changed == [3, 4, 5, 6, 7]
    texts = open_gguf(file).texts("tokenizer.ggml.tokens")
    assert len(texts) == len(old) and [texts[i].decode() for i in (3, 4, 5, 6, 7, 8)] == [*TOKENS, "<unused5>"]
    with open_caller(file) as shipped, open_caller(project.run()) as trained:
        assert shipped.engine.special == trained.engine.special == dict(zip(TOKENS, (3, 4, 5, 6, 7), strict=True))
        for engine in (shipped.engine, trained.engine):
            assert not set(engine.encode("say <lamps_0> and <unused5>")) & set(range(3, 8)), "typed text became a token"
        assert shipped.ask("play song number 3").calls == trained.ask("play song number 3").calls != ()


def test_rows_without_a_token_are_unused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Qwen's bases, whose embedding has some hundred rows more than the tokenizer has tokens."""
    monkeypatch.setenv("OCTO_CACHE", str(tmp_path / "cache"))
    folder = tiny_models.build_tiny(tmp_path / "base", "qwen2", extra_rows=6)
    project = reserving(tmp_path / "home", folder)
    train(project)
    size = tiny_models.load_tiny(folder).get_input_embeddings().num_embeddings
    file = export(project, quants=("f16",)).parities[0].file
    assert [t.decode() for t in open_gguf(file).texts("tokenizer.ggml.tokens")[size - 6 : size - 1]] == TOKENS


def test_too_few_unused_tokens_are_told(tmp_path: Path) -> None:
    project = reserving(tmp_path / "home", tiny_models.build_tiny(tmp_path / "base", "llama", unused=4))
    with pytest.raises(BadInput, match="4 unused tokens, and the app needs 5"):
        train(project)


@pytest.mark.parametrize(
    "text", ["<unused7>", "<|reserved_special_token_12|>", "<|placeholder3|>", "[control_8]", "<|dummy_4|>"]
)
def test_what_a_base_calls_unused(tmp_path: Path, text: str) -> None:
    from transformers import AddedToken, AutoTokenizer

    tiny_models.build_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.add_tokens([AddedToken(text), AddedToken("<extras>"), AddedToken("<tool_1>")])
    place = int(tokenizer.convert_tokens_to_ids(text))
    tokenizer.save_pretrained(tmp_path)
    assert load_vocabulary(tmp_path, ["<a_0>"], len(tokenizer), reserved=True).ids == {"<a_0>": place}


def test_rows_in_place_are_learnt_as_appended_ones_are(tmp_path: Path) -> None:
    """The base's rows at these ids stay among the competitors until the new ones replace them."""
    folder = tiny_models.build_tiny(tmp_path / "base", "llama", unused=7)
    rows = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    trainee = Trainee(load_network(folder), rows, LoraShape(4, 8, ("q_proj",)), row_ids=[4, 6])
    appended = Trainee(load_network(folder), rows, LoraShape(4, 8, ("q_proj",)))
    size = trainee.base_size
    inside, after = torch.tensor([[9, 4, 20, 6]]), torch.tensor([[9, size, 20, size + 1]])
    positions, shares = torch.arange(3), torch.ones(3) / 3
    losses = [
        float(one.loss(ids, positions, ids[0, 1:], shares).detach())
        for one, ids in ((trainee, inside), (appended, after))
    ]
    assert losses[0] == losses[1]
