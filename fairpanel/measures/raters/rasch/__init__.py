"""The many-facet Rasch model: designs, estimators, fit statistics and links between calibrations."""
