"""Writes the parquet files that data's tests read, and beside each, as JSON, what pyarrow reads from it.

Run in this folder: python parquet.py. Written with pyarrow 26.0.1.
"""

import datetime
import decimal
import json
import struct

import pyarrow
import pyarrow.parquet

N = 60
UTC = datetime.timezone.utc


def some(values, every):
    """Nulls for some rows, other ones for each column."""
    return [None if i % every == every - 1 else v for i, v in enumerate(values)]


def table():
    rows = range(N)
    times = [datetime.datetime(1969, 12, 31, 23, 59, 58, 500000) + i * datetime.timedelta(days=401, seconds=3) for i in rows]
    columns = {
        "id": pyarrow.array(rows, pyarrow.int64()),
        "int8": pyarrow.array(some([i - 30 for i in rows], 7), pyarrow.int8()),
        "int16": pyarrow.array([i * 500 - 9000 for i in rows], pyarrow.int16()),
        "int32": pyarrow.array(some([(-1) ** i * (2**31 - 1 - i) for i in rows], 5), pyarrow.int32()),
        "uint32": pyarrow.array([2**32 - 1 - i for i in rows], pyarrow.uint32()),
        "int64": pyarrow.array(some([(-1) ** i * (2**63 - 1 - i) for i in rows], 4), pyarrow.int64()),
        "uint64": pyarrow.array([2**63 - 1 - i for i in rows], pyarrow.uint64()),
        "bool": pyarrow.array(some([i % 3 == 0 for i in rows], 6), pyarrow.bool_()),
        "float": pyarrow.array(some([i / 3 for i in rows], 9), pyarrow.float32()),
        "double": pyarrow.array(some([float("nan") if i == 10 else -i / 7 for i in rows], 8), pyarrow.float64()),
        "string": pyarrow.array(some(["", "ä", "日本語", "a,\"b\"\n"] * (N // 4), 11), pyarrow.string()),
        "distinct": pyarrow.array(["row %d" % i for i in rows], pyarrow.large_string()),
        "binary": pyarrow.array(some([b"x" * (i % 5) for i in rows], 10), pyarrow.binary()),
        "category": pyarrow.array(some(["red", "green", "blue"] * (N // 3), 13)).dictionary_encode(),
        "all_null": pyarrow.array([None] * N, pyarrow.float32()),
        "date": pyarrow.array([t.date() for t in times], pyarrow.date32()),
        "millis": pyarrow.array(some(times, 12), pyarrow.timestamp("ms", tz="UTC")),
        "micros": pyarrow.array(times, pyarrow.timestamp("us")),
        "nanos": pyarrow.array(times, pyarrow.timestamp("ns", tz="Europe/Berlin")),
        "ints": pyarrow.array([None if i % 10 == 3 else list(range(i % 4)) for i in rows], pyarrow.list_(pyarrow.int32())),
        "floats": pyarrow.array([[None if j == 1 else j / 3 for j in range(i % 6)] for i in rows], pyarrow.list_(pyarrow.float64())),
        "strings": pyarrow.array([["w%d" % (i * j % 17) for j in range(i % 5)] for i in rows], pyarrow.large_list(pyarrow.string())),
        "fixed": pyarrow.array([[i, -i] for i in rows], pyarrow.list_(pyarrow.int64(), 2)),
    }
    return pyarrow.table(columns)


def cell(value):
    """The value as data has it: times in Unix seconds, numbers of 32 bits, bool as 0 and 1."""
    match value:
        case bool():
            return int(value)
        case float():
            return None if value != value else struct.unpack("f", struct.pack("f", value))[0]
        case bytes():
            return value.decode()
        case datetime.datetime():
            return int(value.replace(tzinfo=value.tzinfo or UTC).timestamp() // 1)
        case datetime.date():
            return int(datetime.datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
        case list():
            return [cell(v) for v in value if v is not None]
    return value


def expect(path):
    read = pyarrow.parquet.read_table(path)
    out = {}
    for name in read.column_names:
        kind = read.schema.field(name).type
        column = read.column(name)
        if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
            column = column.cast(pyarrow.timestamp("us", tz=kind.tz), safe=False)
        values = [cell(v) for v in column.to_pylist()]
        if "list" in str(kind):
            values = [v or [] for v in values]
        elif "string" in str(kind) or kind == pyarrow.binary():
            values = [v or "" for v in values]
        out[name] = values
    with open(path.replace(".parquet", ".json"), "w") as f:
        json.dump(out, f, indent=0, ensure_ascii=False)
        f.write("\n")


def write(name, t, **options):
    path = "parquet/" + name + ".parquet"
    pyarrow.parquet.write_table(t, path, **options)
    return path


def main():
    t = table()
    # Pages and row groups of a few rows, so that lists and runs go over their ends.
    small = {"write_batch_size": 4, "data_page_size": 24, "store_schema": False}
    expect(write("groups", t, row_group_size=23, compression="snappy", **small))
    expect(write("plain", t, use_dictionary=False, compression="zstd", data_page_version="2.0", **small))
    expect(write("gzip", t, compression="gzip", write_page_index=True))
    old = t.select(["id", "micros"])
    expect(write("int96", old, use_deprecated_int96_timestamps=True, compression="none"))
    expect(write("nested_lists", t.select(["id", "ints", "strings"]), use_compliant_nested_type=False))
    expect(write("brotli", t.select(["id", "string"]), compression="brotli"))
    refused = {
        "point": pyarrow.array([{"x": 1, "y": 2}], pyarrow.struct([("x", pyarrow.int64()), ("y", pyarrow.int64())])),
        "one": pyarrow.array([{"x": 1}], pyarrow.struct([("x", pyarrow.int64())])),
        "map": pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        "lists": pyarrow.array([[[1]]], pyarrow.list_(pyarrow.list_(pyarrow.int64()))),
        "structs": pyarrow.array([[{"x": 1}]], pyarrow.list_(pyarrow.struct([("x", pyarrow.int64())]))),
        "price": pyarrow.array([decimal.Decimal("1.25")], pyarrow.decimal128(9, 2)),
        "clock": pyarrow.array([datetime.time(1, 2)], pyarrow.time64("us")),
        "id": pyarrow.array([1], pyarrow.int64()),
    }
    write("refused", pyarrow.table(refused))
    bad = {
        "bytes": pyarrow.array([b"a", None, b"\xff"], pyarrow.binary()),
        "huge": pyarrow.array([1, None, 2**63], pyarrow.uint64()),
        "null": pyarrow.array([1, None, -(2**63)], pyarrow.int64()),
        "large": pyarrow.array([1, None, 1e99], pyarrow.float64()),
        "half": pyarrow.array([1, None, 1.5], pyarrow.float64()),
        "text": pyarrow.array(["1", None, "x"], pyarrow.string()),
        "split": pyarrow.array(["1|2", None, "x|3"], pyarrow.string()),
    }
    write("bad", pyarrow.table(bad))
    write("bad_plain", pyarrow.table(bad), use_dictionary=False)
    write("lz4", t.select(["id"]), compression="lz4")
    write("no_rows", t.slice(0, 0).select(["id"]))


main()
