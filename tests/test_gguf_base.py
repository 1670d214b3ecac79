"""A base of safetensors alone becomes a GGUF that tokenises and computes as transformers does, or is refused."""

import json
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file
from tiny_projects import LAMPS, lamp_rows, new_project, write_rows
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from octocli.core.errors import BadInput
from octocli.model.bases import Base, cache_folder, open_base
from octocli.model.gguf_base import base_gguf, convert
from octocli.model.gguf_header import open_gguf
from octocli.model.gguf_names import COVERED
from octocli.model.quantise import silence
from octocli.stages.export import export
from octocli.stages.train import train

# The rules of cutting that a tokenizer.json of each family holds.
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
LLAMA_3_ROPE = {
    "rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
WORDS = [
    "in 2024 they'll pay 12,345.67 for 1000 more",
    "don't WE'LL it's 30 %",
    "Grüße an 你好世界 und мир",
    "a\n\nb  c\t d",
]
# Long enough that wrong positions show.
IDS = [(7 * i) % 300 for i in range(60)]


@pytest.fixture(scope="module", autouse=True)
def _light() -> None:
    torch.set_num_threads(1)
    silence()


TWINS = ("llama", "smollm3")


def byte_level(cut: str | None, digits: bool = False) -> Tokenizer:
    """A byte-level BPE tokenizer that cuts text by a regular expression, or as GPT-2 does."""
    tokenizer = Tokenizer(models.BPE())
    if cut is None:
        steps: list[Any] = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    else:
        steps = [pre_tokenizers.Split(Regex(cut), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    if digits:
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=tiny_models.SPECIAL, initial_alphabet=alphabet)
    # What one rule joins and another does not: words of digits, marks before letters, capital contractions.
    joined = [str(n) for n in range(0, 3000, 7)] + ["'WE 'LL 'll \"the (the ... !!! \n\n \n"] * 40
    tokenizer.train_from_iterator([*WORDS * 20, *joined], trainer)
    return tokenizer


def sentencepiece_like(prefix: bool) -> Tokenizer:
    """A tokenizer as those of Gemma (no prefix) and Llama 2 (a space before the text): letters, bytes for the rest."""
    letters = sorted({c for text in WORDS for c in text if c not in " \n\t"} - set("你好世界"))
    tokens = [
        "<|bos|>",
        "<|endoftext|>",
        "<|pad|>",
        "<unk>",
        *(f"<0x{b:02X}>" for b in range(256)),
        *letters,
        "▁",
        "\n",
    ]
    merges = [("l", "l"), ("▁", "t"), ("o", "n"), ("▁", "▁"), ("▁t", "h"), ("▁th", "e"), ("d", "on"), ("▁▁", "▁▁")]
    tokens += ["".join(pair) for pair in merges]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    space = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), space]) if prefix else space
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(tiny_models.SPECIAL)
    tokenizer.add_tokens([AddedToken("<turn>", special=False, normalized=False)])
    return tokenizer


def folder_of(folder: Path, tokenizer: Tokenizer, arch: str = "llama", *, opens: bool = False, **changes: Any) -> Path:
    """A tiny random base with this tokenizer; `opens`: it begins every text with its bos."""
    folder.mkdir(parents=True, exist_ok=True)
    if opens:
        bos = tiny_models.SPECIAL[0]
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, 0)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|endoftext|>", pad_token="<|pad|>"
    )
    fast.save_pretrained(folder)
    config = tiny_models.tiny_config(arch, True, len(fast) + 5, **changes)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    tiny_models.shake(model, 0)
    model.save_pretrained(folder)
    return folder


def opened(path: Path) -> llama_cpp.Llama:
    return llama_cpp.Llama(str(path), n_ctx=256, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1)


def same_logits(folder: Path, path: Path, ids: list[int]) -> None:
    llama = opened(path)
    llama.eval(ids)
    theirs = np.array(llama.scores[: len(ids)])
    with torch.no_grad():
        ours = tiny_models.load_tiny(folder)(torch.tensor([ids])).logits[0].numpy()
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() < 0.02 * np.abs(ours).max()
    assert (theirs.argmax(1) == ours.argmax(1)).mean() >= 0.9


# The Gemmas and SmolLM3 come with tied heads alone.
UNTIED = [(arch, False) for arch in ("llama", "qwen2", "qwen3", "phi3")]
CASES = [(arch, True) for arch in sorted(COVERED | {"mistral"})] + UNTIED


@pytest.mark.parametrize(("arch", "tied"), CASES)
def test_the_network_computes_the_same(tmp_path: Path, arch: str, tied: bool) -> None:
    """Eight layers, since some architectures change every fourth or sixth; where a window is local, it is passed."""
    local = {"sliding_window": 16} if arch in ("gemma2", "gemma3") else {}
    folder = tiny_models.build_tiny(tmp_path / "base", arch, tied, extra_rows=3, num_hidden_layers=8, **local)
    convert(folder, tmp_path / "out.gguf")
    same_logits(folder, tmp_path / "out.gguf", IDS)


@pytest.mark.parametrize("arch", sorted(COVERED))
def test_the_header_says_what_one_written_by_hand_says(tmp_path: Path, arch: str) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", arch)
    tiny_models.write_base_gguf(folder, tmp_path / "theirs.gguf")
    convert(folder, tmp_path / "ours.gguf")
    theirs, ours = (gguf.GGUFReader(tmp_path / f"{name}.gguf") for name in ("theirs", "ours"))
    skipped = {"general.name", "general.license", "general.file_type", "tokenizer.chat_template", "tokenizer.ggml.pre"}
    for key, field in theirs.fields.items():
        if not key.startswith("GGUF.") and key not in skipped:
            assert ours.fields[key].contents() == pytest.approx(field.contents()), key
    assert {t.name: tuple(t.shape) for t in ours.tensors} == {t.name: tuple(t.shape) for t in theirs.tensors}


@pytest.mark.parametrize("kind", ["gpt-2", "llama-3", "qwen-2", "smollm", "gemma", "llama-2"])
def test_llama_cpp_cuts_text_as_transformers_does(tmp_path: Path, kind: str) -> None:
    tokenizer = {
        "gpt-2": lambda: byte_level(None),
        "llama-3": lambda: byte_level(LLAMA_3),
        "qwen-2": lambda: byte_level(QWEN_2),
        "smollm": lambda: byte_level(None, digits=True),
        "gemma": lambda: sentencepiece_like(False),
        "llama-2": lambda: sentencepiece_like(True),
    }[kind]()
    opens = kind in ("llama-3", "gemma", "llama-2")
    folder = folder_of(tmp_path / "base", tokenizer, opens=opens)
    convert(folder, tmp_path / "out.gguf")
    llama, fast = opened(tmp_path / "out.gguf"), AutoTokenizer.from_pretrained(folder)
    texts = [
        *WORDS,
        "Die  Zahl 31415926 isn't one",
        "<turn> on",
        "x<|endoftext|>y",
        "1a22b333c4444",
        "SHE'LL don't",
        " \n\n \n",
    ]
    for text in texts:
        ours = fast(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert llama.tokenize(text.encode(), add_bos=False, special=False) == ours, text
    assert llama.tokenize(b"on", add_bos=True, special=False) == fast("on")["input_ids"]
    assert llama.token_bos() == 0 and llama.token_eos() == 1


def test_rules_that_llama_cpp_does_not_know_are_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "base", byte_level(r"\d\d|[a-c]+|[^a-c\d]"))
    with pytest.raises(BadInput, match="no rules that cut text"):
        convert(folder, tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


def test_positions_scaled_by_frequency(tmp_path: Path) -> None:
    """Llama 3's: at sixty positions the unscaled ones are far off."""
    folder = folder_of(tmp_path / "base", byte_level(LLAMA_3), rope_parameters=LLAMA_3_ROPE)
    convert(folder, tmp_path / "out.gguf")
    same_logits(folder, tmp_path / "out.gguf", IDS)
    factors = open_gguf(tmp_path / "out.gguf").read("rope_freqs.weight")
    assert factors.max() == pytest.approx(8.0) and factors.min() == pytest.approx(1.0)


def test_positions_scaled_alike(tmp_path: Path) -> None:
    rope = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
    folder = folder_of(tmp_path / "base", byte_level(None), rope_parameters=rope)
    convert(folder, tmp_path / "out.gguf")
    same_logits(folder, tmp_path / "out.gguf", IDS)


@pytest.mark.parametrize(
    ("arch", "changes", "fault"),
    [
        ("llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}}, "'yarn'"),
        ("qwen2", {"rope_parameters": LLAMA_3_ROPE}, "qwen2 whose positions"),
    ],
)
def test_what_has_no_counterpart_is_refused(tmp_path: Path, arch: str, changes: dict[str, Any], fault: str) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", arch)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(BadInput, match=fault):
        convert(folder, tmp_path / "out.gguf")


@pytest.mark.parametrize(
    ("arch", "changes"),
    [
        ("mistral", {"sliding_window": 16}),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 0}),
        ("gemma3", {"layer_types": ["full_attention", "full_attention"], "sliding_window": 16}),
        ("gemma2", {"query_pre_attn_scalar": 256}),
        ("llama", {"hidden_act": "gelu"}),
        ("smollm3", {"num_hidden_layers": 8, "no_rope_layer_interval": 2}),
    ],
)
def test_what_llama_cpp_has_built_in_otherwise_is_refused(tmp_path: Path, arch: str, changes: dict[str, Any]) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", arch, **changes)
    with pytest.raises(BadInput, match="other numbers than transformers"):
        convert(folder, tmp_path / "out.gguf")
    assert not list(tmp_path.glob("*out.gguf*"))


def test_what_llama_cpp_cannot_open_is_refused_with_its_reason(tmp_path: Path) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", "qwen3", attention_bias=True)
    with pytest.raises(BadInput, match=r"cannot open a GGUF of this base: .*error"):
        convert(folder, tmp_path / "out.gguf")


def test_a_base_in_bfloat16(tmp_path: Path) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", "llama")
    tiny_models.load_tiny(folder).bfloat16().save_pretrained(folder)
    convert(folder, tmp_path / "out.gguf")
    same_logits(folder, tmp_path / "out.gguf", IDS)


def test_only_the_files_that_transformers_reads_are_read(tmp_path: Path) -> None:
    """A hub folder may hold the weights twice, and old files hold what is computed from the config."""
    folder = tiny_models.build_tiny(tmp_path / "base", "llama")
    weights = load_file(folder / "model.safetensors")
    save_file({"tok_embeddings.weight": torch.zeros(3, 4)}, folder / "consolidated.safetensors")
    buffer = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file(weights | buffer, folder / "model.safetensors", metadata={"format": "pt"})
    convert(folder, tmp_path / "out.gguf")
    same_logits(folder, tmp_path / "out.gguf", IDS)


def test_weights_in_several_files(tmp_path: Path) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", "llama")
    tiny_models.load_tiny(folder).save_pretrained(folder, max_shard_size="50KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert len(list(folder.glob("*.safetensors"))) > 1
    convert(folder, tmp_path / "out.gguf")
    same_logits(folder, tmp_path / "out.gguf", IDS)


def test_the_folder_s_name_is_no_name_of_a_model(tmp_path: Path) -> None:
    """llama.cpp changes how it cuts text for models that are called phi-3."""
    convert(tiny_models.build_tiny(tmp_path / "my-phi-3", "llama"), tmp_path / "out.gguf")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    folder = tiny_models.build_tiny(tmp_path / "base", "llama")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"model\.safetensors: cannot be read"):
        convert(folder, tmp_path / "out.gguf")


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    AutoConfig.for_model("gpt_neox").save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="gpt_neox"):
        convert(tmp_path, tmp_path / "out.gguf")


@pytest.mark.parametrize(("arch", "tied"), [(arch, True) for arch in sorted(COVERED)] + UNTIED)
def test_from_a_folder_without_a_gguf_to_a_shipped_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, tied: bool
) -> None:
    """Train, export, and the file gives the calls of the trained model."""
    monkeypatch.setenv("OCTO_CACHE", str(tmp_path / "cache"))
    folder = tiny_models.build_tiny(tmp_path / "base", arch, tied)
    settings = (
        f'base = "{folder}"\n[train]\nepochs = 24\nbatch = 4\nlr = 0.01\nwarmup = 2\nupper = 1.0\n'
        "[export]\nparity_queries = 24\ntolerance = 0.05\n"
    )
    project = new_project(tmp_path / "home", LAMPS, settings)
    rows = lamp_rows(24)
    write_rows(project.accepted_file, rows + [{**r, "split": "test"} for r in rows])
    assert train(project).loss < 1
    report = export(project, quants=("f16",))
    assert report.parities[0].file.exists()
    assert list((cache_folder() / "ggufs").glob("base-*.gguf")), "made once, kept"


def test_the_same_weights_under_another_config_are_another_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both tiny models draw the same weights from one seed."""
    monkeypatch.setenv("OCTO_CACHE", str(tmp_path / "cache"))
    bases = [open_base(str(tiny_models.build_tiny(tmp_path / arch / "base", arch)), tmp_path) for arch in TWINS]
    assert bases[0].checksum == bases[1].checksum
    assert tuple(open_gguf(base_gguf(base)).arch for base in bases) == TWINS


def test_a_base_with_a_gguf_keeps_its_own(tmp_path: Path) -> None:
    given = tmp_path / "given.gguf"
    assert base_gguf(Base("x", tmp_path, given, "0" * 40, "")) == given


def test_the_starter_base_made_anew_tokenises_as_its_own_gguf(tmp_path: Path) -> None:
    base = open_base("smollm2-135m", tmp_path)
    convert(base.folder, tmp_path / "out.gguf")
    assert base.gguf is not None
    theirs, ours = (llama_cpp.Llama(str(p), vocab_only=True, verbose=False) for p in (base.gguf, tmp_path / "out.gguf"))
    for text in [*WORDS, "wake me at 6:45, and set 3 timers of 120 s"]:
        assert ours.tokenize(text.encode(), False, False) == theirs.tokenize(text.encode(), False, False), text
    assert set(open_gguf(tmp_path / "out.gguf").tensors) == set(open_gguf(base.gguf).tensors)
