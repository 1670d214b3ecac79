"""A decoding grammar made from the spec: only its functions, parameters, types, ranges and enums can come out.

Function tokens stand in it by id, so no text can spell one. Arguments follow `core/calls.py`'s syntax. What a grammar
cannot say (see `schemas.UNEXPRESSED`) is checked after decoding, in `typed_values.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import llguidance

from octocli.core.errors import BadInput
from octocli.core.kinds import has_resolver
from octocli.core.manifest import Manifest
from octocli.core.schemas import UNEXPRESSED, types_of
from octocli.core.spec import Function, Parameter

MAX_CALLS = 8
_DROPPED = UNEXPRESSED - {"oneOf", "allOf"} | {"default", "examples", "description", "title", "format", "$schema"}
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


@dataclass(frozen=True)
class Grammar:
    """A grammar in llguidance's Lark dialect."""

    lark: str

    def matcher(self, tokenizer: Any) -> Any:
        """A fresh matcher over an engine's vocabulary."""
        matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_lark(self.lark), log_level=0)
        if matcher.is_error():
            raise BadInput(f"the spec gives no decoding grammar: {matcher.get_error()}")
        return matcher


def make_grammar(manifest: Manifest, ids: Mapping[str, int]) -> Grammar:
    """The grammar of a manifest's spec; `ids` are the engine's ids of octo's tokens. The end token needs no rule."""
    rules: list[str] = []
    spec, tokens = manifest.spec, manifest.tokens
    names = {function.name: f"call_{index}" for index, function in enumerate(spec.functions)}
    for function in spec.functions:
        token = ids[tokens.token(function.name)]
        rules += _function_rules(names[function.name], token, function, manifest, names)
    calls = " | ".join(names.values())
    rules.append(f"call: {calls}")
    rules.append(f'start: <[{ids[tokens.none]}]> "()" | call (";" call){{0,{MAX_CALLS - 1}}}')
    return Grammar("\n".join(rules) + "\n")


def _function_rules(
    rule: str, token: int, function: Function, manifest: Manifest, names: Mapping[str, str]
) -> list[str]:
    rules: list[str] = []
    for index, parameter in enumerate(function.params):
        value = _value(parameter)
        nested = [names[f.name] for f in manifest.spec.fillers(parameter)]
        missing = ['"?"'] if parameter.required else []
        rules.append(f"{rule}_v{index}: {' | '.join([value, *nested, *missing])}")
    required = [i for i, p in enumerate(function.params) if p.required]
    optional = [i for i, p in enumerate(function.params) if not p.required]
    rules += _optional_rules(rule, function, optional)
    body = ' ", " '.join(f"{rule}_v{i}" for i in required)
    if optional:
        body += f" {rule}_more{optional[0]}" if required else f"{rule}_first{optional[0]}?"
    rules.append(f'{rule}: <[{token}]> "(" {body} ")"'.replace('"(" ")"', '"()"').replace('"("  ")"', '"()"'))
    return rules


def _optional_rules(rule: str, function: Function, optional: list[int]) -> list[str]:
    """Keyword arguments in order, each there or not: `more` after something, `first` where nothing stands before."""
    rules: list[str] = []
    for position, index in enumerate(optional):
        following = optional[position + 1] if position + 1 < len(optional) else None
        keyword = json.dumps(f"{function.params[index].name}=", ensure_ascii=False)
        after = f" {rule}_more{following}" if following is not None else ""
        rules.append(f'{rule}_more{index}: (", " {keyword} {rule}_v{index})?{after}')
        skip = f" | {rule}_first{following}" if following is not None else ""
        rules.append(f"{rule}_first{index}: {keyword} {rule}_v{index}{after}{skip}")
    return rules


def _value(parameter: Parameter) -> str:
    """The grammar of one parameter's value."""
    schema = _expressible(parameter.schema)
    words = {"type": "string"}
    if has_resolver(parameter.name, parameter.schema):
        # The user's own words may stand here; a resolver makes the value.
        if types_of(parameter.schema) == ("string",):
            return _json_rule(words)
        return f"{_checked(schema, parameter)} | {_json_rule(words)}"
    return _checked(schema, parameter)


def _checked(schema: Mapping[str, Any], parameter: Parameter) -> str:
    """The schema's rule, or, where llguidance cannot compile it, that of its bare types."""
    rule = _json_rule(schema)
    if not llguidance.LLMatcher.validate_grammar(llguidance.LLMatcher.grammar_from_lark(f"start: {rule}\n")):
        return rule
    return _json_rule({"type": list(types_of(parameter.schema))})


def _json_rule(schema: Mapping[str, Any]) -> str:
    return "%json " + json.dumps({**schema, "x-guidance": _COMPACT}, ensure_ascii=False)


def _expressible(schema: Any) -> Any:
    """The schema without the keywords that are checked after decoding; `oneOf` is decoded as `anyOf`."""
    if isinstance(schema, Mapping):
        return {
            ("anyOf" if k == "oneOf" else k): _expressible_part(k, v) for k, v in schema.items() if k not in _DROPPED
        }
    if isinstance(schema, list):
        return [_expressible(part) for part in schema]
    return schema


def _expressible_part(keyword: str, value: Any) -> Any:
    if keyword in ("enum", "const", "required"):
        return value
    if keyword in ("properties", "$defs"):  # names of the user's own, which may be called `title` or `not`
        return {name: _expressible(inner) for name, inner in value.items()}
    return _expressible(value)
