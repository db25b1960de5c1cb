"""The gap map as a file: the same for equal studies, complete in itself, and with the figures of the coverage."""

import html
import html.parser
import json
import os
import re
from pathlib import Path

import pytest

from geo.study import study
from maps import gap_layers
from service.answers.engine import Answers
from service.settings import Settings
from support import program, town
from support.program import output_of

PEOPLE, BEYOND, REASON = "人数", "超出", "原因"


@pytest.fixture(scope="module")
def town_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town; no test changes it."""
    return town.make(tmp_path_factory.mktemp("gap_map") / "town")


class LoadedUrls(html.parser.HTMLParser):
    """Collects the URLs that a page loads, from its attributes and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.urls += [
            value or "" for name, value in attributes if name in ("src", "href", "srcset", "data") and tag != "a"
        ]

    def handle_data(self, data: str) -> None:
        if self.tag == "style":
            self.urls += re.findall(r"url\(([^)]*)\)", data) + re.findall(r"@import\s+(\S+)", data)


def layers(page: str) -> dict[str, list[dict]]:
    """The GeoJSON features of each layer of a map, by the layer's name."""
    data = {name: json.loads(text) for name, text in re.findall(r"(geo_json_\w+)_add\((\{.*\})\);", page)}
    names = dict(re.findall(r'("[^"\n]*") : (geo_json_\w+),', page))
    return {json.loads(name): data[variable]["features"] for name, variable in names.items()}


def people(mark: dict) -> float:
    return float(mark["properties"][PEOPLE].replace(",", ""))


def test_map_file_is_the_same_in_another_process(town_folder: Path, tmp_path: Path):
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    command = ("map", "health-20", "--study", town_folder, "-o")
    output_of(program.call(*command, first))
    output_of(program.run(*command, second, PYTHONHASHSEED="1"))  # this process has a random one
    assert first.read_bytes() == second.read_bytes()
    assert b"geo_json_" in first.read_bytes()


def test_map_is_the_same_when_drawn_twice(answers, town_folder: Path):
    first, second = answers(town_folder), answers(town_folder)
    assert first.gap_map("park-500", "inline") == second.gap_map("park-500", "inline")
    assert re.search(r"[0-9a-f]{32}", first.gap_map("park-500", "linked")) is None


def test_inline_map_loads_nothing(answers, town_folder: Path):
    urls = LoadedUrls(answers(town_folder).gap_map("health-20", "inline")).urls
    assert urls  # Leaflet's own images
    assert [url for url in urls if not url.startswith(("data:", "#"))] == []


def test_linked_map_loads_only_from_its_server(answers, town_folder: Path):
    urls = LoadedUrls(answers(town_folder).gap_map("health-20", "linked")).urls
    assert len(urls) >= 3
    assert [url for url in urls if not url.startswith(("/static/", "data:", "#"))] == []


@pytest.mark.parametrize("assets", ["inline", "linked"])
def test_map_states_its_language_and_encoding(answers, town_folder: Path, assets: str):
    page = answers(town_folder).gap_map("health-20", assets)
    assert re.search(r'<html[^>]* lang="zh-CN"', page)
    # Browsers look for the encoding in the first 1,024 bytes.
    assert re.search(rb"<meta[^>]*charset=[\"']?utf-8", page.encode()[:1024], re.IGNORECASE)


@pytest.mark.parametrize("standard", ["health-15", "health-20", "park-500", "kindergarten-300"])
@pytest.mark.parametrize("max_marks", [600, 7])
def test_gap_marks_add_up_to_the_people_outside(
    answers, town_folder: Path, monkeypatch: pytest.MonkeyPatch, standard: str, max_marks: int
):
    monkeypatch.setattr(gap_layers, "MAX_MARKS", max_marks)
    service = answers(town_folder)
    answer = service.coverage(standard)
    marks = layers(service.gap_map(standard, "inline"))["缺口 gaps"]
    assert 0 < len(marks) <= max_marks
    assert sum(map(people, marks)) == pytest.approx(answer.total - answer.covered, abs=0.1)
    unreachable = [mark for mark in marks if mark["properties"][BEYOND] == "—"]
    assert sum(map(people, unreachable)) == pytest.approx(sum(group.count for group in answer.unreachable), abs=0.1)
    assert {mark["properties"][REASON] for mark in unreachable} == {group.reason for group in answer.unreachable}
    assert all(mark["properties"][REASON] == "—" for mark in marks if mark not in unreachable)


@pytest.mark.parametrize("standard", ["health-20", "park-500"])
def test_gap_marks_of_the_sample_add_up_to_the_people_outside(answers, sample_folder: Path, standard: str):
    service = answers(sample_folder)
    answer = service.coverage(standard)
    marks = layers(service.gap_map(standard, "inline"))["缺口 gaps"]
    assert 5 < len(marks) <= gap_layers.MAX_MARKS
    # Each mark is rounded to whole people.
    assert sum(map(people, marks)) == pytest.approx(answer.total - answer.covered, abs=0.5 * len(marks) ** 0.5 + 5)
    radius = {mark["properties"]["style"]["radius"]: people(mark) for mark in marks}
    assert [count for _, count in sorted(radius.items())] == sorted(radius.values())  # more people, larger circle


def test_areas_show_their_figures_in_the_colour_of_the_legend(answers, town_folder: Path):
    service = answers(town_folder)
    page = service.gap_map("health-20", "inline")
    features = layers(page)["区域 areas"]
    shares = service.coverage("health-20").areas
    assert [feature["properties"]["名称"] for feature in features] == [area.name for area in shares]
    for feature, area in zip(features, shares, strict=True):
        figures = feature["properties"]
        assert figures["人口"] == f"{area.people:,.0f}"
        assert figures["数量"] == f"{area.covered:,.0f} / {area.total:,.0f} 人"
        if area.share is None:
            assert (figures["达标"], figures["style"]["fillColor"]) == ("—", gap_layers.NO_SHARE_COLOUR)
        else:
            assert figures["达标"] == f"{area.share:.1%}"
            expected = next(colour for upper, colour in gap_layers.SHARE_COLOURS if area.share <= upper)
            assert figures["style"]["fillColor"] == expected
            assert f"background:{expected}" in page
    assert {area.share is None for area in shares} == {True, False}  # nobody of the first town is rural


def test_outlines_of_gaps_show_the_worst_with_their_figures(answers, sample_folder: Path, monkeypatch):
    monkeypatch.setattr(gap_layers, "MAX_OUTLINES", 10)
    service: Answers = answers(sample_folder)
    outlines = layers(service.gap_map("health-15", "inline"))["缺口范围 outlines of gaps"]
    _, gaps = service.gaps(service.states.current(), "health-15")
    worst = gaps.frame.iloc[:10]
    assert [outline["properties"]["缺口"] for outline in outlines] == [
        f"{rank}. {name}" for rank, name in worst["name"].items()
    ]
    assert [people(outline) for outline in outlines] == worst["people"].round().tolist()


def test_gaps_of_a_presence_standard_are_the_units_without_a_facility(answers, town_folder: Path):
    service = answers(town_folder)
    gaps = layers(service.gap_map("hall-presence", "inline"))["缺口 gaps"]
    names = study.read(town_folder).areas["name"]
    assert [gap["properties"]["名称"] for gap in gaps] == [names[code] for code in ("T1S", "T2S", "T2N")]


def test_facilities_opened_in_the_period_stand_out_and_there_are_no_gaps(answers, town_folder: Path):
    drawn = layers(answers(town_folder).gap_map("park-new", "inline"))
    assert "缺口 gaps" not in drawn
    parks = drawn["公园 Park"]
    new = [park["geometry"]["type"] for park in parks if park["properties"]["style"]["fillColor"] == "#f0027f"]
    assert new == ["Polygon", "Point"]  # p1, and a mark since it may be too small to see; p2 opened in 2012
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
def test_name_is_shown_as_text_and_not_run_as_a_template(answers, tmp_path: Path, name: str):
    """Folium runs rendered text as a template once more, so that a name could run as a program on the server."""
    service = answers(town.make(tmp_path / "town", names=[name]))
    for standard in ("health-20", "hall-presence"):
        drawn = layers(service.gap_map(standard, "inline"))
        for layer in ("区域 areas", "诊所 Clinic" if standard == "health-20" else "缺口 gaps"):
            assert {html.unescape(feature["properties"]["名称"]) for feature in drawn[layer]} == {name}
            assert not any("<" in feature["properties"]["名称"] for feature in drawn[layer])
    assert "PWNED" not in os.environ


def test_map_of_a_study_without_streets_has_no_street_layer(answers, tmp_path: Path):
    service = answers(town.make(tmp_path / "town", streets=False))
    page = service.gap_map("health-20", "inline")
    expected = {"区域 areas", "缺口范围 outlines of gaps", "缺口 gaps", "诊所 Clinic"}
    assert layers(page).keys() == expected | {"新设施价值 value of sites", "关停损失 loss if closed"}
    assert "straight-line" in page


def test_areas_that_are_points_are_drawn_as_names(answers, tmp_path: Path):
    service = answers(town.make(tmp_path / "town", point_areas=True))
    for standard in ("health-20", "hall-presence", "park-new"):
        page = service.gap_map(standard, "inline")
        assert "区域 areas" not in layers(page)
        assert page.count("fwq-name") > 2
    gaps = layers(service.gap_map("hall-presence", "inline"))["缺口 gaps"]
    assert {gap["geometry"]["type"] for gap in gaps} == {"Point"}
    *_, bounds = re.findall(
        r"fitBounds\((\[\[.*?\]\])", service.gap_map("park-500", "inline")
    )  # Folium's own call comes first
    (south, west), (north, east) = json.loads(bounds)
    assert (west, south) == pytest.approx(town.place(0.3, 0.1), abs=1e-4)
    assert (east, north) == pytest.approx(town.place(15.3, 7.1), abs=1e-4)


TILES = "https://tiles.example/{z}/{x}/{y}.png"


def test_tiles_of_the_settings_are_the_background(answers, town_folder: Path):
    page = Answers(Settings(study=town_folder, tiles=TILES)).gap_map("park-500", "inline")
    assert TILES in page
    assert TILES not in answers(town_folder).gap_map("park-500", "inline")


def test_attribution_of_tiles_is_shown_as_text(town_folder: Path):
    attribution = "© <img src=x onerror=window.pwned=1> & 图"
    page = Answers(Settings(study=town_folder, tiles=TILES, tiles_attribution=attribution)).gap_map(
        "park-500", "inline"
    )
    *_, shown = re.findall(r'"attribution": (".*"),', page)  # Leaflet puts it into the page as HTML
    assert html.unescape(json.loads(shown)) == attribution
    assert "<" not in json.loads(shown)
