"""Gemini behind the completion seam, by google-genai, or by google-generativeai where only that is installed.

Both are asked without their own retries, over REST, each with a client of its own, so that two addresses in one process
do not mix. Output is paid for as total minus prompt: google-generativeai does not count thinking apart.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

from octocli.core.errors import BadInput
from octocli.teachers.completions import Completer, Finish, Reply, Request, Transient, error_of, readable

_FINISH: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "blocked",
    "RECITATION": "blocked",
    "LANGUAGE": "blocked",
    "BLOCKLIST": "blocked",
    "PROHIBITED_CONTENT": "blocked",
    "SPII": "blocked",
}
# What the older SDK knows of JSON Schema; another key is a ValueError there before anything is sent.
_OLD_KEYS = ("type", "format", "description", "nullable", "enum", "items", "properties", "required")


def open_gemini(model: str, api_key: str, base_url: str | None = None) -> Completer:
    """Gemini by whichever SDK is installed, the newer first.

    Raises:
        BadInput: neither is.
    """
    if _is_installed("google.genai"):
        return Gemini(model, api_key, base_url)
    if _is_installed("google.generativeai"):
        return OlderGemini(model, api_key, base_url)
    raise BadInput("the gemini teacher needs google-genai", hint="get it with: pip install 'octocli[genai]'")


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even the namespace
        return False


class Gemini:
    """By google-genai."""

    def __init__(self, model: str, api_key: str, base_url: str | None = None) -> None:
        from google import genai
        from google.genai import types

        self.model = model
        self._types = types
        # Kept: a client that is collected closes its connections under the request.
        self._client = genai.Client(api_key=api_key, http_options=types.HttpOptions(base_url=base_url))

    def complete(self, request: Request) -> Reply:
        """One try."""
        with readable(self.model):
            return self._complete(request)

    def _complete(self, request: Request) -> Reply:
        from google.genai import errors

        schema: dict[str, Any] = {}
        if request.schema is not None:
            schema = {"response_mime_type": "application/json", "response_json_schema": dict(request.schema)}
        config = self._types.GenerateContentConfig(
            system_instruction=request.system or None,
            temperature=request.temperature,
            max_output_tokens=request.max_tokens,
            http_options=self._types.HttpOptions(timeout=round(request.timeout * 1000)),
            **schema,
        )
        try:
            answer = self._client.models.generate_content(model=self.model, contents=request.prompt, config=config)
        except errors.APIError as error:
            headers = getattr(error.response, "headers", None) or {}
            raise error_of(error.code, f"{self.model}: {error}", dict(headers)) from error
        except Exception as error:
            # The transport's own errors pass through, and which transport that is has changed before.
            if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2", "requests"):
                raise Transient(f"{self.model}: {type(error).__name__}: {error}") from error
            raise
        usage = answer.usage_metadata
        tokens_in = usage.prompt_token_count if usage else None
        total = usage.total_token_count if usage else None
        tokens_out = None if total is None or tokens_in is None else max(0, total - tokens_in)
        if not answer.candidates:
            return Reply("", "blocked", tokens_in, tokens_out)
        reason = getattr(answer.candidates[0].finish_reason, "name", "")
        return Reply(answer.text or "", _FINISH.get(reason, "other"), tokens_in, tokens_out)


class OlderGemini:
    """By google-generativeai, which is no longer maintained."""

    def __init__(self, model: str, api_key: str, base_url: str | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is no longer maintained
            import google.ai.generativelanguage as language

            self._sdk: Any = importlib.import_module("google.generativeai")
        self.model = model
        options = {"api_key": api_key} | ({"api_endpoint": base_url} if base_url else {})
        # The SDK's own configure() holds for the whole process.
        self._client = language.GenerativeServiceClient(transport="rest", client_options=options)

    def complete(self, request: Request) -> Reply:
        """One try."""
        from google.protobuf.json_format import Error

        with readable(self.model):
            try:
                return self._complete(request)
            except Error as error:
                raise ValueError(str(error)) from error

    def _complete(self, request: Request) -> Reply:
        import requests
        from google.api_core import exceptions

        asked = self._sdk.GenerativeModel(self.model, system_instruction=request.system or None)
        asked._client = self._client
        config: dict[str, Any] = {"temperature": request.temperature, "max_output_tokens": request.max_tokens}
        if request.schema is not None:
            config |= {"response_mime_type": "application/json", "response_schema": older_schema(request.schema)}
        try:
            # Left to itself the SDK tries a 503 again for ten minutes, whatever the time limit.
            answer = asked.generate_content(
                request.prompt, generation_config=config, request_options={"timeout": request.timeout, "retry": None}
            )
        except exceptions.GoogleAPICallError as error:
            headers = getattr(getattr(error, "response", None), "headers", None) or {}
            raise error_of(error.code, f"{self.model}: {error}", dict(headers)) from error
        except (requests.RequestException, exceptions.RetryError) as error:
            raise Transient(f"{self.model}: {type(error).__name__}: {error}") from error
        usage = answer.usage_metadata
        tokens_in = usage.prompt_token_count
        tokens_out = max(usage.total_token_count - tokens_in, usage.candidates_token_count)
        if not answer.candidates:
            return Reply("", "blocked", tokens_in, tokens_out)
        candidate = answer.candidates[0]
        text = "".join(part.text for part in candidate.content.parts)  # `.text` raises where there is none
        reason = getattr(candidate.finish_reason, "name", "")
        return Reply(text, _FINISH.get(reason, "other"), tokens_in, tokens_out)


def older_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema in the words that google-generativeai knows: looser, never stricter."""
    known: dict[str, Any] = {}
    for key in _OLD_KEYS:
        if key in schema:
            known[key] = schema[key]
    given = known.get("type", "string")
    kinds = given if isinstance(given, list) else [given]
    known["type"] = next((kind for kind in kinds if kind != "null"), "string")
    if "null" in kinds:
        known["nullable"] = True
    if "items" in known:
        known["items"] = older_schema(known["items"])
    if "properties" in known:
        known["properties"] = {name: older_schema(part) for name, part in known["properties"].items()}
    if "enum" in known and not all(isinstance(value, str) for value in known["enum"]):
        del known["enum"]  # strings alone are known there
    if known["type"] == "string":
        known.pop("format", None)  # only 'enum' and 'date-time' are known, and a wrong one is a 400
    return known
