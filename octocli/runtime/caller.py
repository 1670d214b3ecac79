"""The front door of the runtime: a query in, an answer out.

Opens a run folder or a GGUF; joins engine, grammar, decoding and typed values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from octocli.core.calls import read_target, write_target
from octocli.core.errors import BadInput, NotMade
from octocli.core.manifest import Manifest, parse_manifest
from octocli.runtime.decoding import GREEDY, MAX_NEW_TOKENS, Decoded, Sampling, choices_of, decode, to_pieces
from octocli.runtime.engine import CONTEXT, Engine, prompt_ids
from octocli.runtime.grammar import make_grammar
from octocli.runtime.typed_values import type_call


@dataclass(frozen=True)
class Answer:
    """What a query asks for.

    Attributes:
        calls: typed calls; none means that no function serves.
        confidence: the model's probability of the first function token that it chose, or of *none*.
        choices: that probability for every function by name, `""` for *none*.
        ids: the new ids, e.g. as a draft for another engine.
        finished: False where the answer ran into the length limit; then `calls` is empty.
    """

    calls: tuple[Mapping[str, Any], ...]
    confidence: float
    choices: Mapping[str, float]
    ids: tuple[int, ...]
    text: str
    finished: bool


class Caller:
    """A model that turns queries into calls. Use it as a context manager, or close it."""

    def __init__(self, engine: Engine, *, max_false_calls: float | None = None) -> None:
        """
        Args:
            engine: the model.
            max_false_calls: the share of unservable requests that may be answered with a call; by default the model's.
        """
        self.engine = engine
        self.manifest: Manifest = engine.manifest
        self._max_false_calls = max_false_calls
        self.refuse_above = self.refuse_above_among(1)
        self.grammar = make_grammar(engine.manifest, engine.special)
        self._tokenizer = engine.grammar_tokenizer()
        tokens = self.manifest.tokens
        self._names = {**{t: n for n, t in tokens.tokens(self.manifest.spec).items()}, tokens.none: ""}

    def refuse_above_among(self, apps: int) -> float:
        """The probability of *none* above which it is the answer, where a request goes to so many apps."""
        return self.manifest.calibration.line(self._max_false_calls, among=apps)

    def ask(
        self,
        query: str,
        *,
        now: datetime | None = None,
        draft: Sequence[int] = (),
        sampling: Sampling = GREEDY,
        foreground: str | None = None,
    ) -> Answer:
        """Answer one query.

        Args:
            query: what the user typed.
            now: the clock that words such as "in ten minutes" are relative to.
            draft: ids that another model answered with; makes it faster, never different.
            sampling: greedy unless told.
            foreground: of a merged model, the app that the user looks at: its functions are likelier meant.

        Raises:
            BadInput: no app of that name, or an empty or too long query.
        """
        favoured = self._functions_of(foreground)
        prompt = self._prompt(query)
        return self._answer(self._decoded(query, prompt, draft=draft, sampling=sampling, favoured=favoured), now)

    def ask_many(
        self, queries: Sequence[str], nows: Sequence[datetime | None], drafts: Sequence[Sequence[int]]
    ) -> list[Answer]:
        """Answer several queries, each with a draft: the drafts are read at once, and only wrong ones cost more."""
        prompts = [self._prompt(query) for query in queries]
        drafts = [draft[:MAX_NEW_TOKENS] for draft in drafts]
        read = [([*prompt, *draft], 1 + len(draft)) for prompt, draft in zip(prompts, drafts, strict=True)]
        rows = self.engine.read_many(read)
        return [
            self._answer(self._decoded(query, prompt, draft=draft, ahead=ahead), now)
            for query, prompt, draft, ahead, now in zip(queries, prompts, drafts, rows, nows, strict=True)
        ]

    def _functions_of(self, app: str | None) -> list[str]:
        """The function tokens of an app."""
        table, spec = self.manifest.tokens, self.manifest.spec
        if app is None:
            return []
        found = [token for name, token in table.tokens(spec).items() if table.app_of(name) == app]
        if not found:
            apps = sorted({table.app_of(function.name) for function in spec.functions})
            raise BadInput(f"no app {app!r} here", hint=f"there are: {', '.join(apps)}")
        return found

    def choices(self, query: str) -> dict[str, float]:
        """The probability of every function by name, and of *none* as `""`; nothing is answered."""
        shares = choices_of(self.engine, self.engine.read(self._prompt(query))[0])
        return {self._names[token]: share for token, share in shares.items()}

    def none_shares(self, queries: Sequence[str]) -> list[float]:
        """The probability of *none* for each query; nothing is answered."""
        rows = self.engine.read_many([(self._prompt(query), 1) for query in queries])
        return [choices_of(self.engine, row[0])[self.manifest.tokens.none] for row in rows]

    def _decoded(self, query: str, prompt: Sequence[int], **how: Any) -> Decoded:
        return decode(self.engine, self._matcher(query), prompt, refuse_above=self.refuse_above, **how)

    def _matcher(self, query: str) -> Any:
        return self.grammar.matcher(self._tokenizer, query)

    def _prompt(self, query: str) -> list[int]:
        if not query.strip():
            raise BadInput("the query is empty")
        ids = prompt_ids(self.engine, query)
        room = CONTEXT - MAX_NEW_TOKENS
        if len(ids) > room:
            raise BadInput(f"the query is too long: {len(ids)} tokens with the prompt, {room} at most")
        return ids

    def _answer(self, decoded: Decoded, now: datetime | None) -> Answer:
        pieces = to_pieces(self.engine, decoded.ids)
        raw = read_target(pieces, self.manifest.spec, self.manifest.tokens) if decoded.finished else ()
        return Answer(
            calls=tuple(type_call(call, self.manifest.spec, now, self.manifest.language) for call in raw),
            confidence=decoded.choices[pieces[0].text],
            choices={self._names[token]: share for token, share in decoded.choices.items()},
            ids=decoded.ids,
            text="".join(piece.text for piece in pieces),
            finished=decoded.finished,
        )

    def draft(self, calls: Sequence[Mapping[str, Any]], said: Mapping[str, str]) -> list[int]:
        """The ids that would say `calls`: a guess to hand to `ask`, of which only the speed depends."""
        try:
            pieces = write_target(calls, self.manifest.spec, self.manifest.tokens, said)
        except (KeyError, TypeError):  # calls of another spec; no guess then
            return []
        special = self.engine.special
        return [i for p in pieces for i in ([special[p.text]] if p.special else self.engine.encode(p.text))]

    def close(self) -> None:
        """Free the model."""
        self.engine.close()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_caller(path: Path, *, threads: int | None = None, max_false_calls: float | None = None) -> Caller:
    """A caller for a run folder or a GGUF file that octo exported.

    Args:
        path: the folder or the file.
        threads: of llama.cpp.
        max_false_calls: how willing it is to call, see `Caller`.

    Raises:
        NotMade: nothing there, or a run that never finished.
        BadInput: a file that is no GGUF, or a GGUF that is not octo's.
    """
    if path.is_dir():
        manifest = read_run(path)  # a folder that is no run is refused before torch is loaded
        from octocli.runtime.transformers_engine import TransformersEngine

        return Caller(TransformersEngine(path, manifest), max_false_calls=max_false_calls)
    if not path.exists():
        raise NotMade(f"{path}: no such run folder or GGUF", hint="make one with: octo build")
    from octocli.runtime.llama_engine import open_gguf_engine

    return Caller(open_gguf_engine(path, threads=threads), max_false_calls=max_false_calls)


def read_run(folder: Path) -> Manifest:
    """The manifest of a finished run."""
    record = folder / "run.json"
    if not record.exists():
        started = folder.exists() and any(folder.iterdir())
        what = "a run that was never finished (no run.json)" if started else "no run here"
        raise NotMade(f"{folder}: {what}", hint="make or resume it with: octo train --lora")
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        raise BadInput(f"{record}: not JSON", hint="train again with: octo train --lora --force") from None
    return parse_manifest(data.get("manifest") if isinstance(data, dict) else None, str(record))
