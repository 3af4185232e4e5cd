# SPDX-License-Identifier: Apache-2.0
"""The schema of saved profiles is published and holds; files that earlier versions of mcusim wrote still load.

`tests/profiles/` has such files as they were written: golden profiles out of this project's history.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import GOLDEN
from fakes import make_profile
from fakes_memory import make_network_profile

from mcusim import profile_io
from mcusim.errors import McusimError
from mcusim.profile import SCHEMA_VERSION
from mcusim.profile_code import Branch, Code, CodeFile, CodeFunction
from mcusim.reports import FORMATS, render_bytes

OLD = Path(__file__).resolve().parent / "profiles"
PUBLISHED = Path(__file__).resolve().parents[1] / "docs" / "profile-schema.json"
SAVED = sorted([*GOLDEN.glob("*/profile.json"), *(GOLDEN / "profiles").glob("*.json")])


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(profile_io.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_is_that_of_the_dataclasses(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--regenerate"):
        PUBLISHED.write_bytes(profile_io.json_schema())
    published = json.loads(PUBLISHED.read_bytes())
    assert published == json.loads(profile_io.json_schema()), "if meant, run 'pytest --regenerate'"
    assert published["$defs"]["Profile"]["properties"]["schema_version"]["const"] == SCHEMA_VERSION


@pytest.mark.parametrize("path", SAVED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden_profiles_obey_the_schema(path: Path, validator: Any) -> None:
    validator.validate(json.loads(path.read_bytes()))


def test_the_schema_refuses_what_is_no_profile(validator: Any) -> None:
    raw = json.loads(profile_io.dumps(make_profile()))
    validator.validate(raw)
    for change in ({"totals": None}, {"functions": [{}]}, {"schema_version": SCHEMA_VERSION - 1}, {"output": 3}):
        assert not validator.is_valid({**raw, **change})


def test_code_is_saved_and_obeys_the_schema(validator: Any) -> None:
    profile = make_network_profile()
    profile.code = Code([CodeFile("a.c", [1, 3])], [CodeFunction("main", "a.c", 1, -1)], [Branch(0x08000400, 3, 0)])
    data = profile_io.dumps(profile)
    assert profile_io.loads(data) == profile
    validator.validate(json.loads(data))
    profile.code.functions[0].function = len(profile.functions)
    with pytest.raises(McusimError, match=r"damaged profile: code\.functions\[0\]\.function: no function"):
        profile_io.loads(profile_io.dumps(profile))


@pytest.mark.parametrize(("name", "version"), [("schema-1", 1), ("schema-2", 2), ("schema-3", 3)])
def test_files_of_earlier_versions_load(name: str, version: int, validator: Any) -> None:
    raw = json.loads((OLD / f"{name}.json").read_bytes())
    assert raw["schema_version"] == version
    profile = profile_io.load_profile(OLD / f"{name}.json")
    assert profile.schema_version == SCHEMA_VERSION
    assert profile.totals.cycles == raw["totals"]["cycles"] > 0
    assert [function.self_cycles for function in profile.functions] == [f["self_cycles"] for f in raw["functions"]]
    assert len(profile.instructions) == len(raw["instructions"])
    data = profile_io.dumps(profile)
    validator.validate(json.loads(data))
    assert profile_io.loads(data) == profile
    for form in set(FORMATS) - {"lcov"}:
        assert render_bytes(profile, form)
    with pytest.raises(McusimError, match="the profile has no lines of code"):
        render_bytes(profile, "lcov")


def test_the_deepest_calls_of_early_files_are_kept() -> None:
    raw = json.loads((OLD / "schema-3.json").read_bytes())
    path = raw["memory"]["stack_path"]
    assert path
    profile = profile_io.load_profile(OLD / "schema-3.json")
    assert not profile.stacks or profile.stacks[0].path == path


def test_the_first_files_of_schema_2_had_no_guessed_registers() -> None:
    raw = json.loads((OLD / "schema-2.json").read_bytes())
    raw.pop("guessed")
    assert profile_io.loads(json.dumps(raw).encode()).guessed == []


def test_what_cannot_be_carried_over_is_one_clear_line() -> None:
    with pytest.raises(McusimError) as caught:
        profile_io.load_profile(OLD / "schema-3-touched.json")
    assert str(caught.value).endswith(
        "schema-3-touched.json: saved by an early mcusim (schema 3) that cannot be carried over: statics say how many "
        "bytes were touched, not how many were used: run the profile again"
    )
