"""The manifest: all that a runtime must know beside the weights. It travels in `run.json` and in the GGUF's metadata.

Kept small and readable: the spec, the tokens, the prompt, the base and its licence.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from octocli.core.calibration import Calibration, parse_calibration
from octocli.core.errors import BadInput
from octocli.core.prompts import Prompt
from octocli.core.spec import Spec, parse_spec
from octocli.core.tokens import TokenTable

VERSION = 1
GGUF_KEY = "octo.manifest"
MOST_CALLS = 8


@dataclass(frozen=True)
class Manifest:
    """What a trained model was taught.

    Attributes:
        spec: its app.
        tokens: its function tokens.
        prompt: the prompt of all its samples.
        base: name, checksum and licence of its base.
        settings: how it was trained, for the reader.
        copied: parameters whose text it only ever copied from the query, by function.
        most_calls: the most calls that one answer had.
        calibration: how far its choice can be believed.
        language: of its users' words, as times and numbers are read.
    """

    spec: Spec
    tokens: TokenTable
    prompt: Prompt
    base: Mapping[str, Any]
    settings: Mapping[str, Any]
    copied: Mapping[str, Sequence[str]] = field(default_factory=dict)
    most_calls: int = MOST_CALLS
    calibration: Calibration = field(default_factory=Calibration)
    language: str = "en"

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON."""
        return {
            "version": VERSION,
            "spec": self.spec.to_json(),
            "tokens": dict(self.tokens.indices),
            **({"apps": dict(self.tokens.apps)} if self.tokens.apps else {}),
            "prompt": self.prompt.template,
            "base": dict(self.base),
            "settings": dict(self.settings),
            "copied": {function: list(names) for function, names in self.copied.items()},
            "most_calls": self.most_calls,
            "calibration": self.calibration.to_json(),
            "language": self.language,
        }

    def dumps(self) -> str:
        """The manifest as one line of text, for a GGUF's metadata. The examples stay at home."""
        data = self.to_json()
        for function in data["spec"]["functions"]:
            function.pop("examples", None)
        return json.dumps(data, ensure_ascii=False)


def parse_manifest(data: Any, source: str) -> Manifest:
    """Make a manifest of JSON data.

    Raises:
        BadInput: it is none, or of a version that this octo does not know.
    """
    if not isinstance(data, dict) or "spec" not in data or "tokens" not in data:
        raise BadInput(f"{source}: holds no octo manifest", hint="give a run folder or a GGUF that octo exported")
    if data.get("version") != VERSION:
        raise BadInput(f"{source}: manifest version {data.get('version')!r}", hint=f"this octo reads version {VERSION}")
    spec = parse_spec(data["spec"], source=source)
    return Manifest(
        spec=spec,
        tokens=TokenTable(spec.app, data["tokens"], data.get("apps", {})),
        prompt=Prompt(data["prompt"]),
        base=data.get("base", {}),
        settings=data.get("settings", {}),
        copied=data.get("copied", {}),
        most_calls=data.get("most_calls", MOST_CALLS),
        calibration=parse_calibration(data.get("calibration"), source),
        language=str(data.get("language", "en")),
    )
