"""What reports on parts of a period tell of each other: counts of one lie within those of another, or fill them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from reports.counts_known import ANY, UNSTATED, Fact, Layer, minus, summed
from reports.group_tables import PERIOD


def between(layers: Sequence[Layer]) -> Iterator[Fact]:
    """Reports on parts of a period: no more people than in the whole, as many where they fill it."""
    for whole in layers:
        inside = sorted((one for one in layers if _within(one.span, whole.span)), key=lambda one: one.span)
        for chosen in _rows(inside):
            full = (chosen[0].span[0], chosen[-1].span[1]) == whole.span and all(
                a.span[1] == b.span[0] for a, b in pairwise(chosen)
            )
            for kind, attribute, stage, group in _shared(whole):
                parts = [one.sum((kind,), attribute, stage, None, group) for one in chosen]
                rest = minus(whole.sum((kind,), attribute, stage, None, group), *parts)
                yield Fact(rest, 0, ANY, belief="periods")
                if full:
                    yield Fact(rest, 0, 0, belief="periods")
        for one in (one for one in layers if one is not whole):
            yield from _periods_between(whole, one)


def _periods_between(whole: Layer, one: Layer) -> Iterator[Fact]:
    """Periods of one report that fill the period of another, and those that both show."""
    for (attribute, stage), periods in whole.periods.items():
        for group in (*whole.groups[attribute], UNSTATED):
            for kind in ("selected", "rejected", "scored"):
                for period in sorted({*periods} & {*one.periods.get((attribute, stage), ())}):
                    apart = minus(
                        {whole.key(kind, attribute, stage, period, group): 1.0},
                        {one.key(kind, attribute, stage, period, group): 1.0},
                    )
                    yield Fact(apart, 0, 0, belief="periods")
                inside = sorted((p for p in periods if _inside(months_of(p), one.span)), key=months_of)
                spans = [months_of(p) for p in inside]
                if spans and (spans[0][0], spans[-1][1]) == one.span and all(a[1] == b[0] for a, b in pairwise(spans)):
                    mine = summed(whole.key(kind, attribute, stage, p, group) for p in inside)
                    yield Fact(minus(one.sum((kind,), attribute, stage, None, group), mine), 0, 0, belief="periods")


def _inside(part: tuple[str, str], whole: tuple[str, str]) -> bool:
    return whole[0] <= part[0] and part[1] <= whole[1]


def months_of(period: str) -> tuple[str, str]:
    """The first day of a month or quarter by its name, and the first day after it."""
    name = period.removeprefix(PERIOD)
    year, rest = int(name[:4]), name[5:]
    first, count = (3 * int(rest[1:]) - 2, 3) if rest.startswith("Q") else (int(rest), 1)
    after = year * 12 + first - 1 + count
    return f"{year:04d}-{first:02d}-01", f"{after // 12:04d}-{after % 12 + 1:02d}-01"


def _shared(layer: Layer) -> Iterator[tuple[str, str, str, str]]:
    for attribute in layer.single:
        for stage in layer.stages:
            for group in (*layer.groups[attribute], UNSTATED):
                for kind in ("selected", "rejected", "scored"):
                    yield kind, attribute, stage, group


def _within(part: tuple[str, str], whole: tuple[str, str]) -> bool:
    return part != whole and whole[0] <= part[0] and part[1] <= whole[1]


def _rows(layers: Sequence[Layer]) -> list[list[Layer]]:
    """Reports one after another, none of them overlapping: as many such rows as are needed for all."""
    rows: list[list[Layer]] = []
    for one in layers:
        row = next((row for row in rows if row[-1].span[1] <= one.span[0]), None)
        if row is None:
            rows.append([one])
        else:
            row.append(one)
    return rows
