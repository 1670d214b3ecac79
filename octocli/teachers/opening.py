"""From `[teacher]` in octo.toml to somebody who completes prompts. Keys come from the environment alone."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from octocli.core.config import TeacherSettings
from octocli.core.errors import BadInput
from octocli.teachers.completions import Completer
from octocli.teachers.prices import FREE, Quote
from octocli.teachers.replies import Replay, Replies

_GEMINI_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_OPENAI_KEY = "OPENAI_API_KEY"


def open_completer(settings: TeacherSettings, replies: Replies) -> Completer:
    """The teacher that the settings name.

    Raises:
        BadInput: no model, no key, or a package is missing.
    """
    if not settings.model:
        raise BadInput(
            f"the teacher {settings.name!r} needs a model", hint="give --model, or [teacher] model in octo.toml"
        )
    if settings.name == "gemini":
        from octocli.teachers.gemini import open_gemini

        key = next((os.environ[name] for name in _GEMINI_KEYS if os.environ.get(name)), "")
        if not key:
            raise BadInput("the gemini teacher needs a key", hint=f"export {_GEMINI_KEYS[0]}=...")
        return open_gemini(settings.model, key, settings.base_url)
    if settings.name == "openai":
        from octocli.teachers.openai_compatible import OpenAICompatible

        key = os.environ.get(_OPENAI_KEY, "")
        if not key and settings.base_url is None:
            raise BadInput(
                "the openai teacher needs a key or an endpoint of your own",
                hint=f"export {_OPENAI_KEY}=..., or give --base-url http://localhost:11434/v1",
            )
        return OpenAICompatible(settings.model, key or "none", settings.base_url)
    if settings.name == "gguf":
        from octocli.teachers.local_gguf import LocalGguf

        return LocalGguf(Path(settings.model).expanduser())
    return Replay(replies)


def completer_name(settings: TeacherSettings) -> str:
    """The name under which the model's replies are kept; that of a file is its last part."""
    return Path(settings.model).name if settings.name == "gguf" else settings.model


def is_free(settings: TeacherSettings, quote: Quote | None) -> bool:
    """Whether asking surely costs nothing: a price of 0, or a server on this machine that nobody names a price of."""
    if quote is not None:
        return quote.price == FREE
    return (urlsplit(settings.base_url or "").hostname or "") in ("localhost", "127.0.0.1", "::1")
