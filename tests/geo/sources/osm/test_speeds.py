"""Legal speeds and durations in OpenStreetMap's writings."""

import math

import numpy as np
import pytest

from geo.sources.osm import speeds


@pytest.mark.parametrize(
    ("text", "kph"),
    [
        ("50", 50),
        ("7.5", 7.5),
        *((text, 50) for text in ("50 km/h", "50km/h", "50 kmh", "50 KPH", "CN:urban", "DE:urban")),
        *((text, 48.28032) for text in ("30 mph", "30mph", "GB:nsl_restricted")),
        ("10 knots", 18.52),
        *((text, 7) for text in ("walk", "DE:walk", "RO:walk")),
        *((text, 30) for text in ("50;30", "30; 50", "50|30", "DE:zone:30", "DE:zone30", "zone30", "none;30")),
        ("CN:rural", 70),
        ("CN:motorway", 120),
        ("30;fast", 30),
        *((text, np.nan) for text in ("", "none", "signals", "variable", "DE:motorway")),
        *((text, np.nan) for text in ("0", "-30", "999", "inf", "nan", "fast", "XX:urban", "20 furlongs")),
    ],
)
def test_legal_speeds_are_read_in_kph(text: str, kph: float) -> None:
    for direction in ("forward", "backward"):
        assert speeds.maxspeed_kph({"maxspeed": text}, direction) == pytest.approx(kph, nan_ok=True)
    assert np.isnan(speeds.maxspeed_kph({}))


def test_legal_speeds_of_a_direction_go_before_the_plain_speed() -> None:
    tags = {"maxspeed": "50", "maxspeed:forward": "30", "maxspeed:backward": "fast"}
    assert [speeds.maxspeed_kph(tags, direction) for direction in ("forward", "backward")] == [30, 50]
    assert list(speeds.not_understood(tags)) == [("maxspeed:backward", "fast")]


@pytest.mark.parametrize(
    ("tags", "kph"),
    [
        ({"maxspeed:type": "DE:urban"}, 50),
        ({"source:maxspeed": "CN:rural"}, 70),
        ({"source:maxspeed": "survey"}, None),
        ({"maxspeed": "30", "maxspeed:type": "DE:urban"}, 30),
        ({"maxspeed:type": "sign"}, None),
    ],
)
def test_law_counts_where_no_speed_is_signed(tags: dict[str, str], kph: float | None) -> None:
    speed = speeds.maxspeed_kph(tags)
    assert math.isnan(speed) if kph is None else speed == kph


@pytest.mark.parametrize("text", ["0", "-30", "999", "nan", "fast", "XX:urban", "50;fast", "20 furlongs"])
def test_legal_speeds_that_are_not_understood_are_named(text: str) -> None:
    assert list(speeds.not_understood({"maxspeed": text})) == [("maxspeed", text)]


@pytest.mark.parametrize("text", ["50", "50;30", "none", "signals", "walk", "DE:motorway", ""])
def test_legal_speeds_that_are_understood_are_not_named(text: str) -> None:
    assert list(speeds.not_understood({"maxspeed": text})) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(
            (text, 720)
            for text in ("00:12", "0:12", "00:12:00", "12", "PT12M", "PT0H12M", "PT720S", " 00:12 ", "pt12m")
        ),
        ("01:30", 5400),
        ("PT1H30M", 5400),
        ("P1DT1H", 90_000),
        ("26:00", 93_600),
        ("00:00:45", 45),
        ("2.5", 150),
        *((text, None) for text in ("", "0", "00:00", "P", "PT", "soon", "12 min", "12 km/h", "-5", "1:75")),
    ],
)
def test_durations_are_read_in_seconds(text: str, seconds: float | None) -> None:
    assert speeds.duration_seconds(text) == seconds
