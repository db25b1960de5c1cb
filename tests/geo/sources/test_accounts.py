"""A build accounts for all objects that it reads: each is kept, or left out for a reason."""

import json
from collections import Counter
from pathlib import Path

import osmium
import pytest

from geo.errors import ExtractError
from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.summary import Account, Summary
from support import country


def quiet(step: str, count: int) -> None:
    pass


def accounts_of(summary: Summary) -> dict[str, Account]:
    return {account.kind: account for account in summary.accounts}


@pytest.fixture(scope="module")
def liechtenstein(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """The extract, and the summary of the build of all of it."""
    extract = shared / "data" / "liechtenstein" / "liechtenstein.osm.pbf"
    folder = tmp_path_factory.mktemp("studies") / "liechtenstein"
    return extract, build.build(folder, Sources(extract, area="Liechtenstein"), quiet)


def test_all_objects_of_a_real_extract_are_accounted_for(liechtenstein: tuple[Path, Summary]) -> None:
    extract, summary = liechtenstein
    counts: Counter[str] = Counter()
    tagged: Counter[str] = Counter()
    streets: set[int] = set()  # with the outlines of squares
    for element in osmium.FileProcessor(str(extract)):
        letter = element.type_str()
        counts[letter] += 1
        if letter == "r":
            tagged[element.tags.get("type", "unknown")] += 1
            if element.tags.get("type") == "multipolygon" and "highway" in element.tags:
                streets.update(member.ref for member in element.members if member.type == "w")
        elif letter == "w":
            if "highway" in element.tags or element.tags.get("route") == "ferry":
                streets.add(element.id)
            tagged["buildings"] += "building" in element.tags
    accounts = accounts_of(summary)
    assert (accounts["relations"].read, accounts["ways"].read) == (counts["r"], counts["w"]) == (884, 29_874)
    assert [account.kind for account in summary.accounts if abs(account.unexplained) > 1e-6] == []
    relations, ways = accounts["relations"], accounts["ways"]
    assert relations.left_out["without a tag that counts, type route"] == tagged["route"]
    restrictions = sum(count for reason, count in relations.left_out.items() if reason.startswith("turn restrictions"))
    assert relations.kept["turn restrictions"] + restrictions == tagged["restriction"]
    fates = {**ways.kept, **ways.left_out}
    assert sum(count for fate, count in fates.items() if fate.startswith("streets")) == len(streets)
    assert ways.kept["residential buildings"] + ways.left_out["buildings in which nobody lives"] <= tagged["buildings"]


@pytest.mark.parametrize("area", [None, "Land", "West"])
@pytest.mark.parametrize("margin_m", [100.0, 15_000.0])
def test_all_objects_of_a_small_extract_are_accounted_for(tmp_path: Path, area: str | None, margin_m: float) -> None:
    extract = country.make_extract()
    extract.way([(10.0, 50.0), (10.001, 50.0)], {"highway": "proposed"})
    extract.way([(10.0, 50.0), (10.001, 50.0)], {"power": "line"})
    extract.way([(10.9, 50.0), (10.901, 50.0)], {"highway": "residential"})
    extract.node(10.001, 50.001, {"barrier": "gate"})
    path = extract.write(tmp_path / "land.osm.pbf")
    _, summary = country.build_study(tmp_path / "study", path, area=area, people=100, margin_m=margin_m)
    assert [account.kind for account in summary.accounts if account.unexplained] == []
    counts = Counter(element.type_str() for element in osmium.FileProcessor(str(path)))
    accounts = accounts_of(summary)
    assert (accounts["relations"].read, accounts["ways"].read) == (counts["r"], counts["w"])
    ways = accounts["ways"]
    assert ways.left_out["streets closed to everybody"] == 1
    assert ways.left_out["without a tag that counts"] == 1
    assert ways.left_out.get("outside the surroundings", 0) >= (area is not None)
    assert accounts["tagged nodes"].left_out["barriers on no street"] == 1
    document = json.loads((tmp_path / "study" / "build.json").read_text("utf-8"))
    assert [account["kind"] for account in document["accounts"]] == list(accounts)


def test_people_areas_and_facilities_of_lists_are_accounted_for(tmp_path: Path) -> None:
    path = country.make_extract().write(tmp_path / "land.osm.pbf")
    people = tmp_path / "people.csv"
    people.write_text("lon,lat,population\n10.01,50.01,70\n10.06,50.01,30\n", "utf-8")
    clinics = tmp_path / "clinics.csv"
    clinics.write_text(
        "name,category,lon,lat\nA,clinic,10.01,50.012\nB,clinic,10.5,50.01\nC,clinic,0,0\n合计,,,\n", "utf-8"
    )
    _, summary = country.build_study(
        tmp_path / "study", path, area="Land", population=people, facilities=[clinics], margin_m=5_000
    )
    assert [account for account in summary.accounts if abs(account.unexplained) > 1e-6] == []
    accounts = {(account.kind, account.source): account for account in summary.accounts}
    assert accounts["people", "people.csv"].kept == {"in the area": 70}
    assert accounts["people", "people.csv"].left_out == {"outside": 30}
    assert accounts["named administrative boundaries", "land.osm.pbf"].kept == {"areas": 2}
    assert accounts["facilities", "land.osm.pbf"].left_out == {"facilities that are private: park": 1}
    assert accounts["facilities", "clinics.csv"].kept == {"facilities": 1}


def test_facilities_that_no_street_reaches_are_named(tmp_path: Path) -> None:
    extract = country.make_extract()
    extract.node(10.01, 50.06, {"amenity": "clinic", "name": "Gipfel"})
    path = extract.write(tmp_path / "land.osm.pbf")
    _, summary = country.build_study(tmp_path / "study", path, area="Land", people=100)
    [line] = [line for line in summary.lines if "no street for walkers" in line.remark]
    assert [name.split(" (osm-")[0] for name in line.names] == ["Gipfel", "Park"]  # the park is at 1,001 m


def cut_extract(path: Path) -> Path:
    """The small country without one of the four sides of West and of Ausland."""
    lines = country.make_extract().write(path.with_suffix(".opl")).read_text("utf-8").splitlines(keepends=True)
    relations = [line for line in lines if line[0] == "r" and ("name=West" in line or "name=Ausland" in line)]
    lines = [line.replace(" M", " Mw999@outer,") if line in relations else line for line in lines]
    cut = path.with_suffix(".cut.opl")
    cut.write_text("".join(lines), "utf-8")
    return cut


def test_boundaries_cut_at_the_border_of_the_extract_are_named(tmp_path: Path) -> None:
    path = cut_extract(tmp_path / "land")
    _, summary = country.build_study(tmp_path / "study", path, area="Land", people=100)
    [line] = [line for line in summary.lines if line.remark.startswith("administrative boundaries that are not")]
    assert line.amount == 2
    assert all("is there, but 1 of its " in name and "is not in the extract" in name for name in line.names)
    assert sorted(name.split(" (")[0] for name in line.names) == ["Ausland", "West"]


@pytest.mark.parametrize("asked", ["West", "Westend"])
def test_an_area_that_is_cut_is_not_called_unknown(tmp_path: Path, asked: str) -> None:
    path = cut_extract(tmp_path / "land")
    with pytest.raises(ExtractError, match=r"West \(r\d+, admin_level 8\) is there, but 1 of its \d+ ways is not"):
        country.build_study(tmp_path / "study", path, area=asked)
