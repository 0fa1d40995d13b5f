"""The model's Gaussian state on a grid, and what trades take from paths between its dates."""
