"""Profiles of exposure from a cube (EPE, ENE, PFE, EEPE), and what a cube has to obey to have any."""

from xva.profiles.profiles import ee, eee, eepe, ene, epe, epe_basel, pfe, time_average

__all__ = ["ee", "eee", "eepe", "ene", "epe", "epe_basel", "pfe", "time_average"]
