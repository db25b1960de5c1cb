"""Write the shipped study of Yongkang (永康): a county modelled around real figures.

    python data/make_sample [OUT]

Real are the towns' names, codes and numbers of villages, the outline (to 2 km) and the census total; see
facts/README.md. Every place, street and facility is modelled, says `schematic`, and carries 示例 in its name.
The same seed gives the same bytes: whatever draws from the generator must keep its turn.
"""

import argparse
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

import facilities
import land
import network
import places
import streets

SEED = 330784
DATA = Path(__file__).resolve().parents[1]


def write_geojson(file: Path, features: list[dict[str, Any]]) -> None:
    """One feature a line, so that a difference reads well."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
    file.write_text(text, encoding="utf-8", newline="\n")


def main(out: Path) -> None:
    rng = np.random.default_rng(SEED)
    table = pd.read_csv(DATA / "facts" / "towns.csv", dtype={"code": str})
    ground = land.shaped(rng, table, pd.read_csv(DATA / "facts" / "outline.csv"))
    towns = places.towns(table, ground)
    units = places.units(rng, towns, ground)
    cores = places.cores(rng, towns, ground)
    parks = facilities.large_parks(rng, units, ground)

    shapes = [park.shape for park in parks]
    barred = shapely.union_all([*(shape.buffer(4) for shape in shapes), ground.river.buffer(90)])
    built = shapely.union_all(cores).buffer(-60)
    lanes = [lane for unit in units for lane in places.settle(rng, unit, built, barred)]
    drawn = streets.surface(rng, towns, units, ground, cores, lanes, shapes)
    bridges, surface = streets.motorway(drawn, ground)
    places.settle_hills(rng, units, [street.line for street in surface], ground)

    known = facilities.all_of(rng, units, parks)
    facilities.date_all(rng, known)
    demand = places.demand(rng, units, ground)

    out.mkdir(parents=True, exist_ok=True)
    demand.to_csv(out / "demand.csv", index=False, float_format="%.6f", lineterminator="\n")
    write_geojson(out / "facilities.geojson", facilities.features(rng, known, ground))
    write_geojson(out / "areas.geojson", places.area_features(towns, units, ground))
    network.table(surface, bridges, ground).to_parquet(out / "streets.parquet", compression="zstd")
    (out / "standards.toml").write_bytes((resources.files("geo.study") / "standards.toml").read_bytes())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write the shipped study of Yongkang.")
    arguments.add_argument("out", nargs="?", type=Path, default=DATA)
    main(arguments.parse_args().out)
