"""Administrative boundaries of small extracts: read, found by name, and files that are refused."""

from pathlib import Path

import pytest

from geo.errors import ExtractError
from geo.sources.osm import boundaries
from support.extracts import Extract


def quiet(step: str, count: int) -> None:
    pass


@pytest.fixture
def town() -> Extract:
    """An extract with one street."""
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], {"highway": "residential"})
    return extract


def test_named_administrative_boundaries_with_a_level_are_read(tmp_path: Path, town: Extract) -> None:
    first = town.boundary("Land", 2, (9, 49, 11, 51), **{"name:en": "Country", "population": "1'000"})
    town.boundary("Kreis", 6, (9.5, 49.5, 10.5, 50.5))
    way = town.box(9.9, 49.9, 10.1, 50.1, {"boundary": "administrative", "admin_level": "8", "name": "Stadt"})
    town.box(9.9, 49.9, 10.1, 50.1, {"boundary": "national_park", "admin_level": "8", "name": "Wald"})
    town.box(9.9, 49.9, 10.1, 50.1, {"boundary": "administrative", "admin_level": "8"})
    town.box(9.9, 49.9, 10.1, 50.1, {"boundary": "administrative", "admin_level": "x", "name": "Falsch"})
    drawn = boundaries.read(town.write(tmp_path / "town.osm.pbf"), quiet)
    assert sorted(boundary.name for boundary in drawn.complete) == ["Kreis", "Land", "Stadt"]
    for name_or_id in ("Land", "Country", f"r{first}"):
        assert boundaries.find(drawn, name_or_id).population == 1000
    assert boundaries.find(drawn, f"w{way}").admin_level == 8


def test_unknown_area_is_refused_with_the_boundaries_there_are(tmp_path: Path, town: Extract) -> None:
    town.boundary("Land", 2, (9, 49, 11, 51))
    drawn = boundaries.read(town.write(tmp_path / "town.osm.pbf"), quiet)
    for name_or_id in ("Atlantis", "12345", ""):
        with pytest.raises(ExtractError, match=r"Land \(r1, admin_level 2\)") as error:
            boundaries.find(drawn, name_or_id)
        assert repr(name_or_id) in str(error.value)
    with pytest.raises(ExtractError, match="none"):
        boundaries.find(boundaries.Boundaries(), "Land")


def test_name_of_several_boundaries_is_refused_and_an_id_is_not(tmp_path: Path, town: Extract) -> None:
    town.boundary("Neustadt", 8, (9, 49, 10, 51))
    town.boundary("Neustadt", 6, (10, 49, 11, 51))
    town.boundary("Altstadt", 6, (11, 49, 12, 51))
    drawn = boundaries.read(town.write(tmp_path / "town.osm.pbf"), quiet)
    with pytest.raises(ExtractError, match="several") as error:
        boundaries.find(drawn, "Neustadt")
    assert "r1" in str(error.value)
    assert "r2" in str(error.value)
    assert "Altstadt" not in str(error.value)
    assert boundaries.find(drawn, "r2").admin_level == 6
    assert boundaries.find(drawn, "2").admin_level == 6


# --- files that are refused -----------------------------------------------------------------------------------------


def refusal_of(path: Path) -> str:
    """The message with which a file is refused; it names the file."""
    with pytest.raises(ExtractError) as error:
        boundaries.read(path, quiet)
    assert path.name in str(error.value)
    return str(error.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal_of(tmp_path / "none.osm.pbf")
    assert "is no file" in refusal_of(tmp_path)


@pytest.mark.parametrize("name", ["x.osm.pbf", "x.pbf", "x.osm", "x.txt", "x", "x.osm.bz2"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"lon,lat\n1,2\n", b"<html></html>"])
def test_file_of_another_format_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refusal_of(path)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.osm.pbf"
    path.write_bytes(b"")
    refusal_of(path)


def test_truncated_file_is_refused(liechtenstein_extract: Path, tmp_path: Path) -> None:
    whole = liechtenstein_extract.read_bytes()
    path = tmp_path / "half.osm.pbf"
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refusal_of(path)
