"""Every format is read into a spec that octo accepts; what cannot be taken over is named, and nothing else happens."""

import copy
import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from octocli.core.errors import BadInput
from octocli.core.importers import FORMATS, Imported, load_any
from octocli.core.importers.documents import parse_document
from octocli.core.importers.functions import MAX_DESCRIPTION
from octocli.core.importers.names import function_name, parameter_name, sentence_of
from octocli.core.importers.notes import Ledger
from octocli.core.importers.schema_conversion import MAX_NESTING
from octocli.core.schemas import is_valid
from octocli.core.spec import Function, parse_spec
from octocli.stages.scaffold import scaffold

PETS = """
openapi: 3.0.3
info: {title: Pets, version: 1.0.0}
components:
  securitySchemes:
    key: {type: apiKey, in: query, name: api_key}
  parameters:
    Limit:
      name: limit
      in: query
      description: How many.
      schema: {type: integer, minimum: 0, exclusiveMinimum: true, maximum: 100, default: 20}
  schemas:
    Named:
      type: object
      required: [name]
      properties:
        name: {type: string, example: Rex}
        nick: {type: string, nullable: true}
    Pet:
      allOf:
        - $ref: '#/components/schemas/Named'
        - type: object
          required: [kind, id]
          properties:
            id: {type: integer, readOnly: true}
            kind: {type: string, enum: [dog, cat, no]}
            born: {type: string, format: date, default: 2020-01-01}
            parent: {$ref: '#/components/schemas/Pet'}
            secret: {type: string, writeOnly: true}
paths:
  /pets:
    parameters:
      - {name: limit, in: query, schema: {type: string}}
      - {name: trace, in: header, required: true, schema: {type: string}}
    get:
      operationId: list pets!
      summary: Lists the pets.
      tags: [reading]
      parameters:
        - $ref: '#/components/parameters/Limit'
        - {name: 'kinds[]', in: query, schema: {type: array, items: {type: string}}}
        - {name: api_key, in: query, schema: {type: string}}
      responses:
        200: {description: ok, content: {application/json: {schema: {type: string}}}}
    post:
      operationId: addPet
      description: Adds a pet.
      requestBody:
        content:
          application/json: {schema: {$ref: '#/components/schemas/Pet'}}
  /pets/{id}:
    put:
      description: Changes a pet.
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer}}
      requestBody:
        required: false
        content:
          application/json:
            schema:
              type: object
              required: [id]
              properties:
                id: {type: string}
                colour: {$ref: 'colours.yaml#/Colour'}
                age: {$ref: '#/nowhere'}
    delete:
      deprecated: true
      description: Removes a pet.
    head: {}
  /photos:
    post:
      requestBody:
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file, caption]
              properties:
                file: {type: string, format: binary}
                caption: {type: string}
"""

SHOP: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/orders": {
            "post": {
                "operationId": "orders/create",
                "summary": "Orders something.",
                "tags": ["orders"],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "oneOf": [
                                    {
                                        "type": "object",
                                        "properties": {"kind": {"const": "food"}, "dish": {"type": "string"}},
                                        "required": ["kind", "dish"],
                                    },
                                    {
                                        "type": "object",
                                        "properties": {
                                            "kind": {"const": "drink"},
                                            "size": {"type": ["integer", "null"], "exclusiveMinimum": 0},
                                        },
                                        "required": ["kind"],
                                    },
                                ]
                            }
                        }
                    }
                },
                "responses": {
                    "201": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "object", "properties": {"number": {"type": "integer"}}}
                            }
                        }
                    }
                },
            }
        },
        "/notes": {
            "post": {
                "operationId": "note",
                "description": "Notes something.",
                "requestBody": {"required": True, "content": {"text/plain": {}}},
            }
        },
    },
    "webhooks": {"done": {"post": {}}},
}

SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    "paths": {
        "/pets": {
            "post": {
                "description": "Adds a pet.",
                "parameters": [
                    {"in": "body", "name": "pet", "required": True, "schema": {"$ref": "#/definitions/Pet"}},
                    {"in": "query", "name": "notify", "type": "boolean", "description": "Tell the owner?"},
                    {"in": "header", "name": "X-Key", "type": "string"},
                ],
            }
        },
        "/photo": {
            "post": {
                "description": "Adds a photo.",
                "parameters": [
                    {"in": "formData", "name": "file", "type": "file", "required": True},
                    {"in": "formData", "name": "caption", "type": "string", "required": True},
                ],
            }
        },
    },
}

TOOL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "The city."},
        "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
        "day": {"$ref": "#/$defs/day"},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"day": {"type": "string", "format": "date"}},
}
CHAT_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": TOOL}},
    {"type": "web_search"},
]
RESPONSES_TOOLS: list[Any] = [
    {"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": TOOL, "strict": True}
]
OLD_FUNCTIONS: dict[str, Any] = {
    "model": "x",
    "messages": [],
    "functions": [{"name": "weather", "description": "Tells the weather.", "parameters": TOOL}],
}
MCP: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 2,
    "result": {
        "tools": [
            {
                "name": "weather",
                "title": "Weather",
                "description": "Tells the weather.",
                "inputSchema": {"$schema": "http://json-schema.org/draft-07/schema#", **TOOL},
                "outputSchema": {"type": "object", "properties": {"degrees": {"type": "number"}}},
            },
            {"name": "wipe", "inputSchema": {"type": "object"}, "annotations": {"destructiveHint": True}},
        ],
        "nextCursor": "more",
    },
}
OCTO: dict[str, Any] = {
    "app": "theirs",
    "functions": [
        {"name": "weather", "description": "Tells the weather.", "parameters": TOOL, "aliases": ["forecast"]},
        {"name": "stop", "description": "Stops."},
    ],
}

APP_FUNCTIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<appfunctions>
  <appfunction>
    <id>com.example.Notes#createNote</id>
    <enabledByDefault>false</enabledByDefault>
    <description>Writes a note.</description>
    <parameters>
      <dataTypeMetadata><id>unused</id><isNullable>false</isNullable>
        <dataTypeReference>com.example.Note</dataTypeReference><type>11</type></dataTypeMetadata>
      <id>unused</id><isRequired>true</isRequired><name>note</name>
    </parameters>
    <parameters>
      <dataTypeMetadata><id>unused</id><isNullable>true</isNullable>
        <enumValues>0</enumValues><enumValues>1</enumValues><type>7</type></dataTypeMetadata>
      <id>unused</id><isRequired>false</isRequired><name>priority</name><description>How urgent.</description>
    </parameters>
    <parameters>
      <dataTypeMetadata><id>unused</id><isNullable>false</isNullable><type>13</type></dataTypeMetadata>
      <id>unused</id><isRequired>true</isRequired><name>whenDone</name>
    </parameters>
    <response><id>unused</id>
      <valueType><id>unused</id><isNullable>false</isNullable><type>8</type></valueType></response>
    <schemaCategory>notes</schemaCategory>
    <functionId>com.example.Notes#createNote</functionId>
  </appfunction>
  <appfunction>
    <id>com.example.Lists#createNote</id>
    <description>Writes a note on a list.</description>
  </appfunction>
  <appfunction>
    <id>com.example.Notes#old</id>
    <deprecation><id>unused</id><message>Use another.</message></deprecation>
  </appfunction>
  <AppFunctionComponentMetadataDocument>
    <dataTypes>
      <dataTypeMetadata><id>unused</id><isNullable>true</isNullable>
        <objectQualifiedName>com.example.Note</objectQualifiedName>
        <properties>
          <dataTypeMetadata><id>unused</id><isNullable>false</isNullable><description>Its title.</description>
            <type>8</type></dataTypeMetadata>
          <id>unused</id><name>title</name>
        </properties>
        <properties>
          <dataTypeMetadata><id>unused</id><isNullable>true</isNullable>
            <itemType><dataTypeReference>com.example.Note</dataTypeReference><type>11</type></itemType>
            <type>10</type></dataTypeMetadata>
          <id>unused</id><name>parts</name>
        </properties>
        <required>title</required><type>3</type></dataTypeMetadata>
      <id>unused</id><name>com.example.Note</name>
    </dataTypes>
  </AppFunctionComponentMetadataDocument>
</appfunctions>
"""

PYTHON = '''
"""A module of somebody."""
from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from os.path import join
from typing import Annotated, Literal, Optional

from pydantic import BaseModel, Field


class Colour(enum.Enum):
    """Colours that the lamps know."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: float
    y: float = 0.0


class Guest(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0)] = 18


class Opaque:
    pass


def set_lamp(
    room: Literal["hall", "attic"], colour: Colour = Colour.RED, *, level: Annotated[int, "In percent."] = 50
) -> bool:
    """Sets a lamp.

    Slowly, if it can.

    Args:
        room: Where the lamp
            hangs.
        colour: Which colour.
    """


def book(guest: Guest, when: dt.datetime, note: Optional[str] = None, size: int = Field(2, ge=1, description="Seats.")):
    """Books a table.

    Parameters
    ----------
    guest : Guest
        Who comes.
    when : datetime
        When they come.
    """


async def move(to: Point, speed=3, thing=None, *rest, hook: Opaque = Opaque()):
    pass


def need(thing: Opaque, broken: "NoSuchName" = 1) -> str:
    """Needs a thing."""


def _private(x: int) -> int:
    """Is not public."""
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("specs")


def load(folder: Path, content: Any, name: str = "spec.json", **more: Any) -> Imported:
    """Import `content`, written to a file; whatever comes back is a spec that octo accepts."""
    file = folder / name
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return sound(load_any(str(file), app="mine", **more))


def sound(imported: Imported) -> Imported:
    written = json.dumps(imported.spec_data, ensure_ascii=False, allow_nan=False)
    written.encode("utf-8")
    assert parse_spec(json.loads(written)) == imported.spec
    assert 0 < len(imported.spec.functions) <= imported.found
    assert all(note.place and note.what and note.became and "\n" not in note.line() for note in imported.notes)
    return imported


def refusal(folder: Path, content: Any, name: str = "spec.json", **more: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load(folder, content, name, **more)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def fields(function: Function) -> dict[str, Any]:
    return dict(function.parameters["properties"])


def required(function: Function) -> list[str]:
    return list(function.parameters.get("required", ()))


def said(imported: Imported, *parts: str) -> bool:
    return any(all(part in note.line() for part in parts) for note in imported.notes)


# ---------------------------------------------------------------- OpenAPI


def test_openapi_names_and_descriptions(folder: Path) -> None:
    pets = load(folder, PETS, "pets.yaml")
    names = [f.name for f in pets.spec.functions]
    assert (pets.format, pets.found) == ("openapi", 5)
    assert names == ["list_pets", "addPet", "put_pets_id", "post_photos"]
    assert said(pets, "GET /pets", "'list pets!' is no function name", "'list_pets'")
    assert pets.spec.by_name["list_pets"].description == "Lists the pets."
    assert pets.spec.by_name["post_photos"].description == "Post photos"
    assert said(pets, "POST /photos", "no description", "made of its name")
    assert said(pets, "DELETE /pets/{id}", "deprecated", "left out")
    assert said(pets, "HEAD operations (1 time)")


def test_openapi_parameters_of_path_and_operation(folder: Path) -> None:
    pets = load(folder, PETS, "pets.yaml")
    listed = pets.spec.by_name["list_pets"]
    assert fields(listed) == {
        "limit": {"type": "integer", "exclusiveMinimum": 0, "maximum": 100, "default": 20, "description": "How many."},
        "kinds[]": {"type": "array", "items": {"type": "string"}},
    }
    assert required(listed) == []
    assert listed.returns == {"type": "string"}
    assert said(pets, "header 'trace' (2 times)", "left to the app")
    assert said(pets, "query parameter 'api_key'", "proves who calls")


def test_openapi_body_is_merged_flattened_and_cut_where_it_contains_itself(folder: Path) -> None:
    pets = load(folder, PETS, "pets.yaml")
    added = pets.spec.by_name["addPet"]
    assert fields(added) == {
        "name": {"type": "string", "examples": ["Rex"]},
        "nick": {"type": ["string", "null"]},
        "kind": {"type": "string", "enum": ["dog", "cat", "no"]},
        "born": {"type": "string", "format": "date", "default": "2020-01-01"},
        "parent": {"type": "object"},
        "secret": {"type": "string"},
        "limit": {"type": "string"},
    }
    assert required(added) == ["name", "kind"]
    assert said(pets, "POST /pets: body.id", "readOnly")
    assert said(pets, "POST /pets: body.parent", "contains itself", "cut to any")


def test_openapi_clashing_names_and_references_that_lead_away(folder: Path) -> None:
    pets = load(folder, PETS, "pets.yaml")
    changed = pets.spec.by_name["put_pets_id"]
    assert fields(changed) == {"id": {"type": "integer"}, "id_body": {"type": "string"}, "colour": {}, "age": {}}
    assert required(changed) == ["id"], "the body may be left out, and says so"
    assert said(pets, "PUT /pets/{id}: id", "a second parameter of that name", "'id_body'")
    assert said(pets, "'colours.yaml#/Colour' leads outside the document", "any value")
    assert said(pets, "'#/nowhere' leads nowhere", "any value")


def test_openapi_files_are_named_and_left_out(folder: Path) -> None:
    pets = load(folder, PETS, "pets.yaml")
    assert fields(pets.spec.by_name["post_photos"]) == {"caption": {"type": "string"}}
    assert said(pets, "body.file", "a file")


def test_openapi_3_1_alternatives_results_and_text_bodies(folder: Path) -> None:
    shop = load(folder, SHOP)
    order = shop.spec.by_name["orders/create"]
    assert fields(order) == {
        "kind": {"type": "string", "enum": ["food", "drink"]},
        "dish": {"type": "string"},
        "size": {"type": ["integer", "null"], "exclusiveMinimum": 0},
    }
    assert required(order) == ["kind"]
    assert order.returns == {"type": "object", "properties": {"number": {"type": "integer"}}}
    assert fields(shop.spec.by_name["note"]) == {"body": {"type": "string"}}
    assert said(shop, "1 webhooks") and said(shop, "one of 2 objects", "joined")


def test_swagger_2(folder: Path) -> None:
    pets = load(folder, SWAGGER)
    add, photo = pets.spec.functions
    assert fields(add) == {"notify": {"type": "boolean", "description": "Tell the owner?"}, "name": {"type": "string"}}
    assert required(add) == ["name"]
    assert fields(photo) == {"caption": {"type": "string"}} and required(photo) == ["caption"]
    assert said(pets, "header parameter 'X-Key'") and said(pets, "body.file", "a file")


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        (["reading"], [], ["list_pets"]),
        (["/pets*"], [], ["list_pets", "addPet", "put_pets_id"]),
        (["post *"], ["/photos"], ["addPet"]),
        ([], ["*pets*"], ["post_photos"]),
    ],
)
def test_operations_are_chosen_by_name_path_place_and_tag(
    folder: Path, include: list[str], exclude: list[str], names: list[str]
) -> None:
    pets = load(folder, PETS, "pets.yaml", include=include, exclude=exclude)
    assert [f.name for f in pets.spec.functions] == names
    assert said(pets, "that --include and --exclude do not choose")


def test_a_choice_of_nothing_is_one_line(folder: Path) -> None:
    assert "none of its 5 operations can be taken over" in refusal(folder, PETS, "pets.yaml", include=["x"])
    assert "none of its 2 operations" in refusal(folder, OCTO, include=["x"])


def test_a_schema_that_is_too_deep_or_too_wide_is_cut_and_named(folder: Path) -> None:
    deep: Any = {"type": "string"}
    for _ in range(30):
        deep = {"type": "object", "properties": {"in": deep}, "required": ["in"]}
    wide = {"type": "object", "properties": {f"x{i}": {"type": "string"} for i in range(1000)}}
    tool = {
        "name": "go",
        "description": "Goes.",
        "inputSchema": {"type": "object", "properties": {"a": deep, "b": wide}},
    }
    made = load(folder, {"tools": [tool]})
    assert said(made, "nested deeper than", "left open") and said(made, "more than 300 schemas within one parameter")
    levels, inner = 0, fields(made.spec.functions[0])["a"]
    while "properties" in inner:
        levels, inner = levels + 1, inner["properties"]["in"]
    assert levels == MAX_NESTING - 1 and inner == {"type": "object"}


def test_one_bad_operation_does_not_touch_the_others(folder: Path) -> None:
    bad = copy.deepcopy(SHOP)
    bad["paths"]["/bad"] = {"post": "nothing", "get": {"operationId": 7, "parameters": [None, {"$ref": "#/x"}]}}
    bad["paths"]["/worse"] = {"$ref": "#/paths/~1worse"}
    made = load(folder, bad)
    assert [f.name for f in made.spec.functions] == ["orders/create", "note", "get_bad"]
    assert said(made, "POST /bad", "is no operation") and said(made, "/worse", "is no path item")


def test_names_that_clash_are_made_unique(folder: Path) -> None:
    paths = {f"/{i}": {"get": {"operationId": name}} for i, name in enumerate(["go!", "go?", "go", "g" * 99, "g" * 98])}
    names = [f.name for f in load(folder, {"openapi": "3.0.0", "paths": paths}).spec.functions]
    assert names == ["go", "go_2", "go_3", "g" * 64, "g" * 62 + "_2"]


# ---------------------------------------------------------------- schemas


def tool_fields(folder: Path, **properties: Any) -> tuple[dict[str, Any], Imported]:
    tool = {"name": "go", "description": "Goes.", "inputSchema": {"type": "object", "properties": properties}}
    made = load(folder, {"tools": [tool]})
    return fields(made.spec.functions[0]), made


@pytest.mark.parametrize(
    ("raw", "schema", "note"),
    [
        ({"type": "integer", "default": "x"}, {"type": "integer"}, "default 'x' breaks its own schema"),
        ({"type": "strin"}, {}, "'strin' is no type"),
        ({"type": "Float"}, {"type": "number"}, "type 'Float'"),
        ({"type": "string", "pattern": "(["}, {"type": "string"}, "pattern '(['"),
        ({"type": "string", "minLength": -1}, {"type": "string"}, "minLength -1"),
        ({"type": "string", "enum": [1, 2]}, {"enum": [1, 2]}, "no value of enum is of type string"),
        ({"type": "string", "enum": ["a", 1]}, {"type": "string", "enum": ["a"]}, "values that are no string"),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}, ""),
        (
            {"anyOf": [{"type": "string", "format": "time"}, {"type": "null"}]},
            {"type": ["string", "null"], "format": "time"},
            "",
        ),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, {"type": "integer", "enum": [1, 2]}, "oneOf"),
        ({"allOf": [{"minimum": 1}, {"minimum": 3, "type": "number"}, {"type": "integer"}]},
         {"minimum": 3, "type": "integer"}, ""),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, {"type": "string"}, "two different values of 'type'"),
        ({"$ref": "#/properties/x"}, {}, "contains itself"),
        ({"$ref": 3}, {}, "the reference 3 is no text"),
        ("text", {}, "'text' is no schema"),
        ({"type": "object", "properties": {"a": {"required": True}}},
         {"type": "object", "properties": {"a": {}}, "required": ["a"]}, ""),
        ({"type": "string", "xml": {}}, {"type": "string"}, "keyword 'xml' (1 time)"),
        ({"not": {"$ref": "#/none"}}, {}, "or it would forbid more"),
        ({"type": "string", "examples": ["a", 1]}, {"type": "string", "examples": ["a"]}, "an example that breaks"),
        ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}, ""),
    ],
)  # fmt: skip
def test_a_schema_is_mended_and_each_mend_is_named(folder: Path, raw: Any, schema: Any, note: str) -> None:
    made, imported = tool_fields(folder, x=raw)
    assert made == {"x": schema}
    assert said(imported, note) if note else not imported.notes


def test_rules_about_all_arguments_are_kept_or_named(folder: Path) -> None:
    rules = {"dependentRequired": {"a": ["b"]}, "minProperties": 1, "additionalProperties": True}
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, **rules}
    made = load(folder, {"tools": [{"name": "go", "description": "Goes.", "inputSchema": schema}]})
    assert made.spec.functions[0].parameters["dependentRequired"] == {"a": ["b"]}
    assert said(made, "minProperties about all arguments at once") and said(made, "fields beyond the named ones")
    body = {"content": {"application/json": {"schema": schema}}}
    made = load(folder, {"openapi": "3.1.0", "paths": {"/go": {"post": {"requestBody": body}}}})
    assert said(made, "dependentRequired about all arguments at once")


def test_parameter_names_are_made_to_fit(folder: Path) -> None:
    made, imported = tool_fields(folder, **{"a b": {"type": "string"}, "a,b": {}, "": {}, "§": {}})
    assert list(made) == ["a_b", "a_b_2", "value", "value_2"]
    assert said(imported, "a b", "no parameter name", "'a_b'")


def test_long_descriptions_are_cut_at_a_paragraph_or_sentence(folder: Path) -> None:
    sentences = "It does a thing. " * 60
    tools = [
        {"name": "a", "description": sentences, "inputSchema": {}},
        {"name": "b", "description": "x" * 999, "inputSchema": {}},
    ]
    made = load(folder, {"tools": tools})
    first, second = (f.description for f in made.spec.functions)
    assert len(first) <= MAX_DESCRIPTION and first.endswith("thing.") and len(second) == MAX_DESCRIPTION
    assert said(made, "a description that is very long (2 times)")


def test_names_and_words() -> None:
    assert function_name("GET /pets/{id}") == "GET_/pets/_id"
    assert function_name("9 lives") == "f_9_lives" and function_name("äh") == "f_äh" and function_name("!") == "f"
    assert parameter_name("filter[a]") == "filter[a]" and parameter_name("a b") == "a_b"
    assert sentence_of("getHTTPStatus_by-id") == "Get HTTP status by id"


# ---------------------------------------------------------------- lists of tools


@pytest.mark.parametrize("data", [CHAT_TOOLS, RESPONSES_TOOLS, OLD_FUNCTIONS, {"tools": CHAT_TOOLS}, CHAT_TOOLS[0]])
def test_openai_lists(folder: Path, data: Any) -> None:
    made = load(folder, data)
    weather = made.spec.by_name["weather"]
    assert made.format == "openai" and weather.description == "Tells the weather."
    assert fields(weather) == {
        "city": {"type": "string", "description": "The city."},
        "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
        "day": {"type": "string", "format": "date"},
    }
    assert required(weather) == ["city"]
    assert said(made, "web_search", "has no parameters") == (data in (CHAT_TOOLS, {"tools": CHAT_TOOLS}))


@pytest.mark.parametrize("data", [MCP, MCP["result"], MCP["result"]["tools"]])
def test_mcp_answers(folder: Path, data: Any) -> None:
    made = load(folder, data)
    weather, wipe = made.spec.functions
    assert made.format == "mcp" and list(fields(weather)) == ["city", "unit", "day"]
    assert weather.returns == {"type": "object", "properties": {"degrees": {"type": "number"}}}
    assert wipe.confirm and wipe.description == "Wipe"
    assert said(made, "the list goes on") == (data is not MCP["result"]["tools"])


def test_an_mcp_error_is_one_line(folder: Path) -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}
    assert "answered with an error: 'Method not found'" in refusal(folder, error)


def test_octos_own_format_is_left_as_it_is(folder: Path) -> None:
    made = load(folder, OCTO)
    assert made.format == "octo" and not made.notes
    assert made.spec == parse_spec(OCTO, app="mine") and made.spec_data["functions"][0]["parameters"] == TOOL
    assert [f.name for f in load(folder, OCTO["functions"], include=["s*"]).spec.functions] == ["stop"]
    with pytest.raises(BadInput, match=r"spec\.json: functions\[0\]\.description: missing or empty"):
        load(folder, [{"name": "go"}])


# ---------------------------------------------------------------- AppFunctions


def test_appfunctions(folder: Path) -> None:
    made = load(folder, APP_FUNCTIONS, "app_functions_v2.xml")
    note, listed = made.spec.functions
    assert (made.format, made.found, note.name, listed.name) == ("appfunctions", 3, "createNote", "createNote_2")
    assert note.description == "Writes a note." and note.returns == {"type": "string"}
    assert fields(note) == {
        "note": {
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "Its title."},
                "parts": {"type": ["array", "null"], "items": {"type": "object"}},
            },
            "required": ["title"],
        },
        "priority": {"type": ["integer", "null"], "enum": [0, 1, None], "description": "How urgent."},
    }
    assert required(note) == ["note"]
    assert said(made, "whenDone", "an Android object") and said(made, "com.example.Notes#old", "deprecated")
    assert said(made, "not enabled by default") and said(made, "contains itself")


def test_the_older_appfunctions_have_names_alone(folder: Path) -> None:
    old = "<appfunctions><appfunction><function_id>a.B#go</function_id></appfunction></appfunctions>"
    made = load(folder, old, "app_functions.xml")
    assert [f.name for f in made.spec.functions] == ["go"] and said(made, "names of functions alone")


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ("<appfunctions>", "spec.xml:1: not XML"),
        ("<appfunctions/>", "no <appfunction> in it"),
        ("<manifest/>", "<manifest> instead of <appfunctions>"),
        ("<AppFunctionAppMetadata/>", "describes the app"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><appfunctions>&b;</appfunctions>', "declares a document type"),
        ("<a>" * 500 + "</a>" * 500, "nested deeper"),
        ('<?xml version="1.0" encoding="none"?><a/>', "not XML"),
    ],
)
def test_other_xml_is_one_line(folder: Path, xml: str, says: str) -> None:
    assert says in refusal(folder, xml, "spec.xml")


# ---------------------------------------------------------------- Python


def test_python_functions(folder: Path) -> None:
    made = load(folder, PYTHON, "lamps.py")
    assert made.format == "python" and [f.name for f in made.spec.functions] == ["set_lamp", "book", "move", "need"]
    lamp = made.spec.by_name["set_lamp"]
    assert lamp.description == "Sets a lamp.\n\nSlowly, if it can." and lamp.returns == {"type": "boolean"}
    assert fields(lamp) == {
        "room": {"type": "string", "enum": ["hall", "attic"], "description": "Where the lamp hangs."},
        "colour": {"type": "string", "enum": ["red", "blue"], "description": "Which colour.", "default": "red"},
        "level": {"type": "integer", "description": "In percent.", "default": 50},
    }
    assert required(lamp) == ["room"]


def test_python_models_and_numpy_docstrings(folder: Path) -> None:
    book = load(folder, PYTHON, "lamps.py").spec.by_name["book"]
    assert fields(book) == {
        "guest": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "default": 18}},
            "required": ["name"],
            "description": "Who comes.",
        },
        "when": {"type": "string", "format": "date-time", "description": "When they come."},
        "note": {"type": ["string", "null"], "default": None},
        "size": {"type": "integer", "minimum": 1, "description": "Seats.", "default": 2},
    }
    assert required(book) == ["guest", "when"]


def test_python_what_has_no_schema_is_named(folder: Path) -> None:
    made = load(folder, PYTHON, "lamps.py")
    move, need = made.spec.by_name["move"], made.spec.by_name["need"]
    assert list(fields(move)) == ["to", "speed", "thing"] and fields(move)["speed"] == {"type": "integer", "default": 3}
    assert list(fields(move)["to"]["properties"]) == ["x", "y"] and move.description == "Move"
    assert (
        said(made, "*rest") and said(made, "move: hook", "no JSON Schema") and said(made, "move: speed", "no type hint")
    )
    assert said(made, "need", "type hints cannot be read") and required(need) == ["thing"]


def test_a_python_module_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "octo_test_house").mkdir()
    (tmp_path / "octo_test_house" / "__init__.py").write_text("")
    (tmp_path / "octo_test_house" / "doors.py").write_text(PYTHON)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    made = sound(load_any("octo_test_house.doors", app="mine"))
    assert made.found == 4 and sys.path == before
    with pytest.raises(BadInput, match="no public functions of its own"):
        load_any("octo_test_house", app="mine")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import no_such_module_at_all", "bad.py:1: cannot be imported: ModuleNotFoundError"),
        ("x = 1\ndef f(:\n  pass", "bad.py:2: cannot be imported: SyntaxError"),
        ("def f(): pass\n\n1 / 0", "bad.py:3: cannot be imported: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('no')", "bad.py:2: cannot be imported: SystemExit: no"),
        ("x = 1", "no public functions of its own"),
        ("\0", "bad.py"),
    ],
)
def test_a_python_file_that_fails_is_one_line(folder: Path, code: str, says: str) -> None:
    assert says in refusal(folder, code, "bad.py")


# ---------------------------------------------------------------- recognising, and refusing in one line


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (PETS, "a.yaml", "openapi"),
        (PETS, "a.txt", "openapi"),
        (yaml.safe_dump(SHOP), "a.yml", "openapi"),
        (SWAGGER, "a", "openapi"),
        (CHAT_TOOLS, "a.json", "openai"),
        (yaml.safe_dump(CHAT_TOOLS), "a.yaml", "openai"),
        (OLD_FUNCTIONS, "a.json", "openai"),
        (MCP, "a.json", "mcp"),
        ([{"name": "go", "description": "Goes."}], "a.json", "octo"),
        (OCTO, "a.json", "octo"),
        (APP_FUNCTIONS, "a.bin", "appfunctions"),
        ("\ufeff" + APP_FUNCTIONS, "a.xml", "appfunctions"),
        (PYTHON, "a_module.py", "python"),
    ],
)
def test_the_format_is_told_from_the_content(folder: Path, content: Any, name: str, format: str) -> None:
    assert load(folder, content, name).format == format
    assert load(folder, content, name, format=format).format == format


def test_a_named_format_wins(folder: Path) -> None:
    functions = [{"name": "go"}]
    assert load(folder, functions, format="openai").format == "openai"
    assert "no list of tools" in refusal(folder, SHOP, format="mcp")
    assert "paths: none in it" in refusal(folder, {"openapi": "3.0.0"}, format="openapi")
    assert "--format: 'swagger' is unknown" in refusal(folder, SHOP, format="swagger")
    assert "version '1.2'" in refusal(folder, {"swagger": "1.2"})


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ('{\n "a": [,]\n}', "a.json", "a.json:2: not JSON"),
        ("", "a.json", "a.json:1: not JSON"),
        ("a: [1\nb: 2", "a.yaml", "a.yaml:2: not YAML"),
        ("just words", "a.txt", "in no format that octo knows"),
        ({"name": "left-pad", "version": "1"}, "package.json", "in no format that octo knows"),
        ("a: &x [*x]", "a.yaml", "stands within what it names"),
        ("a: *x", "a.yaml", "a.yaml:1: not YAML that octo can read: *x names nothing"),
        ("? [a]\n: 1", "a.yaml", "a key that is a list"),
        ("a: 1\n---\nb: 2", "a.yaml", "a.yaml:2: a second document"),
        ("[" * 100_000, "a.json", "nested too deep"),
        ("[" * 100_000, "a.yaml", "nested deeper than 100 levels"),
        ("- " * 5_000, "a.yaml", "nested deeper than 100 levels"),
        ("9" * 5_000, "a.yaml", "a number too long"),
        (b"\xff\xfe\x00", "a.yaml", "byte 0 is not UTF-8"),
        ('{"openapi": "3.0.0", "paths": []}', "a.json", "paths: none in it"),
    ],
)  # fmt: skip
def test_a_file_of_no_use_is_one_line(folder: Path, content: Any, name: str, says: str) -> None:
    assert says in refusal(folder, content, name)


def test_no_such_file_folder_or_module(tmp_path: Path) -> None:
    for source, says in [
        (str(tmp_path / "none.json"), "no such file"),
        ("none.yaml", "none.yaml: no such file"),
        ("none.py", "none.py: no such file"),
        ("no_such_module.at_all", "no such file, and no Python module"),
        (str(tmp_path), "is a folder"),
        ("a\0b", "cannot be read"),
        ("x" * 5_000, "no such file, and no Python module"),
    ]:
        with pytest.raises(BadInput) as caught:
            load_any(source, app="mine")
        assert says in str(caught.value) and len(str(caught.value).splitlines()) == 1
    with pytest.raises(BadInput, match="'Bad App' is no app name"):
        (tmp_path / "a.json").write_text(json.dumps(SHOP))
        load_any(str(tmp_path / "a.json"), app="Bad App")


def test_yaml_is_read_as_version_1_2_says(folder: Path) -> None:
    text = """
    base: &base {on: yes, a: 1}
    made: {<<: *base, a: 2, 200: 2020-01-01, 1.10: 1_0, ~: 0o17, k: 1:30, t: true, n: null, f: 1e3, s: !!str 1,
           i: !include x}
    """
    ledger = Ledger()
    data = parse_document(textwrap.dedent(text).encode(), folder / "a.yaml", ledger)
    assert data["made"] == {
        "on": "yes", "a": 2, "200": "2020-01-01", "1.10": "1_0", "~": 15, "k": "1:30", "t": True, "n": None,
        "f": 1000.0, "s": "1", "i": "x",
    }  # fmt: skip
    assert [note.what for note in ledger.notes()] == ["the tag '!include' of 'x'"]


def test_a_yaml_bomb_is_refused_quickly(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "its aliases stand for more than" in refusal(folder, "\n".join(lines), "bomb.yaml")
    merges = ["a0: &a0 {k: 1}"]
    merges += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10)]
    assert "in no format" in refusal(folder, "\n".join(merges), "merges.yaml")


def test_what_is_no_json_is_named(folder: Path) -> None:
    text = json.dumps(
        {"tools": [{"name": "go", "description": "Goes \ud800.", "inputSchema": {"properties": {"x": {"minimum": 0}}}}]}
    )
    made = load(folder, text.replace('"minimum": 0', '"minimum": NaN, "maximum": 1e999, "title": "a", "title": "b"'))
    assert made.spec.functions[0].description == "Goes \ufffd."
    for what in ("NaN is no JSON number", "inf is no JSON number", "half a character", "key 'title' stands twice"):
        assert said(made, what)


# ---------------------------------------------------------------- the project that init makes


def test_init_writes_a_project_and_all_notes(folder: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    (folder / "pets.yaml").write_text(PETS)
    code, out, err = run("init", tmp_path / "pets", "--spec", folder / "pets.yaml", "--exclude", "/photos")
    assert code == 0, err
    assert "3 of 5 operations came through (openapi)" in out
    notes = (tmp_path / "pets" / "import.md").read_text()
    assert "3 of 5 operations came through" in notes and "POST /pets: body.id: readOnly: left out" in notes
    assert "warning: DELETE /pets/{id}: deprecated: left out" in err and "all notes are in" in out
    assert json.loads((tmp_path / "pets" / "api.json").read_text())["app"] == "pets"


def test_init_says_when_functions_are_many_and_limits_what_it_shows(
    folder: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    paths = {f"/p{i}": {"get": {"operationId": f"get {i}"}} for i in range(120)}
    (folder / "many.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    code, out, err = run("init", tmp_path / "many", "--spec", folder / "many.json")
    assert code == 0 and "120 of 120 operations came through" in out
    assert "120 functions are many for one small model" in err
    assert "and 225 more notes" in err and err.count("warning: ") == 17


def test_init_with_a_spec_that_needs_no_notes_writes_none(folder: Path, tmp_path: Path) -> None:
    (folder / "octo.json").write_text(json.dumps(OCTO))
    report = scaffold(tmp_path / "plain", spec_file=folder / "octo.json")
    assert {p.name for p in report.root.iterdir()} == {".gitignore", "api.json", "octo.toml", "tokens.json"}
    assert report.notes_file is None and report.spec.app == "plain"


def test_init_refuses_in_one_line_and_leaves_nothing(folder: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    (folder / "bad.json").write_text(json.dumps({"openapi": "9"}))
    for arguments, says in [
        (["--spec", str(folder / "bad.json")], "version '9'"),
        (["--spec", "no_such_module_here"], "no Python module of that name"),
        (["--include", "x"], "--format, --include and --exclude choose from a spec"),
        (["--spec", str(folder / "bad.json"), "--format", "xml"], "--format: 'xml' is unknown"),
    ]:
        code, out, err = run("init", tmp_path / "new", *arguments)
        assert (code, out) == (2, "") and says in err
        assert len([line for line in err.splitlines() if line.startswith("octo: ")]) == 1
        assert not (tmp_path / "new").exists()


# ---------------------------------------------------------------- whatever a file holds


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYWORDS = (
    "type", "enum", "default", "items", "properties", "required", "pattern", "format", "$ref", "$defs", "anyOf",
    "oneOf", "allOf", "minimum", "exclusiveMinimum", "multipleOf", "maxLength", "const", "not", "if", "then",
    "description", "examples", "example", "nullable", "readOnly", "deprecated", "additionalProperties", "dependencies",
    "dependentRequired", "patternProperties", "prefixItems", "uniqueItems", "minItems", "contains", "definitions",
)  # fmt: skip
LIKELY = st.sampled_from(
    ["string", "integer", "object", "array", "null", "#", "#/$defs/a", "#/properties/x", "#/components/schemas/Pet",
     "date", "time", "[a", "^a+$", ["a"], ["string", "null"], True, False, 0, 1, -1, 1e400, {}, [], [{}], ""]
)  # fmt: skip
loose_schemas = st.recursive(
    st.dictionaries(st.sampled_from(KEYWORDS), LIKELY | json_values, max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYWORDS),
        inner
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y", "a b", "^a", "("]), inner, max_size=3)
        | LIKELY,
        max_size=4,
    ),
    max_leaves=10,
)
NO_LIMITS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def imported_or_refused(folder: Path, content: Any, name: str, **more: Any) -> None:
    try:
        load(folder, content, name, **more)
    except BadInput as error:
        assert error.message.strip()


def places_of(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every node."""
    yield at
    for key, inner in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places_of(inner, (*at, key))


def replaced(data: Any, way: tuple[Any, ...], value: Any) -> Any:
    """A copy of `data` with another value at one place."""
    if not way:
        return value
    made = copy.copy(data)
    made[way[0]] = replaced(data[way[0]], way[1:], value)
    return made


def mutated(draw: Any, data: Any) -> Any:
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(list(places_of(data))))
        kind = draw(st.integers(0, 3))
        if kind == 0 and way:  # moved to another key
            data = replaced(data, way[:-1], _renamed(draw, data, way))
        else:
            data = replaced(data, way, draw(LIKELY | loose_schemas | json_values))
    return data


def _renamed(draw: Any, data: Any, way: tuple[Any, ...]) -> Any:
    holder = data
    for key in way[:-1]:
        holder = holder[key]
    if isinstance(holder, list):
        return [*holder, draw(json_values)]
    other = draw(st.sampled_from(KEYWORDS) | st.text(max_size=4))
    return {(other if key == way[-1] else key): value for key, value in holder.items()}


@NO_LIMITS
@given(value=json_values, format=st.none() | st.sampled_from(FORMATS[:4]))
def test_any_json_is_imported_or_refused(folder: Path, value: Any, format: str | None) -> None:
    imported_or_refused(folder, value, "any.json", format=format)


@NO_LIMITS
@given(content=st.text(max_size=60) | st.binary(max_size=60), suffix=st.sampled_from(["yaml", "json", "xml", "txt"]))
def test_any_content_is_imported_or_refused(folder: Path, content: str | bytes, suffix: str) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    imported_or_refused(folder, raw, f"any.{suffix}")


@NO_LIMITS
@given(text=st.text(alphabet="ab01:-?[]{}&*!|>'\"%#,.~<\\\n\t ", max_size=40))
def test_anything_like_yaml_is_read_or_refused(folder: Path, text: str) -> None:
    imported_or_refused(folder, text, "any.yaml")


@NO_LIMITS
@given(value=json_values.filter(lambda v: not any(isinstance(x, float) and x - x != 0 for x in _leaves(v))))
def test_yaml_gives_back_what_was_written(folder: Path, value: Any) -> None:
    for flow in (True, False):
        text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=False)
        assert parse_document(text.encode("utf-8", "surrogatepass"), folder / "a.yaml", Ledger()) == value


def _leaves(value: Any) -> Iterator[Any]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _leaves(inner)
    yield value


@NO_LIMITS
@given(schema=loose_schemas)
def test_a_tool_with_any_schema_is_imported(folder: Path, schema: Any) -> None:
    tools = [
        {"name": "one", "description": "One.", "inputSchema": schema},
        {"name": "two", "description": "Two.", "inputSchema": {"properties": {"x": schema}, "required": ["x", "y"]}},
        {"name": "three", "description": "Three.", "outputSchema": schema},
    ]
    made = load(folder, {"tools": tools})
    assert [f.name for f in made.spec.functions] == ["one", "two", "three"], made.notes


plain_schemas = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "boolean", "null"])})
    | st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"])}, optional={"minimum": st.integers(-3, 3)})
    | st.fixed_dictionaries({"enum": st.lists(st.sampled_from(["a", "b", 1, None, True]), min_size=1, max_size=3)}),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2)},
            optional={"required": st.lists(st.sampled_from("ab"), unique=True, max_size=2)},
        )
    ),
    max_leaves=5,
)
plain_values = st.recursive(
    st.sampled_from(["a", "b", 1, 0, -5, 2.5, None, True, False]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@NO_LIMITS
@given(schema=plain_schemas, values=st.lists(plain_values, min_size=1, max_size=8))
def test_a_plain_schema_admits_what_it_admitted(folder: Path, schema: Any, values: list[Any]) -> None:
    made, imported = tool_fields(folder, x=schema)
    for value in values:
        if is_valid(value, schema):
            assert is_valid(value, made["x"])
        elif not imported.notes:
            assert not is_valid(value, made["x"])


DOCUMENTS: list[Any] = [yaml.safe_load(PETS), SHOP, SWAGGER, CHAT_TOOLS, RESPONSES_TOOLS, OLD_FUNCTIONS, MCP, OCTO]


def as_json(document: Any) -> Any:
    """The document with text for keys and dates, as JSON has it."""
    return json.loads(json.dumps(document, default=str))


@pytest.mark.slow
@settings(NO_LIMITS, max_examples=800)
@given(data=st.data(), document=st.sampled_from([as_json(d) for d in DOCUMENTS]))
def test_a_mutated_document_is_imported_or_refused(folder: Path, data: st.DataObject, document: Any) -> None:
    changed = mutated(data.draw, document)
    imported_or_refused(folder, changed, "any.json")
    if not any(isinstance(leaf, float) for leaf in _leaves(changed)):
        imported_or_refused(folder, yaml.safe_dump(changed).encode("utf-8", "surrogatepass"), "any.yaml")


@pytest.mark.slow
@settings(NO_LIMITS, max_examples=300)
@given(data=st.data())
def test_mutated_appfunctions_are_imported_or_refused(folder: Path, data: st.DataObject) -> None:
    root = ElementTree.fromstring(APP_FUNCTIONS.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        elements = list(root.iter())
        element = data.draw(st.sampled_from(elements))
        kind = data.draw(st.integers(0, 3))
        if kind == 0:
            element.text = data.draw(
                st.sampled_from(["0", "3", "10", "11", "12", "14", "99", "true", "", "com.example.Note"])
            )
        elif kind == 1:
            element.tag = data.draw(st.sampled_from(elements)).tag
        elif kind == 2:
            element.append(copy.deepcopy(data.draw(st.sampled_from(elements))))
        else:
            element.clear()
    imported_or_refused(folder, ElementTree.tostring(root), "any.xml")
