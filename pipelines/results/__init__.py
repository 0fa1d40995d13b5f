"""A finished run as labelled data: adjustments, sensitivities, comparisons, hedges; tables for the terminal."""
