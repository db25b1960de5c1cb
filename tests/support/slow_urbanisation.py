"""The Degree of Urbanisation computed with sets of cells, one cell after another."""

from geo.arrays import Float64Array
from geo.sources.urbanisation import CENTRE, CLUSTER, RURAL

Cell = tuple[int, int]
SIDES = [(0, 1), (1, 0), (0, -1), (-1, 0)]
ALL = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]


def flood(cells: set[Cell], around: list[Cell]) -> list[set[Cell]]:
    """Groups of touching cells."""
    rest, groups = set(cells), []
    while rest:
        group, new = set(), [rest.pop()]
        while new:
            cell = new.pop()
            group.add(cell)
            touching = {(cell[0] + x, cell[1] + y) for x, y in around} & rest
            rest -= touching
            new += touching
        groups.append(group)
    return groups


def slowly(people: Float64Array) -> list[list[int]]:
    """The class of each cell, computed with sets of cells."""
    by_cell = {(x, y): float(people[x, y]) for x in range(people.shape[0]) for y in range(people.shape[1])}
    dense = {cell for cell, count in by_cell.items() if count >= 1500}
    centres = [group for group in flood(dense, SIDES) if sum(by_cell[cell] for cell in group) >= 50_000]
    while True:
        free = set(by_cell) - set().union(*centres)
        added = [
            {cell for cell in free if sum((cell[0] + x, cell[1] + y) in centre for x, y in ALL) >= 5}
            for centre in centres
        ]
        if not any(added):
            break
        centres = [centre | more for centre, more in zip(centres, added, strict=True)]
    taken = set().union(*centres)
    frame = {(x, y) for x in range(-1, people.shape[0] + 1) for y in range(-1, people.shape[1] + 1)}
    for gap in flood(frame - taken, ALL):
        if (-1, -1) in gap or len(gap) >= 15:
            continue
        ring = {(x + dx, y + dy) for x, y in gap for dx, dy in ALL} - gap
        for centre in centres:
            if ring <= centre:
                centre |= gap
    moderate = {cell for cell, count in by_cell.items() if count >= 300}
    clusters = [group for group in flood(moderate, ALL) if sum(by_cell[cell] for cell in group) >= 5_000]
    centre_cells, cluster_cells = set().union(*centres), set().union(*clusters)
    return [
        [CENTRE if (x, y) in centre_cells else CLUSTER if (x, y) in cluster_cells else RURAL
         for y in range(people.shape[1])]
        for x in range(people.shape[0])
    ]  # fmt: skip
