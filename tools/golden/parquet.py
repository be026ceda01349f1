"""Writes the parquet files that internal/data reads in its tests.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1
    venv/bin/python tools/golden/parquet.py internal/data/testdata

Each is small, has two row groups, and a codec and layout that are met on the hub.
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
TEXTS = [" One day, a cat sat.\n", "  ", "日本 é 🙂", "a" * 300, "The end."]
ANSWERS = [("2+2=", "4"), ("capital of France?", " Paris"), ("", "alone"), ("x", "y\n"), ("last", "one")]
TALKS = [
    [("user", "hi"), ("assistant", "hello")],
    [("system", "be kind"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
    [("user", "only asked")],
    [("user", "x" * 50), ("assistant", "")],
    [("user", "last"), ("assistant", "one")],
]


def talk(turns):
    return [{"role": role, "content": content} for role, content in turns]


def write(name, columns, schema, **options):
    table = pa.table(columns, schema=pa.schema(schema))
    pq.write_table(table, Path(sys.argv[1]) / name, row_group_size=3, write_statistics=False, store_schema=False, **options)


def main():
    write("text.parquet", {"id": range(5), "text": TEXTS}, [("id", pa.int64()), ("text", pa.string())], compression="snappy")
    write("pages.parquet", {"text": TEXTS}, [pa.field("text", pa.large_string(), nullable=False)],
          compression="zstd", data_page_size=1, write_batch_size=1, data_page_version="2.0", use_dictionary=False)
    prompts, completions = zip(*ANSWERS)
    write("answers.parquet", {"prompt": prompts, "completion": completions},
          [("prompt", pa.string()), ("completion", pa.string())], compression="gzip")
    write("messages.parquet", {"source": ["s"] * 5, "messages": [talk(t) for t in TALKS]},
          [("source", pa.string()), ("messages", pa.list_(TURN))], compression="snappy")
    write("messages-items.parquet", {"messages": [talk(t) for t in TALKS]},
          [("messages", pa.list_(pa.field("item", TURN)))], compression="none", use_compliant_nested_type=False)
    write("null.parquet", {"text": ["a", None, "b"]}, [("text", pa.string())], compression="none")
    write("null-content.parquet", {"messages": [talk([("user", "a")]), talk([("user", "a"), ("assistant", None)])]},
          [("messages", pa.list_(TURN))], compression="none")
    write("number.parquet", {"text": [1, 2]}, [("text", pa.int64())], compression="none")
    write("other.parquet", {"content": ["a"], "url": ["b"]}, [("content", pa.string()), ("url", pa.string())], compression="none")
    write("strings.parquet", {"messages": [["a", "b"]]}, [("messages", pa.list_(pa.string()))], compression="none")
    write("lz4.parquet", {"text": ["a"]}, [("text", pa.string())], compression="lz4")
    write("binary.parquet", {"text": [b"ok", b"c\xff"]}, [("text", pa.binary())], compression="none")


if __name__ == "__main__":
    main()
