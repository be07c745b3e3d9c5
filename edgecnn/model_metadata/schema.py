"""The public TFLite metadata schema as data: each table's fields in the order of their ids.

Source: ``metadata_schema.fbs`` 1.5.0, file identifier ``M001``. The order is the format, so a field
that later versions add can only stand at a table's end; what is not listed is not read.
"""

from __future__ import annotations

METADATA_BUFFER = "TFLITE_METADATA"
"""Name of the buffer that holds the metadata inside of a ``.tflite`` file."""

IDENTIFIER = b"M001"
"""Bytes 4 to 8 of a metadata flatbuffer."""

SCALARS = {"byte": "b", "ubyte": "B", "int": "i", "uint": "I", "float": "f"}
"""Numbers of the schema -> their letter in ``struct``; all are 0 unless they are said."""

TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "ModelMetadata": (
        ("name", "string"),
        ("description", "string"),
        ("version", "string"),
        ("subgraph_metadata", "[SubGraphMetadata]"),
        ("author", "string"),
        ("license", "string"),
        ("associated_files", "[AssociatedFile]"),
        ("min_parser_version", "string"),
    ),
    "SubGraphMetadata": (
        ("name", "string"),
        ("description", "string"),
        ("input_tensor_metadata", "[TensorMetadata]"),
        ("output_tensor_metadata", "[TensorMetadata]"),
        ("associated_files", "[AssociatedFile]"),
        ("input_process_units", "[ProcessUnit]"),
        ("output_process_units", "[ProcessUnit]"),
        ("input_tensor_groups", "[TensorGroup]"),
        ("output_tensor_groups", "[TensorGroup]"),
        ("custom_metadata", "[CustomMetadata]"),
    ),
    "TensorMetadata": (
        ("name", "string"),
        ("description", "string"),
        ("dimension_names", "[string]"),
        ("content", "Content"),
        ("process_units", "[ProcessUnit]"),
        ("stats", "Stats"),
        ("associated_files", "[AssociatedFile]"),
    ),
    "AssociatedFile": (
        ("name", "string"),
        ("description", "string"),
        ("type", "byte"),
        ("locale", "string"),
        ("version", "string"),
    ),
    "Content": (("content_properties", "union ContentProperties"), ("range", "ValueRange")),
    "ProcessUnit": (("options", "union ProcessUnitOptions"),),
    "Stats": (("max", "[float]"), ("min", "[float]")),
    "TensorGroup": (("name", "string"), ("tensor_names", "[string]")),
    "CustomMetadata": (("name", "string"), ("data", "[ubyte]")),
    "ValueRange": (("min", "int"), ("max", "int")),
    "FeatureProperties": (),
    "ImageProperties": (("color_space", "byte"), ("default_size", "ImageSize")),
    "ImageSize": (("width", "uint"), ("height", "uint")),
    "BoundingBoxProperties": (
        ("index", "[uint]"),
        ("type", "byte"),
        ("coordinate_type", "byte"),
    ),
    "AudioProperties": (("sample_rate", "uint"), ("channels", "uint")),
    "NormalizationOptions": (("mean", "[float]"), ("std", "[float]")),
    "ScoreCalibrationOptions": (("score_transformation", "byte"), ("default_score", "float")),
    "ScoreThresholdingOptions": (("global_score_threshold", "float"),),
    "BertTokenizerOptions": (("vocab_file", "[AssociatedFile]"),),
    "SentencePieceTokenizerOptions": (
        ("sentencePiece_model", "[AssociatedFile]"),
        ("vocab_file", "[AssociatedFile]"),
    ),
    "RegexTokenizerOptions": (
        ("delim_regex_pattern", "string"),
        ("vocab_file", "[AssociatedFile]"),
    ),
}
"""Table -> (field, type) in the order of ids; a union takes two ids, its type and its value."""

UNIONS: dict[str, tuple[str, ...]] = {
    "ContentProperties": (
        "FeatureProperties",
        "ImageProperties",
        "BoundingBoxProperties",
        "AudioProperties",
    ),
    "ProcessUnitOptions": (
        "NormalizationOptions",
        "ScoreCalibrationOptions",
        "ScoreThresholdingOptions",
        "BertTokenizerOptions",
        "SentencePieceTokenizerOptions",
        "RegexTokenizerOptions",
    ),
}
"""Union -> its tables; the first one's number is 1."""

TENSOR_AXIS_LABELS = 2
TENSOR_VALUE_LABELS = 3
"""``AssociatedFileType`` of a file with one label a line: of the places of an axis, of values."""

COLOR_SPACES = {"RGB": 1, "GRAYSCALE": 2}
"""``ColorSpaceType``."""

SINCE: dict[tuple[str, str], tuple[int, int, int]] = {
    ("ProcessUnitOptions", "BertTokenizerOptions"): (1, 1, 0),
    ("ProcessUnitOptions", "SentencePieceTokenizerOptions"): (1, 1, 0),
    ("SubGraphMetadata", "input_process_units"): (1, 1, 0),
    ("SubGraphMetadata", "output_process_units"): (1, 1, 0),
    ("SubGraphMetadata", "input_tensor_groups"): (1, 2, 0),
    ("SubGraphMetadata", "output_tensor_groups"): (1, 2, 0),
    ("ProcessUnitOptions", "RegexTokenizerOptions"): (1, 2, 1),
    ("ContentProperties", "AudioProperties"): (1, 3, 0),
    ("AssociatedFile", "version"): (1, 4, 1),
    ("SubGraphMetadata", "custom_metadata"): (1, 5, 0),
}
"""What needs a newer parser than 1.0.0: (table, field) or (union, member) -> version."""

FILE_TYPES_SINCE = {5: (1, 0, 1), 6: (1, 4, 0)}
"""The same for ``AssociatedFileType``: VOCABULARY, SCANN_INDEX_FILE."""
