"""The tables, as this version of edgecnn has them; :mod:`edgecnn.store.migrations` makes them."""

from __future__ import annotations

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

metadata = MetaData()

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in columns of exactly this type."""

schema_version = Table(
    "edgecnn_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

# What lists and filters need, narrow so that reading a million of them is quick.
results = Table(
    "edgecnn_results",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("measured_at", String(40), nullable=False),
    Column("model", Text, nullable=False),
    Column("name", String(255), nullable=False),
    Column("model_sha256", String(64), nullable=False),
    Column("model_bytes", BigInteger, nullable=False),
    Column("scheme", String(64), nullable=False),
    Column("device", String(255), nullable=False),
    Column("threads", Integer, nullable=False),
    Column("runtime", String(64), nullable=False),
    Column("runtime_version", String(64), nullable=False),
    Column("emulated", Boolean),
    Column("latency_p50_ms", Double, nullable=False),
    Column("latency_p90_ms", Double, nullable=False),
    Column("peak_rss_bytes", BigInteger),
    Column("data", Text),
    Column("top1_percent", Double),
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
