"""Writes target_encoding.json: what NVTabular 23.8 encodes of some rows, out of fold and over all rows.

    pip install nvtabular==23.8.0 merlin-core==23.8.0 'pandas<2' 'numpy<2' pyarrow
    python target_encoding.py target_encoding.json
"""

import json
import sys
import tempfile

import numpy as np
import nvtabular as nvt
import pandas as pd

ROWS = 400


def encode(table, keys, kfold):
    with tempfile.TemporaryDirectory() as folder:
        columns = [keys if len(keys) > 1 else keys[0]]
        op = nvt.ops.TargetEncoding(
            ["rating"], kfold=kfold, fold_seed=42, p_smooth=20, out_dtype="float64", drop_folds=False, out_path=folder
        )
        workflow = nvt.Workflow(columns >> op)
        out = workflow.fit_transform(nvt.Dataset(table.copy())).to_ddf().compute()
        return out


def main(path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "brand": rng.choice(["a", "b", "c", "d", "rare"], ROWS, p=[0.4, 0.3, 0.2, 0.09, 0.01]),
            "city": rng.integers(0, 6, ROWS),
            "rating": rng.integers(1, 6, ROWS).astype("float32"),
        }
    )
    out = {name: table[name].tolist() for name in table.columns}
    for name, keys in (("one", ["brand"]), ("two", ["brand", "city"])):
        column = "TE_" + "_".join(keys) + "_rating"
        out[name] = {"all": encode(table, keys, 1)[column].tolist()}
        folded = encode(table, keys, 3)
        out[name]["fold"] = folded["__fold__"].tolist()
        out[name]["out_of_fold"] = folded[column].tolist()
    with open(path, "w") as f:
        json.dump(out, f)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
