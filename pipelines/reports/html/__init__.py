"""One HTML file of a run for people without our software: no network, every number traceable to the run's Zarr files."""

from pipelines.reports.html.build import build_report, write_report

__all__ = ["build_report", "write_report"]
