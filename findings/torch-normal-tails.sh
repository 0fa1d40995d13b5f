#!/usr/bin/env bash
# torch.special.ndtr has no lower tail: it is (1 + erf(x / sqrt 2)) / 2, not erfc.
#
# Seen with torch 2.13.0 (CPU, float64), scipy 1.17.1. Relative errors against scipy.special.ndtr:
#
#       x     ndtr    erfc(-x/sqrt 2)/2   exp(log_ndtr)
#      -6   -1.3e-10      < 1e-13            < 1e-13
#      -8   -1.8e-02      < 1e-13            < 1e-13
#      -9   -1.0e+00      < 1e-13            < 1e-13     (ndtr is exactly 0; the value is 1.1e-19)
#
# The derivative of ndtr is right there (exp(-x^2/2)/sqrt(2 pi)), so value and derivative contradict each other.
# erfc and log_ndtr keep the tail.
#
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 scipy==1.17.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import sys

import scipy.special
import torch

x = torch.tensor([-6.0, -8.0, -9.0], dtype=torch.float64, requires_grad=True)
right = torch.from_numpy(scipy.special.ndtr(x.detach().numpy()))
ways = {
    "ndtr": torch.special.ndtr(x),
    "erfc": 0.5 * torch.erfc(-x / 2**0.5),
    "log_ndtr": torch.exp(torch.special.log_ndtr(x)),
}
errors = {name: (way.detach() / right - 1.0).tolist() for name, way in ways.items()}
for name, row in errors.items():
    print(f"{name:10s}", " ".join(f"{e:+.1e}" for e in row))
(slope,) = torch.autograd.grad(ways["ndtr"].sum(), x)
density = torch.exp(-0.5 * x.detach() ** 2) / (2.0 * torch.pi) ** 0.5
print("derivative of ndtr", (slope / density - 1.0).abs().max().item())
same = (
    1e-3 < abs(errors["ndtr"][1]) < 1.0
    and errors["ndtr"][2] == -1.0
    and max(map(abs, errors["erfc"] + errors["log_ndtr"])) < 1e-12
    and bool(((slope / density - 1.0).abs() < 1e-12).all())
)
print("as described" if same else "changed")
sys.exit(0 if same else 1)
PYTHON
