"""Export: what llama.cpp computes is what transformers computes, and a header says what it is meant to say."""

import gc
import json
import time
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
import pytest
import tiny_models
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from octocli.core.errors import BadInput, OctoError
from octocli.core.prompts import PRESETS, make_prompt
from octocli.model import gguf_header, gguf_names
from octocli.model.gguf_file import chat_template, write_gguf
from octocli.model.gguf_header import open_gguf, read_metadata
from octocli.model.gguf_names import COVERED, Architecture, permute, unpermute
from octocli.model.quantise import QUANTS, quantise, silence
from octocli.model.vocabulary import load_vocabulary

TOKENS = ["<tiny_0>", "<tiny_none>", "<tiny_end>"]
MANIFEST = json.dumps({"app": "tiny", "note": "Grüße 你好 " * 400}, ensure_ascii=False)
TEXTS = ["Query: send  Ana\n\n 'tis 12:30", "Grüße, 你好 🎉", 'it\'s <tiny_0>("a", b=3.5);<tiny_end>', "   spaces   "]


@pytest.fixture(scope="module", autouse=True)
def _light() -> None:
    torch.set_num_threads(1)
    silence()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folder and base GGUF of a tiny model, each made once."""
    root, made = tmp_path_factory.mktemp("tiny"), {}

    def get(arch: str, tied: bool = True, extra_rows: int = 0, **how: bool) -> tuple[Path, Path]:
        key = (arch, tied, extra_rows, *sorted(how.items()))
        if key not in made:
            folder = tiny_models.build_tiny(root / f"model{len(made)}", arch, tied, extra_rows=extra_rows)
            made[key] = folder, tiny_models.write_base_gguf(folder, root / f"base{len(made)}.gguf", **how)
        return made[key]

    return get


def some_rows(seed: int = 0) -> np.ndarray:
    return 0.3 * np.random.default_rng(seed).normal(size=(len(TOKENS), 64)).astype(np.float32)


def export(base: Path, out: Path, weights: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    arguments: dict[str, Any] = {
        "weights": weights or {}, "new_tokens": TOKENS, "rows": some_rows(), "head_rows": None, "end_token": TOKENS[-1],
        "chat_template": chat_template(make_prompt("short")), "metadata": {"octo.manifest": MANIFEST},
        "outtype": "f32", "name": "tiny",
    }  # fmt: skip
    write_gguf(base, out, **(arguments | changes))
    return out


def extended(folder: Path, rows: np.ndarray, head_rows: np.ndarray | None) -> Any:
    """The changed model in transformers, with the new rows, and its weights before those."""
    model = tiny_models.load_tiny(folder)
    tiny_models.shake(model, seed=7)
    weights = {name: value.copy() for name, value in tiny_models.state(model).items()}
    size = model.get_input_embeddings().num_embeddings
    model.resize_token_embeddings(size + len(rows), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[size:] = torch.from_numpy(rows)
        if head_rows is not None:
            model.get_output_embeddings().weight[size:] = torch.from_numpy(head_rows)
    return model, weights, size


def open_llama(path: Path) -> llama_cpp.Llama:
    return llama_cpp.Llama(str(path), n_ctx=128, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1)


def llama_logits(path: Path, ids: list[int]) -> np.ndarray:
    model = open_llama(path)
    model.eval(ids)
    return np.array(model.scores[: len(ids)])


def torch_logits(model: Any, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].numpy()


CASES = [(arch, True) for arch in tiny_models.ARCHITECTURES] + [("llama", False), ("qwen2", False)]


@pytest.mark.parametrize(("arch", "tied"), CASES)
def test_llama_cpp_computes_what_transformers_computes(tiny: Any, tmp_path: Path, arch: str, tied: bool) -> None:
    folder, base = tiny(arch, tied)
    rows, head_rows = some_rows(), None if tied else some_rows(1)
    model, weights, size = extended(folder, rows, head_rows)
    out = export(base, tmp_path / "out.gguf", weights, rows=rows, head_rows=head_rows)
    ids = [10, 60, 70, size, 90, size + 2, 30, 200]
    theirs, ours = llama_logits(out, ids), torch_logits(model, ids)
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() < 0.1
    assert (theirs.argmax(1) == ours.argmax(1)).all()


def test_every_covered_architecture_was_run() -> None:
    assert set(tiny_models.ARCHITECTURES) == COVERED


@pytest.mark.parametrize(
    ("arch", "rule"), [("llama", "PERMUTED"), ("smollm3", "PERMUTED"), ("gemma3", "NORM_PLUS_ONE")]
)
def test_without_its_rewriting_a_model_is_wrong(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, rule: str
) -> None:
    folder, base = tiny(arch)
    model, weights, size = extended(folder, some_rows(), None)
    monkeypatch.setattr(gguf_names, rule, frozenset())
    out = export(base, tmp_path / "out.gguf", weights)
    ids = [10, 60, 70, size, 90, size + 2, 30, 200]
    assert np.abs(llama_logits(out, ids) - torch_logits(model, ids)).max() > 0.3


def test_a_llama_with_biases_is_permuted_in_both() -> None:
    for shape in [(64, 48), (64,)]:
        weight = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        assert not np.array_equal(permute(weight, 4), weight)
        assert np.array_equal(unpermute(permute(weight, 4), 4), weight)
    llama = Architecture("llama", layers=2, heads=4, kv_heads=2, tied=True)
    bias = np.arange(32, dtype=np.float32)
    assert np.array_equal(llama.rewrite("model.layers.0.self_attn.k_proj.bias", bias), permute(bias, 2))
    assert np.array_equal(llama.rewrite("model.layers.0.self_attn.v_proj.bias", bias), bias)


def test_gemma_adds_one_to_norms_only() -> None:
    gemma = Architecture("gemma3", layers=2, heads=4, kv_heads=2, tied=True)
    ones = np.ones(8, dtype=np.float32)
    for name in ("model.norm.weight", "model.layers.0.self_attn.q_norm.weight"):
        assert (gemma.rewrite(name, ones) == 2).all()
    assert (gemma.rewrite("model.layers.0.mlp.up_proj.weight", ones) == 1).all()


def test_what_is_not_covered_is_refused() -> None:
    with pytest.raises(BadInput, match="gemma3n"):
        Architecture("gemma3n", 2, 4, 2, True)
    llama = Architecture("llama", layers=2, heads=4, kv_heads=2, tied=True)
    assert llama.rename(["lm_head.weight", "model.norm.weight"]) == {"output_norm.weight": "model.norm.weight"}
    for name in ("base_model.model.model.norm.weight", "model.layers.2.input_layernorm.weight"):
        with pytest.raises(BadInput, match="no place"):
            llama.rename([name])


def test_new_tokens_are_one_id_and_never_in_plain_text(tiny: Any, tmp_path: Path) -> None:
    folder, base = tiny("llama")
    out = export(base, tmp_path / "out.gguf")
    size = len(open_gguf(base).texts("tokenizer.ggml.tokens"))
    vocabulary = load_vocabulary(folder, TOKENS, size)
    model = open_llama(out)
    for token in TOKENS:
        assert model.tokenize(token.encode(), add_bos=False, special=True) == [vocabulary.ids[token]]
        assert len(model.tokenize(token.encode(), add_bos=False, special=False)) > 1
    for text in TEXTS:
        ids = model.tokenize(text.encode(), add_bos=False, special=False)
        assert ids == vocabulary.text(text)
        assert max(ids) < size


@pytest.mark.parametrize("scores", [True, False])
def test_the_header_grows_where_the_base_has_it(tiny: Any, tmp_path: Path, scores: bool) -> None:
    _, base = tiny("llama" if scores else "qwen3", scores=scores)
    reader = gguf.GGUFReader(export(base, tmp_path / "out.gguf"))
    old = gguf.GGUFReader(base)
    fields = {key: field.contents() for key, field in reader.fields.items()}
    before = {key: field.contents() for key, field in old.fields.items()}
    size = len(before["tokenizer.ggml.tokens"])
    assert fields["tokenizer.ggml.tokens"] == [*before["tokenizer.ggml.tokens"], *TOKENS]
    assert fields["tokenizer.ggml.token_type"] == [*before["tokenizer.ggml.token_type"], 3, 3, 3]
    assert fields["tokenizer.ggml.merges"] == before["tokenizer.ggml.merges"]
    assert ("tokenizer.ggml.scores" in fields) == scores
    if scores:
        assert fields["tokenizer.ggml.scores"] == [0.0] * size + [-1000.0] * 3
        assert fields["llama.vocab_size"] == size + 3
    assert "qwen3.vocab_size" not in fields
    assert fields["tokenizer.ggml.eot_token_id"] == size + 2
    assert fields["general.license"] == "cc0-1.0"
    assert fields["general.name"] == "tiny"


def test_the_base_s_templates_leave_and_the_manifest_comes_back(tiny: Any, tmp_path: Path) -> None:
    _, base = tiny("llama")
    out = export(base, tmp_path / "out.gguf", licence="apache-2.0")
    metadata = read_metadata(out)
    assert metadata["octo.manifest"] == MANIFEST
    assert metadata["general.license"] == "apache-2.0"
    assert metadata["tokenizer.chat_template"] == chat_template(make_prompt("short"))
    assert open_llama(out).metadata["octo.manifest"] == MANIFEST
    assert "octo.manifest" not in read_metadata(base)


def test_a_chat_stops_at_the_end_token(tiny: Any, tmp_path: Path) -> None:
    folder, base = tiny("llama", False)
    rows = some_rows()
    ids = open_llama(base).tokenize(b"Query: play jazz\nResponse:", add_bos=False, special=True)
    model, weights, size = extended(folder, rows, rows)
    with torch.no_grad():
        states = model.model(torch.tensor([[*ids, size]])).last_hidden_state[0, -2:].numpy().T
    # Output rows that make the model say <tiny_0> after the prompt, and <tiny_end> after that.
    head_rows = np.array([[90, -90], [-90, -90], [-90, 90]], dtype=np.float32) @ np.linalg.pinv(states)
    answers = []
    for end in ("<tiny_end>", "<tiny_none>"):
        out = export(base, tmp_path / "out.gguf", weights, rows=rows, head_rows=head_rows, end_token=end)
        chat = [{"role": "user", "content": " play jazz\n"}]
        answers.append(open_llama(out).create_chat_completion(chat, max_tokens=6, temperature=0.0))
    stopped, ran_on = answers
    assert stopped["usage"]["prompt_tokens"] == len(ids)
    assert stopped["choices"][0]["finish_reason"] == "stop"
    assert stopped["usage"]["completion_tokens"] <= 2 < ran_on["usage"]["completion_tokens"]


@pytest.mark.parametrize("prompt", [*PRESETS, 'Say "{query}"\\ {{ x }} {% if %}\'\n→'])
def test_the_template_renders_octo_s_prompt(prompt: str) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "<tiny_0>()"},
        {"role": "user", "content": "  play some jazz\n"},
    ]
    made = make_prompt(prompt)
    render = Jinja2ChatFormatter(chat_template(made), eos_token="</s>", bos_token="<s>")
    assert render(messages=messages).prompt == made.render("play some jazz")
    messages[-1]["content"] = [{"type": "text", "text": "play some"}, {"type": "text", "text": "jazz"}]
    assert render(messages=messages).prompt == made.render("play some jazz")
    opening = Jinja2ChatFormatter(chat_template(made, bos=True), eos_token="</s>", bos_token="<s>")
    assert opening(messages=messages).prompt == "<s>" + made.render("play some jazz")


@pytest.mark.parametrize("tied", [True, False])
def test_rows_without_a_token_keep_ids_in_step(tiny: Any, tmp_path: Path, tied: bool) -> None:
    folder, base = tiny("llama", tied, extra_rows=5)
    rows, head_rows = some_rows(), None if tied else some_rows(1)
    model, weights, size = extended(folder, rows, head_rows)
    out = export(base, tmp_path / "out.gguf", weights, rows=rows, head_rows=head_rows, base_size=size)
    assert open_gguf(out).texts("tokenizer.ggml.tokens")[size - 5 : size + 1] == [
        *(f"<octo_pad_{i}>".encode() for i in range(5)), b"<tiny_0>",
    ]  # fmt: skip
    ids = [10, size, size + 2, 30]
    assert np.abs(llama_logits(out, ids) - torch_logits(model, ids)).max() < 0.1
    vocabulary = load_vocabulary(folder, TOKENS, size)
    assert open_llama(out).tokenize(b"<tiny_end>", add_bos=False, special=True) == [vocabulary.ids["<tiny_end>"]]
    with pytest.raises(OctoError, match="pass them"):
        export(base, tmp_path / "other.gguf", rows=rows, head_rows=head_rows, base_size=size)


def test_unchanged_tensors_of_a_quantised_base_are_dequantised(tiny: Any, tmp_path: Path) -> None:
    _, base = tiny("llama", quantised=True)
    out = export(base, tmp_path / "out.gguf")
    old = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(base).tensors}
    new = {t.name: t.data for t in gguf.GGUFReader(out).tensors}
    size = len(old["token_embd.weight"])
    assert np.array_equal(new["token_embd.weight"][:size], old["token_embd.weight"])
    assert np.array_equal(new["token_embd.weight"][size:], some_rows())
    assert all(np.array_equal(new[name], old[name]) for name in old if name != "token_embd.weight")
    assert all(np.array_equal(open_gguf(base).read(name), value) for name, value in old.items())


def test_tensors_of_many_blocks_are_written_whole(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, base = tiny("llama", quantised=True)
    weights = tiny_models.state(tiny_models.load_tiny(folder))
    changed = {name: value for name, value in weights.items() if "mlp" in name}
    whole = export(base, tmp_path / "whole.gguf", changed).read_bytes()
    cut = gguf_header.cut_rows
    monkeypatch.setattr(gguf_header, "cut_rows", lambda array: cut(array, 1000))
    assert export(base, tmp_path / "cut.gguf", changed).read_bytes() == whole


def test_what_does_not_fit_is_refused_and_leaves_nothing(tiny: Any, tmp_path: Path) -> None:
    _, base = tiny("llama")
    norm = "model.norm.weight"
    for changes, words in [
        ({"new_tokens": ["<|bos|>", *TOKENS[1:]]}, "already"),
        ({"new_tokens": ["<" + "a" * 31 + ">", *TOKENS[1:]]}, "32 bytes"),
        ({"new_tokens": ["<tiny_0>", "<tiny_0>", "<tiny_end>"]}, "differ"),
        ({"end_token": "<other_end>"}, "end token"),
        ({"rows": some_rows()[:2]}, "rows of shape"),
        ({"head_rows": some_rows()}, "output matrix"),
        ({"weights": {norm: np.ones(32, dtype=np.float32)}}, "shape"),
        ({"weights": {"model.layers.0.self_attn.q_proj.bias": np.ones(64, dtype=np.float32)}}, "no tensor"),
        ({"rows": some_rows() * np.nan}, "finite"),
        ({"rows": some_rows() * 1e6, "outtype": "f16"}, "finite"),
        ({"base_size": 100}, "only 100 rows"),
    ]:  # fmt: skip
        with pytest.raises(OctoError, match=words):
            export(base, tmp_path / "out.gguf", **changes)
    with pytest.raises(BadInput, match="output matrix"):
        export(tiny("llama", False)[1], tmp_path / "out.gguf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quant", QUANTS)
def test_quantising(tiny: Any, tmp_path: Path, quant: str) -> None:
    folder, base = tiny("llama")
    model, weights, size = extended(folder, some_rows(), None)
    source = export(base, tmp_path / "f16.gguf", weights, outtype="f16")
    out = tmp_path / "out" / "q.gguf"
    quantise(source, out, quant, threads=1)
    assert [p.name for p in out.parent.iterdir()] == ["q.gguf"]
    assert read_metadata(out)["octo.manifest"] == MANIFEST
    assert open_gguf(out).number("general.file_type") == QUANTS[quant]
    ids = [10, 60, size, 30]
    theirs, ours = llama_logits(out, ids), torch_logits(model, ids)
    assert np.corrcoef(theirs.ravel(), ours.ravel())[0, 1] > (0.999 if quant in ("f16", "q8_0") else 0.9)


def test_a_quantiser_that_fails_leaves_nothing(tiny: Any, tmp_path: Path) -> None:
    _, base = tiny("llama", quantised=True)
    with pytest.raises(OctoError, match=r"q4_0.*requantiz"):
        quantise(base, tmp_path / "out.gguf", "q4_0")
    with pytest.raises(OctoError, match="cannot make"):
        quantise(tmp_path / "none.gguf", tmp_path / "out.gguf", "q4_0")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_quantisation_is_refused(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none of"):
        quantise(tiny("llama")[1], tmp_path / "out.gguf", "q3_k")
    assert list(tmp_path.iterdir()) == []


def test_the_log_callback_survives_garbage_collection(tiny: Any, capfd: pytest.CaptureFixture[str]) -> None:
    silence()
    gc.collect()
    open_llama(tiny("llama")[1])
    assert capfd.readouterr().err == ""


TEXT = st.text(max_size=20)
VALUES = st.one_of(
    TEXT, st.booleans(), st.integers(0, 2**32 - 1), st.floats(width=32, allow_nan=False),
    st.lists(TEXT, min_size=1, max_size=5), st.lists(st.integers(0, 1000), min_size=1, max_size=5),
)  # fmt: skip


def header(path: Path, values: dict[str, Any]) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in values.items():
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            writer.add_array(key, value)
    writer.add_tensor("w", np.ones((2, 3), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED
@given(values=st.dictionaries(st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}", fullmatch=True), VALUES, max_size=6))
def test_metadata_is_what_the_gguf_package_wrote(tmp_path: Path, values: dict[str, Any]) -> None:
    # The package leaves empty texts out.
    texts = {key: value for key, value in values.items() if isinstance(value, str) and value}
    path = header(tmp_path / "a.gguf", values)
    assert read_metadata(path) == {"general.architecture": "llama", **texts}
    opened = open_gguf(path)
    assert np.array_equal(opened.read("w"), np.ones((2, 3)))
    for key, value in values.items():
        if isinstance(value, list) and isinstance(value[0], str):
            assert opened.texts(key) == [text.encode() for text in value]
        if isinstance(value, int):
            assert opened.number(key) == value


@SHARED
@given(data=st.data())
def test_a_broken_file_gives_one_line(tmp_path: Path, data: st.DataObject) -> None:
    whole = header(tmp_path / "a.gguf", {"a.text": "hello", "a.list": ["x", "y"], "a.ids": [1, 2, 3]}).read_bytes()
    broken = tmp_path / "b.gguf"
    at = data.draw(st.integers(0, len(whole) - 1))
    broken.write_bytes(whole[:at])
    # Without its last bytes a file may still hold all its tensors: the rest is padding.
    if at < len(whole) - 32:
        with pytest.raises(BadInput) as caught:
            open_gguf(broken)
        assert "b.gguf" in str(caught.value)
        assert "\n" not in str(caught.value)
    broken.write_bytes(whole[:at] + data.draw(st.binary(min_size=1, max_size=9)) + whole[at + 1 :])
    for read in (read_metadata, open_gguf):
        try:
            read(broken)
        except BadInput:
            continue


def test_what_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "text.gguf").write_text("hello, this is no model")
    (tmp_path / "old.gguf").write_bytes(b"GGUF" + b"\1\0\0\0" + b"\0" * 16)
    for name in ("empty.gguf", "text.gguf", "old.gguf", "missing.gguf", "."):
        with pytest.raises(BadInput):
            read_metadata(tmp_path / name)


@pytest.mark.slow
def test_the_starter_base_with_three_tokens(tmp_path: Path) -> None:
    from octocli.model.bases import open_base
    from octocli.model.network import load_network

    base = open_base("smollm2-135m", Path())
    assert base.gguf is not None
    model = load_network(base.folder)
    size, width = model.get_input_embeddings().weight.shape
    rows = 0.1 * np.random.default_rng(0).normal(size=(3, width)).astype(np.float32)
    begun = time.monotonic()
    out = export(base.gguf, tmp_path / "out.gguf", rows=rows, outtype="f16", base_size=size)
    assert time.monotonic() - begun < 30
    model.resize_token_embeddings(size + 3, mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[size:] = torch.from_numpy(rows)
    vocabulary = load_vocabulary(base.folder, TOKENS, size)
    ids = [*vocabulary.prompt(make_prompt("short"), "Text Grüße to Ana <tiny_0>"), size, *vocabulary.text('("Ana")')]
    llama = open_llama(out)
    assert vocabulary.text("Text Grüße <tiny_0>") == llama.tokenize("Text Grüße <tiny_0>".encode(), False, False)
    theirs, ours = llama_logits(out, ids), torch_logits(model, ids)
    assert np.abs(theirs - ours).max() < 0.15
    assert (theirs.argmax(1) == ours.argmax(1)).mean() > 0.95
