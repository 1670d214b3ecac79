"""The base's tokenizer with octo's tokens in it, and samples as ids.

Frame, user text and every piece of a target are tokenised apart; text is never read as a special token.
The same cuts are made at inference, by llama.cpp's tokenizer too, or training and runtime would see different ids.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AddedToken, AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from octocli.core.calls import Piece
from octocli.core.errors import BadInput
from octocli.core.prompts import Prompt

# Tokens that a base's makers left for others: <unused7>, <|reserved_special_token_7|>, <|placeholder7|>, [control_7].
_UNUSED = re.compile(
    r"[<\[|]+(unused|reserved|placeholder|control|dummy|extra|octo_pad)[a-z_]*\d+[>\]|]+", re.IGNORECASE
)


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer that knows octo's tokens. `base_size` rows of the embedding are the base's own."""

    tokenizer: PreTrainedTokenizerBase
    base_size: int
    ids: dict[str, int]

    @property
    def size(self) -> int:
        """Rows of the embedding, octo's own included."""
        return max(self.base_size, *(i + 1 for i in self.ids.values()))

    def text(self, text: str) -> list[int]:
        """Ids of plain text; the text of a special token gives the plain ids of its letters."""
        if not text:
            return []
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def pieces(self, pieces: Sequence[Piece]) -> list[int]:
        """Ids of a target."""
        return [i for piece in pieces for i in ([self.ids[piece.text]] if piece.special else self.text(piece.text))]

    def prompt(self, prompt: Prompt, query: str) -> list[int]:
        """Ids of the whole prompt for a query, with the base's opening token if it wants one."""
        frame = (self.text(prompt.before), self.text(prompt.after))
        return [*self.opening, *frame[0], *self.text(prompt.user(query)), *frame[1]]

    @property
    def opening(self) -> list[int]:
        """The id that every sequence begins with, for a base that wants one."""
        bos = self.tokenizer.bos_token_id
        return [bos] if bos is not None and bos in self.tokenizer("a")["input_ids"][:1] else []


def embedding_rows(folder: Path) -> int:
    """How many rows a base's embedding has: at least as many as its tokenizer has tokens."""
    return int(AutoConfig.from_pretrained(folder).get_text_config().vocab_size)


def load_vocabulary(folder: Path, tokens: Sequence[str], base_size: int, *, reserved: bool = False) -> Vocabulary:
    """The tokenizer in `folder` with `tokens` at the rows after the base's embedding.

    With `reserved`, they take the place of tokens that the base's makers left unused, and the vocabulary does not grow.
    A base may have more embedding rows than tokens; the gap is filled, or its rows would be trained by accident.

    Raises:
        BadInput: a token is already in the base's vocabulary, or too few are unused.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    taken = set(tokenizer.get_vocab()) & set(tokens)
    if taken:
        raise BadInput(f"tokens already in the base's vocabulary: {', '.join(sorted(taken))}", hint="rename the app")
    gap = [f"<octo_pad_{i}>" for i in range(base_size - len(tokenizer))]
    if gap:
        tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in gap])
    return _in_place(tokenizer, tokens, base_size) if reserved else _appended(tokenizer, tokens, base_size)


def _appended(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[str], base_size: int) -> Vocabulary:
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in tokens])
    ids = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in tokens}
    if sorted(ids.values()) != list(range(base_size, base_size + len(tokens))):
        raise BadInput("the base's tokenizer has more tokens than its embedding has rows", hint="use another base")
    return Vocabulary(tokenizer, base_size, ids)


def _in_place(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[str], base_size: int) -> Vocabulary:
    unused = sorted((i, text) for text, i in tokenizer.get_vocab().items() if _UNUSED.fullmatch(text))
    if len(unused) < len(tokens):
        raise BadInput(
            f"octo.toml: reserved: the base has {len(unused)} unused tokens, and the app needs {len(tokens)}",
            hint="leave `reserved` out: new tokens are added to the vocabulary then",
        )
    names = {old: new for (_, old), new in zip(unused, tokens, strict=False)}
    renamed = _renamed(tokenizer, names)
    return Vocabulary(renamed, base_size, {t: int(renamed.convert_tokens_to_ids(t)) for t in tokens})


def _renamed(tokenizer: PreTrainedTokenizerBase, names: Mapping[str, str]) -> PreTrainedTokenizerBase:
    """The tokenizer with other texts for some of its tokens. Its library renames none, but its files can be read."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for path in Path(folder).glob("tokenizer*.json"):
            data = _replaced(json.loads(path.read_text(encoding="utf-8")), names)
            if path.name == "tokenizer.json":
                _mark_special(data, tokenizer, names)
            path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        return AutoTokenizer.from_pretrained(folder)


def _replaced(data: Any, names: Mapping[str, str]) -> Any:
    """The same JSON with each text of `names`, as a value or as a key, replaced."""
    if isinstance(data, dict):
        return {names.get(key, key): _replaced(value, names) for key, value in data.items()}
    if isinstance(data, list):
        return [_replaced(value, names) for value in data]
    return names.get(data, data) if isinstance(data, str) else data


def _mark_special(data: dict[str, Any], tokenizer: PreTrainedTokenizerBase, names: Mapping[str, str]) -> None:
    """List every renamed token among the special ones, wherever the base had it."""
    listed = {token["content"] for token in data["added_tokens"]}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    for token in data["added_tokens"]:
        if token["content"] in names.values():
            token.update(plain)
    data["added_tokens"] += [
        {"id": int(tokenizer.convert_tokens_to_ids(old)), "content": new, **plain}
        for old, new in names.items()
        if new not in listed
    ]
    data["added_tokens"].sort(key=lambda token: token["id"])
