"""The checks of what isochrones are asked for, which the API and the command line share."""

import pytest

from service.answers.isochrones import check_place, parse_minutes


def test_minutes_are_read_from_a_list() -> None:
    assert parse_minutes("5,7.5,120") == [5.0, 7.5, 120.0]


@pytest.mark.parametrize("text", ["", "a", "5,", "0", "-1", "120.001", "nan", "inf", ",".join(["5"] * 11)])
def test_invalid_minutes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="needs"):
        parse_minutes(text)


def test_place_is_a_position_or_a_facility() -> None:
    assert check_place(120.0, 28.9, None) == (120.0, 28.9)
    assert check_place(0.0, 0.0, None) == (0.0, 0.0)
    assert check_place(None, None, "c1") == "c1"


@pytest.mark.parametrize(
    ("lon", "lat", "facility"), [(None, None, None), (1.0, None, None), (1.0, 2.0, "c1"), (None, 2.0, "c1")]
)
def test_place_needs_exactly_one_of_position_and_facility(
    lon: float | None, lat: float | None, facility: str | None
) -> None:
    with pytest.raises(ValueError, match="give both lon and lat, or facility"):
        check_place(lon, lat, facility)
