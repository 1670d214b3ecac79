"""`octo chat`: type, see the call."""

from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import (
    HERE,
    FalseCallsOption,
    JsonOption,
    ModelOption,
    NowOption,
    ProjectOption,
    clock,
    find_model,
)

if TYPE_CHECKING:
    from octocli.runtime.caller import Answer, Caller


def chat_cli(
    project: ProjectOption = HERE,
    model: ModelOption = None,
    once: Annotated[str | None, typer.Option("--once", help="Answer one query and exit.", show_default=False)] = None,
    now: NowOption = None,
    max_false_calls: FalseCallsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Type a request, see the call. Decoding obeys the spec, whatever is typed.

    \b
    Examples:
      octo chat
      octo chat --once "dim the kitchen to 30 percent"
      octo chat --once "wake me at 7" --json
      octo chat --model dist/myhome-q8_0.gguf
    """
    from octocli.core.errors import BadInput
    from octocli.runtime.caller import open_caller

    target = find_model(model, project)
    clock(now)  # a bad --now is said before the model is loaded
    with open_caller(target, max_false_calls=max_false_calls) as caller:
        if once is not None:
            _show(caller, once, now, as_json)
            return
        if not as_json:
            spec = caller.manifest.spec
            console.say(f"{spec.app}, {len(spec.functions)} functions, {target}; an empty line or Ctrl-D ends it")
        while query := _read():
            try:
                _show(caller, query, now, as_json)
            except BadInput as error:  # one bad line does not end the conversation
                console.warn(str(error))


def _read() -> str:
    try:
        return input("> " if console.out.is_terminal else "").strip()
    except EOFError:
        return ""


def _show(caller: "Caller", query: str, now: str | None, as_json: bool) -> None:
    answer = caller.ask(query, now=clock(now))
    if as_json:
        console.say_json(_as_json(query, answer))
        return
    console.say(f"{console.show_calls(answer.calls)}  ({answer.confidence:.0%})")
    for call in answer.calls:
        function = caller.manifest.spec.by_name[call["name"]]
        if call.get("missing"):
            console.say(f"  to ask for: {', '.join(call['missing'])}")
        if function.confirm:
            console.say("  ask before acting: this function is marked confirm")
    if not answer.finished:
        console.warn("the answer ran into the length limit and was dropped")


def _as_json(query: str, answer: "Answer") -> dict[str, object]:
    data = {"query": query, "calls": list(answer.calls), "confidence": round(answer.confidence, 4)}
    return data if answer.finished else {**data, "unfinished": True}
