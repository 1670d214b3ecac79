"""The run of a merged project: the apps' adapters joined, and written by `healing.py` like any other run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octocli.core.manifest import MOST_CALLS, Manifest
from octocli.core.project import Project, data_hash, file_hash
from octocli.core.prompts import make_prompt
from octocli.core.samples import Sample
from octocli.stages.healing import Heal, Healing, Lesson
from octocli.stages.merge_inputs import MergeInput
from octocli.stages.progress import OnTick, Tick

if TYPE_CHECKING:
    from octocli.model.adapter import Adapter
    from octocli.model.merging import Method


@dataclass(frozen=True)
class MergedRun:
    """Makes runs of one merged project.

    Attributes:
        inputs: the apps.
        project: the merged project, its spec and tokens written.
        on_tick: progress.
    """

    inputs: Sequence[MergeInput]
    project: Project
    on_tick: OnTick

    @cached_property
    def _healing(self) -> Healing:
        return Healing(self.project, self.inputs[0].project.root, self.on_tick)

    def manifest(self, rows: Sequence[Sample]) -> Manifest:
        """What the merged model knows: a parameter is copied where each of its app's rows copied it."""
        copied = {name: list(found) for one in self.inputs for name, found in one.manifest.copied.items()}
        calls = max((len(s.calls) for s in rows), default=1)
        most = max(calls, *(one.manifest.most_calls for one in self.inputs))
        return Manifest(
            spec=self.project.spec,
            tokens=self.project.tokens,
            prompt=make_prompt(self.project.config.prompt),
            base=self._healing.base.to_json(),
            settings={"method": "merge", "apps": [one.app for one in self.inputs], "seed": self.project.config.seed},
            copied=copied,
            most_calls=min(MOST_CALLS, most),
            language=self.inputs[0].manifest.language,
        )

    def joined(self, method: "Method", weights: Sequence[float]) -> "Adapter":
        """The apps' adapters as one, nothing learnt yet."""
        from octocli.model.merging import Tokens, merge_adapters

        self.on_tick(Tick("merge", note=f"{len(self.inputs)} adapters by {method}"))
        tables = [(one.manifest.tokens, one.manifest.spec) for one in self.inputs]
        return merge_adapters(
            self._healing.base.folder,
            [one.adapter for one in self.inputs],
            [Tokens(tuple(t.tokens(spec).values()), t.none, t.end) for t, spec in tables],
            self._healing.token_ids,
            method,
            weights,
            seed=self.project.config.seed,
        )

    def write(
        self,
        adapter: "Adapter",
        folder: Path,
        passes: Sequence[Sequence[Sample]],
        held_out: Sequence[Sample],
        what: Heal,
        about: dict[str, Any],
    ) -> int:
        """Heal an adapter and write its run; returns the steps that it took.

        Args:
            adapter: from `joined`.
            folder: the run's.
            passes: the rows of each pass over what it learns; none for no healing.
            held_out: validation rows of all apps, for the calibration.
            what: LoRA and token rows, or these alone.
            about: what the record says of the merge.
        """
        fingerprint = data_hash([about, *(file_hash(one.run / "run.json") for one in self.inputs)])
        return self._healing.write(
            adapter,
            folder,
            self.manifest([row for rows in passes for row in rows]),
            Lesson(passes, held_out, what, fingerprint),
            self.inputs[0].project.config.train,
            merged_from=[one.card() for one in self.inputs],
            **about,
        )
