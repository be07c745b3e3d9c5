"""Where results are kept: a database of records, SQLite unless another is asked for."""
