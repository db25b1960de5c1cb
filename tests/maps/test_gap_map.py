"""The gap map as a file: the same for the same study, complete in itself, and true to the figures."""

import html
import html.parser
import json
import os
import re
from pathlib import Path

import pytest

from geo.study import study
from maps import gap_map
from service.answers.engine import Answers
from service.settings import Settings
from support import program, town

PEOPLE, BEYOND, REASON = "人数", "超出", "原因"


class Links(html.parser.HTMLParser):
    """What a page would load, and the styles it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.found += [
            value or "" for name, value in attributes if name in ("src", "href", "srcset", "data") and tag != "a"
        ]

    def handle_data(self, data: str) -> None:
        if self.tag == "style":
            self.found += re.findall(r"url\(([^)]*)\)", data) + re.findall(r"@import\s+(\S+)", data)


def layers(page: str) -> dict[str, list[dict]]:
    """The features of each layer of a page, by the layer's name."""
    data = {name: json.loads(text) for name, text in re.findall(r"(geo_json_\w+)_add\((\{.*\})\);", page)}
    names = dict(re.findall(r'("[^"\n]*") : (geo_json_\w+),', page))
    return {json.loads(name): data[variable]["features"] for name, variable in names.items()}


def people(mark: dict) -> float:
    return float(mark["properties"][PEOPLE].replace(",", ""))


def test_the_same_study_gives_the_same_file_in_another_process(town_folder: Path, tmp_path: Path):
    files = [tmp_path / f"{number}.html" for number in range(2)]
    for number, file in enumerate(files):
        done = program.run("map", "health-20", "-o", file, "--study", town_folder, PYTHONHASHSEED=str(number))
        assert done.returncode == 0, done.stderr
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert b"geo_json_" in first


def test_rendering_twice_gives_the_same_text(answers, town_folder: Path):
    one, other = answers(town_folder), answers(town_folder)
    assert one.gap_map("park-500", "inline") == other.gap_map("park-500", "inline")
    assert re.search(r"[0-9a-f]{32}", one.gap_map("park-500", "linked")) is None


def test_an_inline_file_loads_nothing(answers, town_folder: Path):
    found = Links(answers(town_folder).gap_map("health-20", "inline")).found
    assert found  # Leaflet's own pictures
    assert [link for link in found if not link.startswith(("data:", "#"))] == []


def test_a_linked_page_loads_from_its_server_alone(answers, town_folder: Path):
    found = Links(answers(town_folder).gap_map("health-20", "linked")).found
    assert len(found) >= 3
    assert [link for link in found if not link.startswith(("/static/", "data:", "#"))] == []


@pytest.mark.parametrize("assets", ["inline", "linked"])
def test_a_page_says_its_language_and_encoding(answers, town_folder: Path, assets: str):
    page = answers(town_folder).gap_map("health-20", assets)
    assert re.search(r'<html[^>]* lang="zh-CN"', page)
    # Browsers look for it in the first 1,024 bytes.
    assert re.search(rb"<meta[^>]*charset=[\"']?utf-8", page.encode()[:1024], re.IGNORECASE)


@pytest.mark.parametrize("standard", ["health-15", "health-20", "park-500", "kindergarten-300"])
@pytest.mark.parametrize("most", [600, 7])
def test_the_gaps_hold_everybody_outside(
    answers, town_folder: Path, monkeypatch: pytest.MonkeyPatch, standard: str, most: int
):
    monkeypatch.setattr(gap_map, "MOST_MARKS", most)
    asked = answers(town_folder)
    answer = asked.coverage(standard)
    marks = layers(asked.gap_map(standard, "inline"))["缺口 gaps"]
    assert 0 < len(marks) <= most
    assert sum(map(people, marks)) == pytest.approx(answer.total - answer.covered, abs=0.1)
    lost = [mark for mark in marks if mark["properties"][BEYOND] == "—"]
    assert sum(map(people, lost)) == pytest.approx(sum(one.count for one in answer.unreachable), abs=0.1)
    assert {mark["properties"][REASON] for mark in lost} == {one.reason for one in answer.unreachable}
    assert all(mark["properties"][REASON] == "—" for mark in marks if mark not in lost)


@pytest.mark.parametrize("standard", ["health-20", "park-500"])
def test_the_samples_gaps_hold_everybody_outside(answers, sample_folder: Path, standard: str):
    asked = answers(sample_folder)
    answer = asked.coverage(standard)
    marks = layers(asked.gap_map(standard, "inline"))["缺口 gaps"]
    assert 5 < len(marks) <= gap_map.MOST_MARKS
    # Each mark is rounded to whole people.
    assert sum(map(people, marks)) == pytest.approx(answer.total - answer.covered, abs=0.5 * len(marks) ** 0.5 + 5)
    radius = {mark["properties"]["style"]["radius"]: people(mark) for mark in marks}
    assert [count for _, count in sorted(radius.items())] == sorted(radius.values())  # more people, larger circle


def test_areas_show_their_own_figures_in_the_shade_of_the_legend(answers, town_folder: Path):
    asked = answers(town_folder)
    page = asked.gap_map("health-20", "inline")
    drawn = layers(page)["区域 areas"]
    shares = asked.coverage("health-20").areas
    assert [one["properties"]["名称"] for one in drawn] == [area.name for area in shares]
    for one, area in zip(drawn, shares, strict=True):
        figures = one["properties"]
        assert figures["人口"] == f"{area.people:,.0f}"
        assert figures["数量"] == f"{area.covered:,.0f} / {area.total:,.0f} 人"
        if area.share is None:
            assert (figures["达标"], figures["style"]["fillColor"]) == ("—", gap_map.NO_SHARE)
        else:
            assert figures["达标"] == f"{area.share:.1%}"
            expected = next(colour for upper, colour in gap_map.SHARES if area.share <= upper)
            assert figures["style"]["fillColor"] == expected
            assert f"background:{expected}" in page
    assert {area.share is None for area in shares} == {True, False}  # nobody of the first town is rural


def test_units_without_a_facility_are_the_gaps_of_presence(answers, town_folder: Path):
    asked = answers(town_folder)
    gaps = layers(asked.gap_map("hall-presence", "inline"))["缺口 gaps"]
    names = study.read(town_folder).areas["name"]
    assert [gap["properties"]["名称"] for gap in gaps] == [names[code] for code in ("T1S", "T2S", "T2N")]


def test_what_opened_stands_out_and_nobody_is_outside(answers, town_folder: Path):
    found = layers(answers(town_folder).gap_map("park-new", "inline"))
    assert "缺口 gaps" not in found
    parks = found["公园 Park"]
    new = [park["geometry"]["type"] for park in parks if park["properties"]["style"]["fillColor"] == "#f0027f"]
    assert new == ["Polygon", "Point"]  # p1, and a mark where it is too small to see; p2 opened in 2012
    assert len(parks) == 3


@pytest.mark.parametrize(
    "name",
    [
        "{{ 7*7 }}",
        "{% raw %}",
        "{# gone #}",
        "{{ cycler.__init__.__globals__.os.environ.update(PWNED=str()) }}",
        "</script><script>window.pwned=1</script>",
        '"><img src=x onerror=window.pwned=1>',
        "`${window.pwned=1}`",
        "'); window.pwned=1; ('",
        "&lt;b&gt;",
        "\\",
    ],
)
def test_a_name_is_text_and_never_a_template(answers, tmp_path: Path, name: str):
    """Folium runs what it has rendered as a template once more: then a name would be a program on the server."""
    asked = answers(town.make(tmp_path / "town", names=[name]))
    for standard in ("health-20", "hall-presence"):
        found = layers(asked.gap_map(standard, "inline"))
        for layer in ("区域 areas", "诊所 Clinic" if standard == "health-20" else "缺口 gaps"):
            assert {html.unescape(one["properties"]["名称"]) for one in found[layer]} == {name}
            assert not any("<" in one["properties"]["名称"] for one in found[layer])
    assert "PWNED" not in os.environ


def test_a_study_without_streets_is_drawn_without_them(answers, tmp_path: Path):
    asked = answers(town.make(tmp_path / "town", streets=False))
    page = asked.gap_map("health-20", "inline")
    assert {"区域 areas", "缺口 gaps", "诊所 Clinic"} == layers(page).keys()
    assert "straight-line" in page


def test_a_study_of_point_areas_is_drawn_by_its_names(answers, tmp_path: Path):
    asked = answers(town.make(tmp_path / "town", point_areas=True))
    for standard in ("health-20", "hall-presence", "park-new"):
        page = asked.gap_map(standard, "inline")
        assert "区域 areas" not in layers(page)
        assert page.count("fwq-name") > 2
    gaps = layers(asked.gap_map("hall-presence", "inline"))["缺口 gaps"]
    assert {gap["geometry"]["type"] for gap in gaps} == {"Point"}
    *_, bounds = re.findall(
        r"fitBounds\((\[\[.*?\]\])", asked.gap_map("park-500", "inline")
    )  # Leaflet's own come first
    (south, west), (north, east) = json.loads(bounds)
    assert (west, south) == pytest.approx(town.place(0.3, 0.1), abs=1e-4)
    assert (east, north) == pytest.approx(town.place(15.3, 7.1), abs=1e-4)


TILES = "https://tiles.example/{z}/{x}/{y}.png"


def test_the_operators_own_tiles_are_used(answers, town_folder: Path):
    page = Answers(Settings(study=town_folder, tiles=TILES)).gap_map("park-500", "inline")
    assert TILES in page
    assert TILES not in answers(town_folder).gap_map("park-500", "inline")


def test_an_attribution_beside_tiles_is_text(town_folder: Path):
    said = "© <img src=x onerror=window.pwned=1> & 图"
    page = Answers(Settings(study=town_folder, tiles=TILES, tiles_attribution=said)).gap_map("park-500", "inline")
    *_, shown = re.findall(r'"attribution": (".*"),', page)  # which Leaflet puts into the page as HTML
    assert html.unescape(json.loads(shown)) == said
    assert "<" not in json.loads(shown)


@pytest.fixture
def town_folder(tmp_path: Path) -> Path:
    return town.make(tmp_path / "town")
