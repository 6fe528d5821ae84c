"""How far off a network is at calibrations of the literature, at defaults and at edges."""
