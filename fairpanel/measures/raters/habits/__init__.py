"""How single raters score: one module a step, from expected scores to flags that hold up."""
