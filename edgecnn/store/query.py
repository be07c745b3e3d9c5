"""A filter as SQL: the one place where :class:`edgecnn.records.filter.Filter` becomes a query."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, Dialect, and_, false, or_, select

from edgecnn.records.filter import Filter, glob_pattern, name_of
from edgecnn.records.rules import WHOLE_NUMBERS_END
from edgecnn.store.rows import storable
from edgecnn.store.schema import results, tags


def where(criteria: Filter, dialect: Dialect) -> list[ColumnElement[bool]]:
    """Return the conditions of SQL by which a query selects the results of a filter.

    They select the rows whose records :meth:`Filter.matches` lets through.

    Args:
        criteria: Filter of which each field that is not None becomes a condition.
        dialect: Kind of database: case-sensitive patterns are written differently.

    Example:
        >>> select(results).where(*where(Filter(threads=2), engine.dialect))
    """
    conditions: list[ColumnElement[bool]] = []
    if criteria.ids:
        numbers = [number for number in criteria.ids if _fits(number)]
        conditions.append(results.c.id.in_(numbers))
    for name, value in criteria.equal_fields().items():
        conditions.append(results.c[name] == storable(value) if _fits(value) else false())
    if criteria.since is not None:
        conditions.append(results.c.measured_at >= criteria.since)
    if criteria.tag is not None:
        tagged = select(tags.c.result_id).where(tags.c.tag == storable(criteria.tag))
        conditions.append(results.c.id.in_(tagged))
    if criteria.model is not None:
        conditions.append(_has_model(criteria, str(storable(criteria.model)), dialect))
    return conditions


def _fits(value: object) -> bool:
    """Return whether a database can be asked for a value: larger numbers than its own it cannot."""
    return not isinstance(value, int) or abs(value) < WHOLE_NUMBERS_END


def _has_model(criteria: Filter, model: str, dialect: Dialect) -> ColumnElement[bool]:
    if not criteria.has_pattern:
        # The condition on the name lets the database use that column's index.
        is_model = or_(results.c.model == model, results.c.name == model)
        return and_(results.c.name == name_of(model), is_model)
    column = results.c.model if criteria.is_about_path else results.c.name
    if dialect.name == "sqlite":
        # SQLite's LIKE ignores case.
        return column.op("GLOB")(glob_pattern(model))
    pattern = re.sub(r"([%_\\])", r"\\\1", model).replace("*", "%")
    return column.like(pattern, escape="\\")
