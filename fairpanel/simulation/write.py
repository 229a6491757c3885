"""Writes a simulated organisation as exports, in a supported layout, with the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

from fairpanel.simulation.canonical import write_canonical
from fairpanel.simulation.greenhouse import write_connector, write_harvest
from fairpanel.simulation.parameters import Parameters, SimulationError
from fairpanel.simulation.world import World, draw

LAYOUTS: dict[str, Callable[[World, date, Path], list[Path]]] = {
    "canonical": write_canonical,
    "greenhouse-harvest": write_harvest,
    "greenhouse-connector": write_connector,
}


def simulate(parameters: Parameters, layout: str, out: Path) -> list[Path]:
    """Draw and write; returns the files, truth.json last. Raises SimulationError."""
    if layout not in LAYOUTS:
        raise SimulationError(f"there is no layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    out.mkdir(parents=True, exist_ok=True)
    world = draw(parameters)
    written = LAYOUTS[layout](world, date.fromisoformat(parameters.start), out)
    truth = out / "truth.json"
    truth.write_text(json.dumps(world.truth, indent=1) + "\n", encoding="utf-8")
    return [*written, truth]
