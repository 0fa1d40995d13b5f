#!/usr/bin/env bash
# safetensors 0.8.0: load(bytes), for numpy and for torch, returns the tensors of one and the same file in an order that
# changes from call to call, also with PYTHONHASHSEED fixed (a Rust hash map is listed); load_file and safe_open keep one.
# Seen: 20 loads of 12 tensors gave many orders; load_file of the same bytes gave one. Whoever adds up, hashes or writes on
# what load returned, in the order of the dictionary, has other last bits or another file each time.
# What we do: names are sorted where bytes are decoded (pipelines/storage/tensors.py, decode_arrays).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
PYTHONHASHSEED=0 "$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load, load_file, save

data = save({f"tensor_{k:02d}": np.full(2, float(k)) for k in range(12)})
path = Path(sys.argv[1]) / "x.safetensors"
path.write_bytes(data)
loaded = [load(data) for _ in range(20)]
orders = {tuple(found) for found in loaded}
from_file = {tuple(load_file(path)) for _ in range(20)}
print(f"safetensors {safetensors.__version__}: orders of load {len(orders)}, of load_file {len(from_file)}")
assert all({n: a.tolist() for n, a in found.items()} == {n: a.tolist() for n, a in loaded[0].items()} for found in loaded)
assert len(from_file) == 1, "load_file has no order of its own any more"
assert len(orders) > 1, "load keeps an order now"
PY
echo "as stated"
