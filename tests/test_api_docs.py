"""docs/api.md is true: what it shows runs against a server, what it names is there; so does the example."""

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

from maps.offline import LEAFLET_FOLDER
from service.api import errors
from service.api.routes import features
from support import program
from support.requirements import require_program

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "coverage_map.py"
HOSTILE = "{{7*7}}</script><img src=x onerror=alert(1)>`${1}"
HERE = {"longitude": 120.0475, "latitude": 28.889}


def blocks(kind: str, word: str = "") -> list[str]:
    """The fenced blocks of a kind that have a word in them."""
    return [one for one in re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", PAGE) if word in one]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the sample, in which one town has a name that wants to be run."""
    folder = tmp_path_factory.mktemp("api") / "data"
    shutil.copytree(ROOT / "data", folder, ignore=shutil.ignore_patterns("register.sqlite*", "facts", "make_sample*"))
    areas = json.loads((folder / "areas.geojson").read_text("utf-8"))
    town = next(one for one in areas["features"] if one["properties"]["level"] == "town")
    town["properties"]["name"] = HOSTILE
    (folder / "areas.geojson").write_text(json.dumps(areas), "utf-8")
    with program.serving(folder) as (address, _):
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the server, in a browser that stands in the sample."""
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


def test_curl_blocks(address: str) -> None:
    require_program("curl")
    told = [
        json.loads(run("bash", "-c", block.replace("http://127.0.0.1:8000", address))) for block in blocks("sh", "curl")
    ]
    nearest, batch, items = told
    assert nearest["coordinate_system"] == "gcj02"
    assert "open_at" in nearest
    assert 1 <= len(nearest["features"]) <= 2
    for one in nearest["features"]:
        properties = one["properties"]
        assert properties["open"]["state"] in ("open", "unknown")
        assert properties["times"]["walk"] == properties["minutes"] > properties["times"]["drive"]
        assert {site: link.split("/")[2] for site, link in properties["navigation"].items()} == {
            "amap": "uri.amap.com", "baidu": "api.map.baidu.com", "tencent": "apis.map.qq.com"
        }  # fmt: skip
    assert [one["id"] for one in batch["answers"]] == ["home", "work"]
    assert all(len(one["features"]) == 1 for one in batch["answers"])
    beds = [one["properties"]["capacity"] for one in items["features"]]
    assert beds == sorted(beds, reverse=True)
    assert min(beds) >= 20
    assert items["numberMatched"] > len(beds) == 3
    assert {one["properties"]["category"] for one in items["features"]} == {"clinic"}


def test_python_blocks(address: str) -> None:
    plain, frames = (
        run(sys.executable, "-c", block.replace("http://127.0.0.1:8000", address)) for block in blocks("python")
    )
    near = get(f"{address}/v1/nearest?lon=120.043&lat=28.8865&category=park&limit=3")["features"]
    assert [line.split()[0] for line in plain.splitlines()] == [one["id"] for one in near]
    *towns, parks = frames.splitlines()[1:]
    coverage = get(f"{address}/v1/coverage/park-500")
    assert len(towns) == len(coverage["areas"]) == 14
    assert float(towns[0].split()[-1]) == min(area["share"] for area in coverage["areas"])
    assert parks == f"{coverage['facilities']} parks"


def test_ogrinfo_block(address: str) -> None:
    """By GDAL as it is in pyogrio, where there is no ogrinfo."""
    import pyogrio

    (block,) = blocks("sh", "ogrinfo")
    source = block.split()[-1].replace("http://127.0.0.1:8000", address)
    layers = {str(name) for name, _ in pyogrio.list_layers(source)}
    assert {"facilities", "areas", "demand", "coverage-park-500"} <= layers
    if shutil.which("ogrinfo") is not None:
        assert all(name in run("ogrinfo", "-ro", source) for name in layers)


def test_javascript_block(address: str, page: Page) -> None:
    (block,) = blocks("js")
    near = get(f"{address}/v1/nearest?lon={HERE['longitude']}&lat={HERE['latitude']}&category=clinic&limit=3")
    wanted = [f"{one['properties']['name']} {one['properties']['minutes']}" for one in near["features"]]
    assert len(wanted) == 3
    said: list[str] = []
    page.on("console", lambda message: message.type == "log" and said.append(message.text))
    with page.expect_console_message(lambda message: message.text == wanted[-1]):
        page.evaluate("() => {" + block.replace("http://127.0.0.1:8000", address) + "}")
    assert said == wanted


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
def test_wechat_block(address: str, page: Page, category: str) -> None:
    """Also for what has an outline, and for what the server refuses."""
    (block,) = blocks("js wechat")
    server = "https://fuwuquan.example.cn"
    assert server in block and "'clinic'" in block
    block = block.replace(server, address).replace("'clinic'", f"'{category}'")
    page.evaluate(WX.replace("HERE", json.dumps(HERE)).replace("BLOCK", block))
    page.wait_for_function("told.length >= 3")
    *asked, (call, place) = page.evaluate("told")
    assert asked == [["getLocation", "gcj02"], ["request", "gcj02"]]
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


def test_filters_are_understood(address: str) -> None:
    table = re.search(r"(?m)^\| `filter=` \|.*\n\|-.*\n((?:\|.*\n)+)", PAGE)
    assert table is not None
    every = get(f"{address}/v1/collections/facilities/items?limit=1")["numberMatched"]
    for row in table[1].splitlines():
        text = urllib.parse.quote(re.findall(r"`([^`]+)`", row)[0])
        found = get(f"{address}/v1/collections/facilities/items?limit=1&filter={text}")
        assert 0 < found["numberMatched"] < every, row


def test_what_it_names_is_there(address: str) -> None:
    """The parameters in its tables, the problems, and the classes of conformance."""
    described = get(f"{address}/openapi.json")["paths"]

    def names(path: str) -> set[str]:
        return {one["name"] for one in described[path]["get"]["parameters"]}

    def table(section: str, head: str) -> set[str]:
        """What stands in the first column of a table of a section."""
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
    told = dict(re.findall(r"(?m)^\| (\d{3}) \| `([^`]+)` \|", PAGE))
    assert told == {str(status): errors.kind(status) for status in errors.TITLES}
    classes = re.search(r"(?ms)^\| OGC \| classes \|\n(.*?)\n\n", PAGE)
    assert classes is not None
    claimed = {name for row in classes[1].splitlines()[1:] for name in row.split("|")[2].replace(" ", "").split(",")}
    assert claimed == {one.rsplit("/", 1)[1] for one in features.CONFORMANCE_CLASSES}


def test_links_exist() -> None:
    targets = [one for one in re.findall(r"\]\(([^)]+)\)", PAGE) if "://" not in one]
    assert len(targets) > 5
    for one in targets:
        name, _, part = one.partition("#")
        target = ROOT / "docs" / name if name else ROOT / "docs" / "api.md"
        headings = re.findall(r"(?m)^##+ (.*)$", target.read_text("utf-8"))
        assert not part or part in [heading.lower().replace(" ", "-") for heading in headings], one


def test_the_example_shows_what_the_api_says(address: str, tmp_path: Path, page: Page) -> None:
    run(sys.executable, str(EXAMPLE), address, str(tmp_path / "map.html"))
    text = (tmp_path / "map.html").read_text("utf-8")
    coverage = get(f"{address}/v1/coverage/park-500")
    told = [json.loads(f'"{one}"') for one in re.findall(r'"told": "((?:[^"\\]|\\.)*)"', text)]
    shares = [one.split("<br>")[1] for one in told if one.count("<br>") == 2]
    assert shares == [f"{area['share']:.1%}" for area in coverage["areas"]]
    assert len(told) == len(shares) + coverage["facilities"]
    assert "示例数据 sample" in text
    assert f"{coverage['share']:.1%}" in text
    assert "method geodesic" in text
    assert HOSTILE not in text

    # A browser draws it: of what folium takes from other machines there is Leaflet.
    troubles: list[str] = []
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.route(re.compile("^https?://"), lambda route: route.fulfill(body=""))
    page.route(
        re.compile(r"^https?://.*/leaflet\.js$"), lambda route: route.fulfill(path=LEAFLET_FOLDER / "leaflet.js")
    )
    page.goto((tmp_path / "map.html").as_uri())
    marks = page.locator("path.leaflet-interactive")
    assert marks.count() == len(told)
    marks.first.dispatch_event("mouseover")
    name, share, *_ = page.locator(".leaflet-tooltip").inner_text().splitlines()
    assert (name.strip(), share) == (HOSTILE, shares[0])
    assert not troubles
