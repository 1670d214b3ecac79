"""`octo chat`: type, see the call."""

from collections.abc import Callable
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
    from octocli.runtime.apps import Apps
    from octocli.runtime.caller import Answer, Caller


def chat_cli(
    project: ProjectOption = HERE,
    model: ModelOption = None,
    once: Annotated[str | None, typer.Option("--once", help="Answer one query and exit.", show_default=False)] = None,
    now: NowOption = None,
    max_false_calls: FalseCallsOption = None,
    app: Annotated[
        str | None,
        typer.Option("--app", help="The app in the foreground, where there are several.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Type a request, see the call. Decoding obeys the spec, whatever is typed.

    \b
    Examples:
      octo chat
      octo chat --once "dim the kitchen to 30 percent"
      octo chat --once "wake me at 7" --json
      octo chat --model dist/myhome-q8_0.gguf
      octo chat --model ../phone --app yelp
    """
    from octocli.core.errors import BadInput
    from octocli.runtime.apps import APPS_FILE, open_apps
    from octocli.runtime.caller import open_caller

    target = find_model(model, project)
    clock(now)  # a bad --now is said before the model is loaded
    if (target / APPS_FILE).exists():
        with open_apps(target, max_false_calls=max_false_calls) as apps:
            opening = f"{', '.join(apps.callers)} on one base, {target}"
            _talk(lambda query: _show_routed(apps, query, now, app, as_json), once, opening, as_json)
        return
    with open_caller(target, max_false_calls=max_false_calls) as caller:
        spec = caller.manifest.spec
        if app is not None and not caller.manifest.tokens.apps:
            raise BadInput("--app is for several apps", hint="octo export --adapter or octo merge puts them together")
        opening = f"{spec.app}, {len(spec.functions)} functions, {target}"
        _talk(lambda query: _show(caller, query, now, app, as_json), once, opening, as_json)


def _talk(show: Callable[[str], None], once: str | None, opening: str, as_json: bool) -> None:
    """Answer one query, or each line until an empty one."""
    from octocli.core.errors import BadInput

    if once is not None:
        show(once)
        return
    if not as_json:
        console.say(f"{opening}; an empty line or Ctrl-D ends it")
    while query := _read():
        try:
            show(query)
        except BadInput as error:  # one bad line does not end the conversation
            console.warn(str(error))


def _read() -> str:
    try:
        return input("> " if console.out.is_terminal else "").strip()
    except EOFError:
        return ""


def _show(caller: "Caller", query: str, now: str | None, foreground: str | None, as_json: bool) -> None:
    answer = caller.ask(query, now=clock(now), foreground=foreground)
    if as_json:
        console.say_json(_as_json(query, answer))
        return
    console.say(f"{console.show_calls(answer.calls)}  ({answer.confidence:.0%})")
    _remark(caller, answer)


def _show_routed(apps: "Apps", query: str, now: str | None, foreground: str | None, as_json: bool) -> None:
    routed = apps.ask(query, now=clock(now), foreground=foreground)
    if as_json:
        shares = {app: round(share, 4) for app, share in routed.shares.items()}
        console.say_json({"query": query, "calls": list(routed.calls), "shares": shares})
        return
    if not routed.answers:
        console.say(f"{console.show_calls(())}  (no app)")
    for app, answer in routed.answers:
        console.say(f"{app}: {console.show_calls(answer.calls)}  ({answer.confidence:.0%})")
        _remark(apps.callers[app], answer)


def _remark(caller: "Caller", answer: "Answer") -> None:
    """What is to be asked, or asked again, before a call is made."""
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
