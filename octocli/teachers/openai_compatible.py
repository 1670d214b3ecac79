"""Any endpoint that speaks OpenAI's chat completions (Ollama, vLLM, llama-server, a gateway) behind the seam."""

import importlib.util
from typing import Any

from octocli.core.errors import BadInput
from octocli.teachers.completions import Finish, Reply, Request, Transient, error_of, readable

_FINISH: dict[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "blocked"}


class OpenAICompatible:
    """By the package openai, without its own retries. `base_url` ends in `/v1` as a rule."""

    def __init__(self, model: str, api_key: str = "none", base_url: str | None = None) -> None:
        if importlib.util.find_spec("openai") is None:
            raise BadInput("the openai teacher needs its package", hint="get it with: pip install 'octocli[openai]'")
        from openai import OpenAI

        self.model = model
        self._client = OpenAI(api_key=api_key, base_url=base_url, max_retries=0)

    def complete(self, request: Request) -> Reply:
        """One try."""
        with readable(self.model):
            return self._complete(request)

    def _complete(self, request: Request) -> Reply:
        import openai

        messages: list[Any] = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": request.prompt})
        more: dict[str, Any] = {}
        if request.schema is not None:
            named = {"name": "answer", "schema": dict(request.schema)}
            more["response_format"] = {"type": "json_schema", "json_schema": named}
        try:
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=messages,
                temperature=request.temperature,
                max_tokens=request.max_tokens,
                timeout=request.timeout,
                **more,
            )
        except openai.APIStatusError as error:
            raise error_of(error.status_code, f"{self.model}: {error}", dict(error.response.headers)) from error
        except openai.APIConnectionError as error:
            raise Transient(f"{self.model}: {type(error).__name__}: {error}") from error
        choice, usage = answer.choices[0], answer.usage
        return Reply(
            choice.message.content or "",
            _FINISH.get(choice.finish_reason, "other"),
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
        )
