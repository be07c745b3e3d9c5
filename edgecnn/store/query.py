"""A filter as SQL: the one place where :class:`edgecnn.records.filter.Filter` becomes a query."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, Dialect, and_, or_, select

from edgecnn.records.filter import Filter, glob_pattern, name_of
from edgecnn.store.rows import storable
from edgecnn.store.schema import results, tags


def where(wanted: Filter, dialect: Dialect) -> list[ColumnElement[bool]]:
    """Return what a row of the table of results must fulfil.

    The rows are those whose records :meth:`Filter.matches` lets through.

    Args:
        wanted: Which results.
        dialect: Kind of database, since patterns that tell upper from lower case differ.

    Example:
        >>> select(results).where(*where(Filter(threads=2), engine.dialect))
    """
    made: list[ColumnElement[bool]] = []
    if wanted.ids:
        made.append(results.c.id.in_(wanted.ids))
    for name, value in wanted.equal_fields().items():
        made.append(results.c[name] == storable(value))
    if wanted.since is not None:
        made.append(results.c.measured_at >= wanted.since)
    if wanted.tag is not None:
        tagged = select(tags.c.result_id).where(tags.c.tag == storable(wanted.tag))
        made.append(results.c.id.in_(tagged))
    if wanted.model is not None:
        made.append(_has_model(wanted, str(storable(wanted.model)), dialect))
    return made


def _has_model(wanted: Filter, model: str, dialect: Dialect) -> ColumnElement[bool]:
    if not wanted.has_pattern:
        # By name first: that column has an index.
        is_model = or_(results.c.model == model, results.c.name == model)
        return and_(results.c.name == name_of(model), is_model)
    column = results.c.model if wanted.is_about_path else results.c.name
    if dialect.name == "sqlite":
        # SQLite's LIKE takes A and a for the same.
        return column.op("GLOB")(glob_pattern(model))
    pattern = re.sub(r"([%_\\])", r"\\\1", model).replace("*", "%")
    return column.like(pattern, escape="\\")
