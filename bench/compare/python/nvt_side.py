"""The sides of NVTabular and Polars: fit and transform of a table in a Parquet file. usage: nvt_side.py WORK THREADS DIR

WORK is TOOL_fit, TOOL_transform, TOOL_row, TOOL_read or TOOL_write, with nvtabular or polars as TOOL.
"""
import json
import os
import shutil
import sys
import warnings

import protocol

WORK, THREADS, DIR = sys.argv[1], int(sys.argv[2]), sys.argv[3]
TOOL, WHAT = WORK.split("_")
os.environ["POLARS_MAX_THREADS"] = str(THREADS)
warnings.filterwarnings("ignore")
os.chdir(DIR)
TABLE = json.load(open("table.json"))
PATH, OUT = "table.parquet", TOOL + ".out"
CATEGORICAL, LISTS, CONTINUOUS = TABLE["categorical"], TABLE["lists"], TABLE["continuous"]


def nvtabular():
    import nvtabular
    from merlin.io import Dataset
    from nvtabular import ops

    def workflow():
        ids = CATEGORICAL + LISTS >> ops.Categorify(out_path=os.path.join(DIR, "categories"))
        return nvtabular.Workflow(ids + (CONTINUOUS >> ops.FillMissing() >> ops.Normalize()))

    def data():
        return Dataset(PATH, engine="parquet", cpu=True, part_size="128MB")

    def nodes(node):
        yield node
        for parent in node.parents_with_dependencies:
            yield from nodes(parent)

    def fit(n):
        for _ in range(n):
            w = workflow().fit(data())
        total = sum(int(w.output_schema[c].properties["domain"]["max"]) + 1 for c in CATEGORICAL + LISTS)
        moments = {id(n.op): n.op for n in nodes(w.output_node) if isinstance(n.op, ops.Normalize)}
        return total + sum(sum(op.means.values()) + sum(op.stds.values()) for op in moments.values())

    if WHAT == "fit":
        return nvtabular.__version__, fit
    w = workflow().fit(data())
    if WHAT == "row":
        import pandas

        row = pandas.read_parquet(PATH).head(1)

        def one(n):
            for _ in range(n):
                out = w.transform(row)
            return float(out[CATEGORICAL].to_numpy().sum())

        return nvtabular.__version__, one

    def transform(n):
        for _ in range(n):
            shutil.rmtree(OUT, ignore_errors=True)
            w.transform(data()).to_parquet(OUT, output_files=1)

    return nvtabular.__version__, transform


def polars():
    import polars as pl

    def fit_once():
        """What the workflow learns, in one pass over the file."""
        table = pl.scan_parquet(PATH)
        plans = []
        for c in CATEGORICAL + LISTS:
            column = table.select(pl.col(c).explode() if c in LISTS else pl.col(c)).drop_nulls()
            plans.append(
                column.group_by(c).len().sort(["len", c], descending=[True, False])
                .with_row_index("id", offset=3).select(c, pl.col("id").cast(pl.Int64))
            )
        filled = [pl.col(c).fill_null(0).cast(pl.Float64) for c in CONTINUOUS]
        plans.append(table.select([f.mean().name.suffix("_mean") for f in filled] + [f.std(ddof=0).name.suffix("_std") for f in filled]))
        *keys, moments = pl.collect_all(plans, engine="streaming")
        return keys, moments

    def fit(n):
        for _ in range(n):
            keys, moments = fit_once()
        return float(sum(len(k) + 3 for k in keys) + sum(moments.row(0)))

    if WHAT == "fit":
        return pl.__version__, fit

    if WHAT == "read":
        def read(n):
            for _ in range(n):
                rows = pl.read_parquet(PATH).height
            return rows

        return pl.__version__, read

    if WHAT == "write":
        table = pl.read_parquet(PATH)

        def write(n):
            for _ in range(n):
                table.write_parquet(OUT, compression="snappy", statistics=False)
            return table.height

        return pl.__version__, write

    keys, moments = fit_once()
    moments = moments.row(0, named=True)

    def transform(n):
        for _ in range(n):
            table = pl.scan_parquet(PATH)
            columns = []
            for c, k in zip(CATEGORICAL + LISTS, keys):
                encode = lambda e, k=k, c=c: e.replace_strict(k[c], k["id"], default=2, return_dtype=pl.Int64)
                if c in LISTS:
                    columns.append(pl.col(c).list.eval(encode(pl.element())))
                else:
                    columns.append(pl.when(pl.col(c).is_null()).then(1).otherwise(encode(pl.col(c))).alias(c))
            for c in CONTINUOUS:
                columns.append(((pl.col(c).fill_null(0) - moments[c + "_mean"]) / moments[c + "_std"]).cast(pl.Float32))
            table.select(columns).sink_parquet(OUT, compression="snappy", statistics=False, engine="streaming")

    return pl.__version__, transform


def ids():
    """The sum of all ids of the transformed table, which does not depend on the order of equally frequent keys."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = OUT if os.path.isfile(OUT) else os.path.join(OUT, next(f for f in os.listdir(OUT) if f.endswith(".parquet")))
    f = pq.ParquetFile(path)
    total = 0
    for group in range(f.num_row_groups):
        for c in CATEGORICAL + LISTS:
            column = f.read_row_group(group, columns=[c])[c]
            total += pc.sum(pc.list_flatten(column) if c in LISTS else column).as_py() or 0
    return float(total)


version, work = {"nvtabular": nvtabular, "polars": polars}[TOOL]()
protocol.serve(version, work, ids if WHAT == "transform" else None)
