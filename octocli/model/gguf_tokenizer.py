"""A folder's tokenizer as a GGUF holds it, for bases that come without a GGUF.

A header cannot hold a tokenizer's rules for cutting text; it names one of the rule sets that are compiled into
llama.cpp. Which one is found by trial: the first that cuts hard texts as transformers does. Where none does, the base
is refused, since ids that differ show in nothing but wrong answers.
"""

import json
import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize

import gguf
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from octocli.core.errors import BadInput
from octocli.model.gguf_header import Value
from octocli.model.gguf_writer import (
    flag_value,
    floats_value,
    number_value,
    numbers_value,
    text_value,
    texts_value,
    write_file,
)
from octocli.model.llama_probe import cut_texts
from octocli.model.quantise import last_words

# llama.cpp's sets of rules for byte-level BPE (src/llama-vocab.cpp), those of small bases first.
_RULES = (
    "llama-bpe", "qwen2", "gpt-2", "smollm", "gpt-4o", "tekken", "qwen35", "olmo", "dbrx", "deepseek-llm",
    "deepseek-v3", "starcoder", "refact", "command-r", "stablelm2", "falcon", "bloom", "codeshell", "poro-chat",
    "viking", "minerva-7b", "exaone", "superbpe", "seed-coder", "hunyuan", "default",
)  # fmt: skip
# One reason to cut differently in each: spaces, digits, contractions, marks, scripts, joined and unjoined letters.
HARD_TEXTS = (
    "turn on the lights", "Query: send  Ana\n\n 'tis 12:30", "I'm, you'll, he'd, WE'RE, don'T", "   both ends   ",
    "2024-11-22 1234567 3.14159 12,000", "$5.99 50% 7pm 6:45am", "½ ² ⅷ ٣٤٥", "x  y   z    .",
    "a\tb\r\nc\n\n\nd \n e",
    "('Ana', 'on my way')", '{"room": 3, "on": false}', "https://example.com/a_b?c=1&d=%20", "a.b@c.de!!! ???...",
    "#include <stdio.h> // x += 1;", "CamelCaseHTTPServer snake_case", "don’t “quote” — dash…",
    "Grüße, 你好世界 🎉👍🏽",
    "été café naïve à", "zero\u200bwidth no\u00a0break", "Привет, мир", "こんにちは、世界。",
    "한국어 텍스트", "مرحبا بالعالم", "नमस्ते दुनिया", "ภาษาไทย",
)  # fmt: skip
HINT = "put a GGUF of the same model into the base's folder"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_PIECE_OF_A_LETTER = "\ufffd"
_MERGED_LAST = -1e6
_OWN_TEXTS = 1000
_RARE = 0.01


def vocabulary_values(folder: Path, rows: int, settings: Mapping[str, Value]) -> dict[str, Value]:
    """The header's values for the tokenizer in `folder`.

    Args:
        folder: holds a tokenizer that transformers reads.
        rows: of the embedding; ids without a token get an unused one.
        settings: the header's other values, without which llama.cpp opens no file.

    Raises:
        BadInput: the tokenizer is of a kind that no GGUF holds, or llama.cpp cuts texts in another way.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast:
        raise BadInput(f"{folder}: its tokenizer has no tokenizer.json", hint="use a base that has one")
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    common = _tokens(tokenizer, state, rows) | _special_ids(tokenizer)
    texts = [*HARD_TEXTS, *_own_texts(tokenizer)]
    wanted = [_ids(tokenizer, text) for text in texts]
    opened = False
    with tempfile.TemporaryDirectory(prefix="octo-vocabulary-") as temporary:
        trial = Path(temporary) / "vocabulary.gguf"
        for rules in _rules(state):
            write_file(trial, {**settings, **common, **rules}, [])
            ours = cut_texts(trial, texts)
            opened = opened or ours is not None
            if _agree(ours, wanted):
                return common | rules
    if not opened:
        raise BadInput(f"{folder}: llama.cpp cannot open a GGUF of this base: {last_words()}", hint=HINT)
    raise BadInput(
        f"{folder}: llama.cpp knows no rules that cut text as this base's tokenizer does",
        hint=HINT,
    )


def _own_texts(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Texts of the vocabulary's own words, side by side at random: they show rules that fit common text by chance."""
    chance = random.Random(0)
    drawn = [[chance.randrange(len(tokenizer)) for _ in range(3)] for _ in range(_OWN_TEXTS)]
    texts = [tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for ids in drawn]
    # In composed letters: llama.cpp composes none, and Qwen's tokenizer does.
    return [normalize("NFC", text) for text in texts if text and _PIECE_OF_A_LETTER not in text]


def _agree(ours: Sequence[list[int]] | None, wanted: Sequence[list[int]]) -> bool:
    """Whether all hard texts are cut alike, and of the rest all but a few of rare letters, whose tables may differ."""
    if ours is None or ours[: len(HARD_TEXTS)] != wanted[: len(HARD_TEXTS)]:
        return False
    differ = sum(a != b for a, b in zip(ours, wanted, strict=True))
    return differ <= _RARE * len(wanted)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def _is_spm(state: Mapping[str, Any]) -> bool:
    """Whether unknown letters fall back to byte tokens: sentencepiece's way, which llama.cpp calls `llama`."""
    return bool(state["model"].get("byte_fallback"))


def _rules(state: Mapping[str, Any]) -> Iterator[dict[str, Value]]:
    """Yield what a header can say of how text is cut."""
    if _is_spm(state):
        for prefix in (False, True):
            yield {"tokenizer.ggml.model": text_value("llama"), "tokenizer.ggml.pre": text_value("default"),
                   "tokenizer.ggml.add_space_prefix": flag_value(prefix)}  # fmt: skip
    else:
        for name in _RULES:
            yield {"tokenizer.ggml.model": text_value("gpt2"), "tokenizer.ggml.pre": text_value(name)}


def _tokens(tokenizer: PreTrainedTokenizerBase, state: Mapping[str, Any], rows: int) -> dict[str, Value]:
    """Texts and kinds of all tokens, and what llama.cpp merges them by."""
    model = state["model"]
    if model["type"] != "BPE":
        raise BadInput(f"a tokenizer of the kind {model['type']} has no place in a GGUF", hint="use another base")
    by_id = {index: token for token, index in tokenizer.get_vocab().items()}
    texts, kinds = [], []
    added = {t["id"]: t for t in state.get("added_tokens", ())}
    for index in range(rows):
        text = by_id.get(index, f"<octo_pad_{index}>")
        texts.append(text)
        kinds.append(int(_kind(text, added.get(index), index in by_id, _is_spm(state), tokenizer.unk_token)))
    values = {"tokenizer.ggml.tokens": texts_value(texts), "tokenizer.ggml.token_type": numbers_value(kinds)}
    merges = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    if _is_spm(state):
        return values | {"tokenizer.ggml.scores": floats_value(_scores(texts, merges))}
    return values | {"tokenizer.ggml.merges": texts_value([" ".join(pair) for pair in merges])}


def _kind(text: str, added: Mapping[str, Any] | None, known: bool, spm: bool, unknown: str | None) -> gguf.TokenType:
    if not known:
        return gguf.TokenType.UNUSED
    if spm and text == unknown:
        return gguf.TokenType.UNKNOWN
    if added is not None:
        return gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    return gguf.TokenType.BYTE if spm and _BYTE.fullmatch(text) else gguf.TokenType.NORMAL


def _scores(texts: Sequence[str], merges: Sequence[tuple[str, ...]]) -> list[float]:
    """A score for each token, higher for what is merged earlier: sentencepiece's merges come in this order.

    llama.cpp may also form a token that no merge makes, after all others; whether that ever happens, the trial shows.
    """
    rank: dict[str, int] = {}
    for index, pair in enumerate(merges):
        rank.setdefault("".join(pair), index)
    return [float(-rank[text]) if text in rank else _MERGED_LAST for text in texts]


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, Value]:
    named = {
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "unknown": tokenizer.unk_token_id,
        "padding": tokenizer.pad_token_id,
    }
    opens = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    ids = {f"tokenizer.ggml.{name}_token_id": number_value(i) for name, i in named.items() if i is not None}
    return ids | {"tokenizer.ggml.add_bos_token": flag_value(opens), "tokenizer.ggml.add_eos_token": flag_value(False)}
