"""A decoding grammar made from the spec: only its functions, parameters, types, ranges and enums can come out.

Function tokens stand in it by id, so no text can spell one. Arguments follow `core/calls.py`'s syntax. What a grammar
cannot say (see `schemas.UNEXPRESSED`) is checked after decoding, in `typed_values.py`.

Text that the model was only ever taught to copy is bound to the query's own words; words for a time, a duration or a
number to those that a resolver understands. So a grammar has two parts: one of the spec, made once, one of the query.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import llguidance

from octocli.core.copying import chunks, is_free_text, spans
from octocli.core.errors import BadInput
from octocli.core.kinds import has_resolver
from octocli.core.manifest import Manifest
from octocli.core.resolvers import resolve
from octocli.core.schemas import UNEXPRESSED, types_of
from octocli.core.spec import Function, Parameter

_DROPPED = UNEXPRESSED - {"oneOf", "allOf"} | {"default", "examples", "description", "title", "format", "$schema"}
# Signs that end no value.
_CUTS = ",;"
# Any clock will do to see whether words are relative to one.
_SOME_CLOCK = datetime(2026, 1, 1)
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


@dataclass(frozen=True)
class Grammar:
    """A grammar in llguidance's Lark dialect.

    Attributes:
        lark: the rules that hold for every query.
        copied: terminals that a query fills: parameters whose text it must hold, by the terminal's name.
        language: of the query's words.
    """

    lark: str
    copied: Mapping[str, Parameter]
    language: str

    def matcher(self, tokenizer: Any, query: str) -> Any:
        """A fresh matcher over an engine's vocabulary, for the answer to one query."""
        lark = "\n".join([self.lark, *self._of_query(query)]) + "\n"
        matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_lark(lark), log_level=0)
        if matcher.is_error():
            raise BadInput(f"the spec gives no decoding grammar: {matcher.get_error()}")
        return matcher

    def _of_query(self, query: str) -> Iterator[str]:
        if not self.copied:
            return
        parts = json.dumps({"substring_chunks": [_inside(chunk) for chunk in chunks(query)]}, ensure_ascii=False)
        yield f"QUERY: %regex {parts}"
        stretches = [s for s in spans(query) if _is_whole(s)]
        # Of a query that is commas alone, these may be the value: a rule that nothing obeys would end the call.
        cuts = _CUTS if stretches else ""
        # Many functions have the same parameter, and to read all stretches takes as long as the model.
        known: dict[str, list[str]] = {}
        for terminal, parameter in self.copied.items():
            alike = f"{parameter.name} {parameter.schema}"
            if alike not in known:
                known[alike] = _resolved(stretches, parameter, self.language)
            words = known[alike]
            if words:
                yield f"{terminal}: {' | '.join(json.dumps(json.dumps(w, ensure_ascii=False)) for w in words)}"
            else:
                yield f'{terminal}: "\\"" (QUERY & {_length(parameter, cuts)}) "\\""'


def _inside(text: str) -> str:
    """The text as a JSON string has it between its quotes."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _is_whole(words: str) -> bool:
    """Whether words may be a value: what begins or ends in a comma was cut out of more."""
    return words[0] not in _CUTS and words[-1] not in _CUTS


def _resolved(stretches: Sequence[str], parameter: Parameter, language: str) -> list[str]:
    """The words that a resolver reads as a value of the parameter; none where it is of free text."""
    name, schema = parameter.name, parameter.schema
    if not has_resolver(name, schema):
        return []
    return [words for words in stretches if resolve(words, name, schema, _SOME_CLOCK, language) is not None]


def _length(parameter: Parameter, cuts: str) -> str:
    """A regex for text of the length that the schema wants, with no space and none of the `cuts` at either end."""
    sign = r"(\\u[0-9a-f]{4}|\\[^u]|[^\\])"  # one character as JSON writes it
    shortest = max(1, int(parameter.schema.get("minLength", 1)))
    longest = parameter.schema.get("maxLength", "")
    return f"/[^ {cuts}](.*[^ {cuts}])?/ & /{sign}{{{shortest},{longest}}}/"


def make_grammar(manifest: Manifest, ids: Mapping[str, int]) -> Grammar:
    """The grammar of a manifest's spec; `ids` are the engine's ids of octo's tokens. The end token needs no rule."""
    rules: list[str] = []
    spec, tokens = manifest.spec, manifest.tokens
    names = {function.name: f"call_{index}" for index, function in enumerate(spec.functions)}
    copied: dict[str, Parameter] = {}
    for function in spec.functions:
        token = ids[tokens.token(function.name)]
        rules += _function_rules(names[function.name], token, function, manifest, names)
        taught = manifest.copied.get(function.name, ())
        copied |= {
            _terminal(names[function.name], i): p for i, p in enumerate(function.params) if _is_copied(p, taught)
        }
    calls = " | ".join(names.values())
    rules.append(f"call: {calls}")
    more = f' (";" call){{0,{manifest.most_calls - 1}}}' if manifest.most_calls > 1 else ""
    rules.append(f'start: <[{ids[tokens.none]}]> "()" | call{more}')
    return Grammar("\n".join(rules) + "\n", copied, manifest.language)


def _is_copied(parameter: Parameter, taught: Sequence[str]) -> bool:
    return parameter.name in taught and (has_resolver(parameter.name, parameter.schema) or is_free_text(parameter))


def _terminal(rule: str, index: int) -> str:
    return f"{rule}_v{index}".upper()


def _function_rules(
    rule: str, token: int, function: Function, manifest: Manifest, names: Mapping[str, str]
) -> list[str]:
    rules: list[str] = []
    for index, parameter in enumerate(function.params):
        taught = manifest.copied.get(function.name, ())
        value = _value(parameter, _terminal(rule, index) if _is_copied(parameter, taught) else "")
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


def _value(parameter: Parameter, copied: str) -> str:
    """The grammar of one parameter's value; `copied`, if not empty, is the terminal of what the query offers."""
    schema = _expressible(parameter.schema)
    if has_resolver(parameter.name, parameter.schema):
        # The user's own words may stand here; a resolver makes the value.
        words = copied or _json_rule({"type": "string"})
        if types_of(parameter.schema) == ("string",):
            return words
        return f"{_checked(schema, parameter)} | {words}"
    return copied or _checked(schema, parameter)


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
