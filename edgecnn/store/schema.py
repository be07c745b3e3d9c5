"""The tables, as this version of edgecnn has them; :mod:`edgecnn.store.migrations` makes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from edgecnn.records.record import LISTED_FIELDS

metadata = MetaData()

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""Type of a row's number: SQLite counts up by itself only in columns of exactly this type."""

COLUMN_TYPES: dict[type, Any] = {str: Text, int: BigInteger, float: Double, bool: Boolean}
"""Type of a field -> type of its column."""

schema_version = Table(
    "edgecnn_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

# What lists and filters need, narrow so that reading a million rows is quick.
results = Table(
    "edgecnn_results",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
    *(
        Column(name, COLUMN_TYPES[field.kind], nullable=field.is_optional)
        for name, field in LISTED_FIELDS.items()
    ),
    sqlite_autoincrement=True,
)

# The whole record: JSON without its samples, and these as compressed 64-bit floats.
details = Table(
    "edgecnn_details",
    metadata,
    Column(
        "result_id", NUMBER, ForeignKey("edgecnn_results.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("record", Text, nullable=False),
    Column("samples", LargeBinary, nullable=False),
)

tags = Table(
    "edgecnn_tags",
    metadata,
    Column(
        "result_id", NUMBER, ForeignKey("edgecnn_results.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("tag", String(255), primary_key=True),
)
