"""What a person looks at: plots, sheets, certificates, CSV and HTML."""

from typing import TYPE_CHECKING

from pipelines.door import lazily

if TYPE_CHECKING:
    from pipelines.reports.export import export_csv
    from pipelines.reports.greeks_plots import plot_difference_error, plot_surfaces
    from pipelines.reports.sensitivity_plots import plot_heat_map, plot_hedge, plot_ladder
    from pipelines.reports.surrogate_plots import plot_against_nested, plot_certificate, plot_exposure
    from pipelines.reports.surrogate_tables import training_table

__all__ = [
    "export_csv",
    "plot_against_nested",
    "plot_certificate",
    "plot_difference_error",
    "plot_exposure",
    "plot_heat_map",
    "plot_hedge",
    "plot_ladder",
    "plot_surfaces",
    "training_table",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "export_csv": "pipelines.reports.export",
        "plot_against_nested": "pipelines.reports.surrogate_plots",
        "plot_certificate": "pipelines.reports.surrogate_plots",
        "plot_difference_error": "pipelines.reports.greeks_plots",
        "plot_exposure": "pipelines.reports.surrogate_plots",
        "plot_heat_map": "pipelines.reports.sensitivity_plots",
        "plot_hedge": "pipelines.reports.sensitivity_plots",
        "plot_ladder": "pipelines.reports.sensitivity_plots",
        "plot_surfaces": "pipelines.reports.greeks_plots",
        "training_table": "pipelines.reports.surrogate_tables",
    },
)
