"""JSON and TOML from outside: whatever is wrong with a text is a ValueError."""

import json

import pytest

from edgecnn.core.json_text import MAX_DEPTH, json_value
from edgecnn.core.toml_text import toml_tables


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 100_000])
@pytest.mark.parametrize("form", [str, str.encode])
def test_deeply_nested_json_is_refused(depth, form):
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = opening * depth + "1" + closing * depth
        with pytest.raises(ValueError, match="nested more than 128 levels"):
            json_value(form(text))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 100_000])
def test_deeply_nested_toml_is_refused(depth):
    with pytest.raises(ValueError, match="nested more than 128 levels"):
        toml_tables("a = " + "[" * depth + "1" + "]" * depth)
    if depth < 1000:  # dotted keys take time in the square of their number
        with pytest.raises(ValueError, match="nested more than 128 levels"):
            toml_tables(".".join("a" * depth) + " = 1")


def test_many_values_side_by_side_are_read():
    value = [[[n], {"n": n}] for n in range(10_000)]
    assert json_value(json.dumps(value)) == value
    nested = "x"
    nested: object = "x"
    for _ in range(MAX_DEPTH):
        nested = [nested]
    assert json_value(json.dumps(nested)) == nested


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe\xfa", b"\x80", "nul", "9" * 5000])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        json_value(text)


@pytest.mark.parametrize("text", ["[", "a = ", "a = 1\na = 2"])
def test_what_is_no_toml_is_a_value_error(text):
    with pytest.raises(ValueError):
        toml_tables(text)
