"""Parts of the sample bank's generator; run ``python examples/bank/generate.py``."""
