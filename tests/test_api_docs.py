"""docs/api.md is true: its blocks run against a server, what it names exists, and the example works."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from maps.pages import LEAFLET_FOLDER
from service.api import errors
from service.api.routes import features
from support import program
from support.requirements import require_program

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "coverage_map.py"
HOSTILE = "{{7*7}}</script><img src=x onerror=alert(1)>`${1}"
HERE = {"longitude": 120.0475, "latitude": 28.889}


def blocks(language: str, word: str = "") -> list[str]:
    """The fenced code blocks of a language that contain a word."""
    return [block for block in re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGE) if word in block]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the sample, in which one town's name contains scripts."""
    folder = tmp_path_factory.mktemp("api") / "data"
    shutil.copytree(ROOT / "data", folder, ignore=shutil.ignore_patterns("register.sqlite*", "facts", "make_sample"))
    areas = json.loads((folder / "areas.geojson").read_text("utf-8"))
    town = next(feature for feature in areas["features"] if feature["properties"]["level"] == "town")
    town["properties"]["name"] = HOSTILE
    (folder / "areas.geojson").write_text(json.dumps(areas), "utf-8")
    with program.serving(folder) as (address, _):
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the server, in a browser whose position is in the sample."""
    context = browser.new_context(geolocation=HERE, permissions=["geolocation"])
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{address}/health")
    yield page
    context.close()


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=program.LIMIT_SECONDS) as answer:
        return json.load(answer)


def run(*command: str) -> str:
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=program.LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_examples_of_the_manual_run(address: str) -> None:
    require_program("curl")
    answers = [
        json.loads(run("bash", "-c", block.replace("http://127.0.0.1:8000", address))) for block in blocks("sh", "curl")
    ]
    nearest, batch, items = answers
    assert nearest["coordinate_system"] == "gcj02"
    assert "open_at" in nearest
    assert 1 <= len(nearest["features"]) <= 2
    for feature in nearest["features"]:
        properties = feature["properties"]
        assert properties["open"]["state"] in ("open", "unknown")
        assert properties["times"]["walk"] == properties["minutes"] > properties["times"]["drive"]
        assert {site: link.split("/")[2] for site, link in properties["navigation"].items()} == {
            "amap": "uri.amap.com", "baidu": "api.map.baidu.com", "tencent": "apis.map.qq.com"
        }  # fmt: skip
    assert [answer["id"] for answer in batch["answers"]] == ["home", "work"]
    assert all(len(answer["features"]) == 1 for answer in batch["answers"])
    beds = [feature["properties"]["capacity"] for feature in items["features"]]
    assert beds == sorted(beds, reverse=True)
    assert min(beds) >= 20
    assert items["numberMatched"] > len(beds) == 3
    assert {feature["properties"]["category"] for feature in items["features"]} == {"clinic"}


def test_python_examples_of_the_manual_run(address: str) -> None:
    plain, frames = (
        run(sys.executable, "-c", block.replace("http://127.0.0.1:8000", address)) for block in blocks("python")
    )
    near = get(f"{address}/v1/nearest?lon=120.043&lat=28.8865&category=park&limit=3")["features"]
    assert [line.split()[0] for line in plain.splitlines()] == [feature["id"] for feature in near]
    *towns, parks = frames.splitlines()[1:]
    coverage = get(f"{address}/v1/coverage/park-500")
    assert len(towns) == len(coverage["areas"]) == 14
    assert float(towns[0].split()[-1]) == min(area["share"] for area in coverage["areas"])
    assert parks == f"{coverage['facilities']} parks"


def test_ogrinfo_example_of_the_manual_lists_the_layers(address: str) -> None:
    """Without an ogrinfo, pyogrio's GDAL reads the same address."""
    import pyogrio

    (block,) = blocks("sh", "ogrinfo")
    source = block.split()[-1].replace("http://127.0.0.1:8000", address)
    layers = {str(name) for name, _ in pyogrio.list_layers(source)}
    assert {"facilities", "areas", "demand", "coverage-park-500"} <= layers
    if shutil.which("ogrinfo") is not None:
        assert all(name in run("ogrinfo", "-ro", source) for name in layers)


def test_javascript_example_of_the_manual_runs(address: str, page: Page) -> None:
    (block,) = blocks("js")
    near = get(f"{address}/v1/nearest?lon={HERE['longitude']}&lat={HERE['latitude']}&category=clinic&limit=3")
    wanted = [f"{feature['properties']['name']} {feature['properties']['minutes']}" for feature in near["features"]]
    assert len(wanted) == 3
    logged: list[str] = []
    page.on("console", lambda message: message.type == "log" and logged.append(message.text))
    with page.expect_console_message(lambda message: message.text == wanted[-1]):
        page.evaluate("() => {" + block.replace("http://127.0.0.1:8000", address) + "}")
    assert logged == wanted


WX = """() => {
  window.told = [];
  const wx = {
    getLocation: ({type, success}) => { told.push(['getLocation', type]); success(HERE); },
    request: async ({url, data, success}) => {
      const response = await fetch(`${url}?${new URLSearchParams(data)}`);
      told.push(['request', data.coordinates]);
      success({statusCode: response.status, data: await response.json()});
    },
    openLocation: (place) => told.push(['openLocation', place]),
    showToast: (toast) => told.push(['showToast', toast]),
  };
  BLOCK
}"""


@pytest.mark.parametrize("category", ["clinic", "park", "nothing"])
def test_wechat_example_of_the_manual_runs(address: str, page: Page, category: str) -> None:
    """The block works for points and outlines, and shows the error that the server answers."""
    (block,) = blocks("js wechat")
    server = "https://fuwuquan.example.cn"
    assert server in block and "'clinic'" in block
    block = block.replace(server, address).replace("'clinic'", f"'{category}'")
    page.evaluate(WX.replace("HERE", json.dumps(HERE)).replace("BLOCK", block))
    page.wait_for_function("told.length >= 3")
    *calls, (call, place) = page.evaluate("told")
    assert calls == [["getLocation", "gcj02"], ["request", "gcj02"]]
    if category == "nothing":
        assert call == "showToast"
        assert "400" in place["title"]
        return
    near = get(
        f"{address}/v1/nearest?lon={HERE['longitude']}&lat={HERE['latitude']}"
        f"&coordinates=gcj02&category={category}&open_at=now&limit=1"
    )["features"][0]
    lon, lat = near["geometry"]["coordinates"] if category == "clinic" else near["geometry"]["coordinates"][0][0]
    assert (call, place) == (
        "openLocation", {"longitude": lon, "latitude": lat, "name": near["properties"]["name"]}
    )  # fmt: skip


def test_every_filter_in_the_table_selects_some_features(address: str) -> None:
    table = re.search(r"(?m)^\| `filter=` \|.*\n\|-.*\n((?:\|.*\n)+)", PAGE)
    assert table is not None
    every = get(f"{address}/v1/collections/facilities/items?limit=1")["numberMatched"]
    for row in table[1].splitlines():
        text = urllib.parse.quote(re.findall(r"`([^`]+)`", row)[0])
        selected = get(f"{address}/v1/collections/facilities/items?limit=1&filter={text}")
        assert 0 < selected["numberMatched"] < every, row


def test_parameters_problems_and_conformance_classes_exist(address: str) -> None:
    """The tables name exactly the parameters, problem types and conformance classes that there are."""
    described = get(f"{address}/openapi.json")["paths"]

    def names(path: str) -> set[str]:
        return {parameter["name"] for parameter in described[path]["get"]["parameters"]}

    def table(section: str, head: str) -> set[str]:
        """The names in the first column of a section's table."""
        text = re.search(rf"(?ms)^## {section}\n(.*?)(?=^## |\Z)", PAGE)
        rows = text and re.search(rf"(?m)^\| {head}.*\n\|-.*\n((?:\|.*\n)+)", text[1])
        assert rows, section
        return {name for row in rows[1].splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}

    assert table("Nearest", "parameter") == names("/nearest") - {"coordinates"}
    assert table("Isochrones", "parameter") == names("/isochrones") - {"coordinates"}
    of_items = table("Collections", "parameter of items")
    properties = set(get(f"{address}/v1/collections/facilities/queryables")["properties"])
    assert of_items == names("/collections/facilities/items") - {"coordinates"} - properties
    assert all("coordinates" in names(path) for path in described if "get" in described[path] and path != "/")
    documented = dict(re.findall(r"(?m)^\| (\d{3}) \| `([^`]+)` \|", PAGE))
    assert documented == {str(status): errors.problem_type(status) for status in errors.TITLES}
    classes = re.search(r"(?ms)^\| OGC \| classes \|\n(.*?)\n\n", PAGE)
    assert classes is not None
    claimed = {name for row in classes[1].splitlines()[1:] for name in row.split("|")[2].replace(" ", "").split(",")}
    assert claimed == {uri.rsplit("/", 1)[1] for uri in features.CONFORMANCE_CLASSES}


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading in links: lower case, without punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_exist() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", PAGE) if "://" not in target]
    assert len(targets) > 5
    for link in targets:
        name, _, part = link.partition("#")
        target = ROOT / "docs" / name if name else ROOT / "docs" / "api.md"
        headings = re.findall(r"(?m)^##+ (.*)$", target.read_text("utf-8"))
        assert not part or part in [anchor(heading) for heading in headings], link


def test_example_map_shows_the_coverage_of_the_api(address: str, tmp_path: Path, page: Page) -> None:
    run(sys.executable, str(EXAMPLE), address, str(tmp_path / "map.html"))
    text = (tmp_path / "map.html").read_text("utf-8")
    coverage = get(f"{address}/v1/coverage/park-500")
    tooltips = [json.loads(f'"{tooltip}"') for tooltip in re.findall(r'"tooltip": "((?:[^"\\]|\\.)*)"', text)]
    shares = [tooltip.split("<br>")[1] for tooltip in tooltips if tooltip.count("<br>") == 2]
    assert shares == [f"{area['share']:.1%}" for area in coverage["areas"]]
    assert len(tooltips) == len(shares) + coverage["facilities"]
    assert "示例数据 sample" in text
    assert f"{coverage['share']:.1%}" in text
    assert "method geodesic" in text
    assert HOSTILE not in text

    # A browser draws it. Of the files that folium loads from other servers only Leaflet is provided here.
    troubles: list[str] = []
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.route(re.compile("^https?://"), lambda route: route.fulfill(body=""))
    page.route(
        re.compile(r"^https?://.*/leaflet\.js$"), lambda route: route.fulfill(path=LEAFLET_FOLDER / "leaflet.js")
    )
    page.goto((tmp_path / "map.html").as_uri())
    marks = page.locator("path.leaflet-interactive")
    assert marks.count() == len(tooltips)
    marks.first.dispatch_event("mouseover")
    name, share, *_ = page.locator(".leaflet-tooltip").inner_text().splitlines()
    assert (name.strip(), share) == (HOSTILE, shares[0])
    assert not troubles
