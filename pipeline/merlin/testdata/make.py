"""Makes the files in this folder with NVTabular: pip install nvtabular==23.8.0 and what bench/compare/install.sh names, then

    python make.py

interactions.parquet is the data, categories/ and schema.pbtxt are what NVTabular learned and wrote of it, and
encoded.json what it made of some rows.
"""
import json
import os
import shutil
import tempfile
import warnings

warnings.filterwarnings("ignore")
import numpy
import nvtabular
import pandas
from merlin.io import Dataset
from merlin.schema import Tags
from nvtabular import ops

assert nvtabular.__version__ == "23.08.00", nvtabular.__version__
os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = numpy.random.default_rng(1)
ROWS = 400
data = pandas.DataFrame({
    "user_id": rng.zipf(1.5, ROWS) % 50 + 1000,
    "item_id": rng.zipf(1.3, ROWS) % 120 * 7919,
    "city": [["Köln", "Paris", "Oslo", "", "東京", None][min(k, 5)] for k in rng.zipf(1.6, ROWS) - 1],
    "genres": [[f"g{g}" for g in rng.zipf(1.4, rng.integers(1, 5)) % 9] for _ in range(ROWS)],
    "price": rng.normal(20, 5, ROWS).astype("float32"),
    "timestamp": 1_700_000_000 + numpy.arange(ROWS) * 60,
    "click": (rng.random(ROWS) < 0.3).astype("int64"),
})
data["city"] = data["city"].replace("", None)
data.loc[::17, "price"] = None
data.to_parquet("interactions.parquet", index=False)

folder = "/tmp/nvt"
user = ["user_id"] >> ops.Categorify(out_path=folder, max_size=30) >> ops.TagAsUserID()
item = ["item_id"] >> ops.Categorify(out_path=folder, freq_threshold=3, num_buckets=4) >> ops.TagAsItemID()
city = ["city"] >> ops.Categorify(out_path=folder) >> ops.TagAsUserFeatures()
genres = ["genres"] >> ops.Categorify(out_path=folder) >> ops.TagAsItemFeatures()
price = ["price"] >> ops.FillMissing() >> ops.Normalize() >> ops.TagAsItemFeatures()
time = ["timestamp"] >> ops.AddMetadata(tags=[Tags.TIME])
click = ["click"] >> ops.AddMetadata(tags=[Tags.BINARY_CLASSIFICATION, Tags.TARGET])
workflow = nvtabular.Workflow(user + item + city + genres + price + time + click)
workflow.fit(Dataset(data, cpu=True))

probe = data.head(40).copy()
probe.loc[0, ["user_id", "item_id", "city"]] = [5, 6, "Atlantis"]
probe.at[0, "genres"] = ["g0", "unseen", "g1"]
out = tempfile.mkdtemp()
workflow.transform(Dataset(probe, cpu=True)).to_parquet(out, output_files=1)
shutil.copy(os.path.join(out, "schema.pbtxt"), "schema.pbtxt")
shutil.rmtree("categories", ignore_errors=True)
os.mkdir("categories")
for root, _, files in os.walk(folder):
    for f in files:
        print(os.path.join(root, f))
        if f.startswith("unique."):
            shutil.copy(os.path.join(root, f), os.path.join("categories", f))
encoded = pandas.read_parquet(os.path.join(out, "part_0.parquet"))
plain = lambda v: v.tolist() if isinstance(v, numpy.ndarray) else None if v is None or v != v else v
keys = ["user_id", "item_id", "city", "genres"]
with open("encoded.json", "w") as f:
    rows = [{"raw": {c: plain(probe[c].iloc[i]) for c in keys}, "ids": {c: plain(encoded[c].iloc[i]) for c in keys}} for i in range(len(probe))]
    f.write("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False, default=int) for r in rows) + "\n]\n")
