"""The base's tokenizer with octo's tokens added, and samples as ids.

Frame, user text and every piece of a target are tokenised apart; text is never read as a special token.
The same cuts are made at inference, by llama.cpp's tokenizer too, or training and runtime would see different ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerBase

from octocli.core.calls import Piece
from octocli.core.errors import BadInput
from octocli.core.prompts import Prompt


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer that knows octo's tokens. `base_size` rows of the embedding are the base's own."""

    tokenizer: PreTrainedTokenizerBase
    base_size: int
    ids: dict[str, int]

    @property
    def size(self) -> int:
        """Rows of the embedding, octo's own included."""
        return self.base_size + len(self.ids)

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


def load_vocabulary(folder: Path, tokens: Sequence[str], base_size: int) -> Vocabulary:
    """The tokenizer in `folder` with `tokens` at the rows after the base's embedding.

    Raises:
        BadInput: a token is already in the base's vocabulary.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return extend(tokenizer, tokens, base_size)


def extend(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[str], base_size: int) -> Vocabulary:
    """Add `tokens` to a base's tokenizer.

    A base may have more embedding rows than tokens; the gap is filled, or its rows would be trained by accident.
    """
    taken = set(tokenizer.get_vocab()) & set(tokens)
    if taken:
        raise BadInput(f"tokens already in the base's vocabulary: {', '.join(sorted(taken))}", hint="rename the app")
    gap = [f"<octo_pad_{i}>" for i in range(base_size - len(tokenizer))]
    if gap:
        tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in gap])
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in tokens])
    ids = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in tokens}
    if sorted(ids.values()) != list(range(base_size, base_size + len(tokens))):
        raise BadInput("the base's tokenizer has more tokens than its embedding has rows", hint="use another base")
    return Vocabulary(tokenizer, base_size, ids)
