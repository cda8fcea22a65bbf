"""Events and rows as tables of Arrow and files of Parquet; see `output.arrow`.

What may live here: its public names, for `events.arrow`.
"""

from .output.arrow import ParquetFolder, batches, record_batch, schema, tables, write_rows

__all__ = ["ParquetFolder", "batches", "record_batch", "schema", "tables", "write_rows"]
