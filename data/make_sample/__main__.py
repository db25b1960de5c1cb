"""Write the shipped study of Yongkang (永康), a county that is modelled around real figures.

    python data/make_sample [OUT]

The towns' names, codes and numbers of villages, the county's outline (to 2 km) and its census total are real; see
facts/README.md. All villages, streets, facilities and residential land are modelled: facilities say `schematic`, and
names contain 示例.

The script always writes the same bytes. So the functions must draw from the random generator in the same order, or the
sample changes: moving a call that draws changes everything after it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

import facilities
import homes
import land
import network
import places
import streets

SEED = 330784
DATA = Path(__file__).resolve().parents[1]


def write_geojson(file: Path, features: list[dict[str, object]]) -> None:
    """Write a FeatureCollection with one feature on each line, so that differences are easy to read."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
    file.write_text(text, encoding="utf-8", newline="\n")


def main(out: Path) -> None:
    rng = np.random.default_rng(SEED)
    table = pd.read_csv(DATA / "facts" / "towns.csv", dtype={"code": str})
    ground = land.random_land(rng, table, pd.read_csv(DATA / "facts" / "outline.csv"))
    towns = places.towns(table, ground)
    units = places.units(rng, towns, ground)
    cores = places.cores(rng, towns, ground)
    parks = facilities.large_parks(rng, units, ground)

    park_shapes = [park.shape for park in parks]
    not_for_homes = shapely.union_all([*(shape.buffer(4) for shape in park_shapes), ground.river.buffer(90)])
    town_centres = shapely.union_all(cores).buffer(-60)
    lanes = [lane for unit in units for lane in places.settle(rng, unit, town_centres, not_for_homes)]
    all_streets = streets.surface(rng, towns, units, ground, cores, lanes, park_shapes)
    bridges, surface = streets.motorway(all_streets, ground)
    places.settle_hills(rng, units, [street.line for street in surface], ground)

    all_facilities = facilities.place_all(rng, units, parks)
    facilities.date_all(rng, all_facilities)
    demand = places.demand(rng, units, ground)

    out.mkdir(parents=True, exist_ok=True)
    demand.to_csv(out / "demand.csv", index=False, float_format="%.6f", lineterminator="\n")
    write_geojson(out / "facilities.geojson", facilities.features(rng, all_facilities, ground))
    areas = places.area_features(towns, units, ground)
    write_geojson(out / "areas.geojson", areas)
    no_homes = ground.lonlat([*park_shapes, ground.river.buffer(90)])
    homes.residential_land(demand, areas, no_homes).to_parquet(out / "land.parquet", compression="zstd")
    network.table(surface, bridges, ground).to_parquet(out / "streets.parquet", compression="zstd")
    (out / "standards.toml").write_bytes((Path(__file__).parent / "standards.toml").read_bytes())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write the shipped study of Yongkang.")
    arguments.add_argument("out", nargs="?", type=Path, default=DATA)
    main(arguments.parse_args().out)
