"""What all charts share: where they go, and files that need neither network nor browser.

A chart is a Vega-Lite specification; Vega draws it in a page and, by vl-convert, without one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from edgecnn.core.errors import InputError, MissingExtraError
from edgecnn.core.escaping import in_html, printable
from edgecnn.core.files import check_target, quoted, replacing
from edgecnn.core.json_writing import json_values

CHART_FORMS = ("png", "svg", "html")
CHART_PACKAGES = ("altair", "vl_convert")
PNG_SCALE = 2.0

CHART_PAGE = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<body>
<div id="chart"></div>
<script>$library</script>
<script>$script</script>
""")
DRAW_SCRIPT = "vegaEmbed('#chart', $spec, {ast: true, actions: false}).catch(console.error);"


def form_of_target(
    target: Path,
    inputs: Iterable[str | Path],
    *,
    what: str = "a chart",
    forms: Collection[str] = CHART_FORMS,
    form: str | None = None,
) -> str:
    """Return the form of a file that is to be written, and check it before any work is done.

    Args:
        target: The file, as the user named it.
        inputs: Files that must not be overwritten.
        what: Kind of file, for messages.
        forms: Endings to choose from, without dot.
        form: Form that the user chose; None takes it from the ending.

    Raises:
        InputError: The ending is no form, or the folder cannot be written to.
        MissingExtraError: The file is a chart, and what draws charts is not installed.
    """
    chosen = form or target.suffix.lower().removeprefix(".")
    if chosen not in forms:
        endings = ", ".join(f".{each}" for each in forms)
        raise InputError(f"{what} is one of {endings}, not {quoted(target)}")
    check_target(target, inputs)
    if chosen in CHART_FORMS and any(find_spec(package) is None for package in CHART_PACKAGES):
        raise MissingExtraError("Altair with vl-convert", "report")
    return chosen


def write_chart(spec: Mapping[str, Any], form: str, target: Path, title: str) -> None:
    """Write a chart whole or not at all.

    Args:
        spec: A Vega-Lite specification, its data included.
        form: One of ``CHART_FORMS``.
        target: The file to write.
        title: Title of an HTML page.

    Raises:
        EdgecnnError: The file cannot be written.

    Example:
        >>> write_chart(chart.to_dict(), "svg", Path("noise.svg"), "Noise")
    """
    with replacing(target) as temporary:
        temporary.write_bytes(chart_bytes(spec, form, title))


def chart_bytes(spec: Mapping[str, Any], form: str, title: str) -> bytes:
    """Return the content of a chart's file, as :func:`write_chart` writes it."""
    import vl_convert

    if form == "png":
        return bytes(vl_convert.vegalite_to_png(_harmless(spec), scale=PNG_SCALE))
    if form == "svg":
        return str(vl_convert.vegalite_to_svg(_harmless(spec))).encode()
    library, script = library_script(), DRAW_SCRIPT.replace("$spec", script_json(spec))
    page = CHART_PAGE.substitute(
        policy=content_policy(library, script),
        title=in_html(title),
        library=library,
        script=script,
    )
    return page.encode()


@cache
def library_script() -> str:
    """Return the JavaScript that draws charts in a page: Vega, Vega-Lite and Vega-Embed."""
    import vl_convert

    # "</script" ends a script wherever it stands, in a string too.
    return str(vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")).replace(
        "</script", r"<\/script"
    )


def script_json(value: object) -> str:
    """Return JSON that may stand in a page's script, with texts that a page can show.

    Example:
        >>> script_json("</script>")
        '"\\\\u003c/script>"'
    """
    text = json.dumps(_harmless(value), separators=(",", ":"))
    return text.replace("<", r"\u003c")


def _harmless(value: Any) -> Any:
    """Return values as JSON has them, and their texts so that each is shown as one line."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(key): _harmless(each) for key, each in value.items()}
    return [*map(_harmless, value)] if isinstance(value, list | tuple) else json_values(value)


def content_policy(*scripts: str) -> str:
    """Return a policy by which a page runs these inline scripts alone and asks no server.

    See https://www.w3.org/TR/CSP3/. Charts must be embedded with ``ast``, as nothing is evaluated.
    """
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src 'unsafe-inline'; script-src {hashes}"
    )
