"""Opening hours as Chinese offices write them, in OpenStreetMap's syntax."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.study import chinese_hours, opening_hours

READ = {
    "周一至周五 8:00-17:00": "Mo-Fr 08:00-17:00",
    "周一 — 周五 8：00 — 17：00": "Mo-Fr 08:00-17:00",
    "每周一至周五8.00-17.00": "Mo-Fr 08:00-17:00",
    "星期1-5 8:00~17:00": "Mo-Fr 08:00-17:00",
    "周一至周五8:00-11:30，13:30-17:00": "Mo-Fr 08:00-11:30,13:30-17:00",
    "周一至周五 8:00-11:30；周一至周五 13:30-17:00": "Mo-Fr 08:00-11:30,13:30-17:00",
    "星期一到星期日 上午8:00-11:30 下午2:00-5:30": "Mo-Su 08:00-11:30,14:00-17:30",
    "8:00-11:30,13:30-17:00": "08:00-11:30,13:30-17:00",
    "全天": "00:00-24:00",
    "24小时营业": "00:00-24:00",
    "周一至周日 全天": "Mo-Su 00:00-24:00",
    "工作日 8:00-17:00，周末休息": "Mo-Fr 08:00-17:00; Sa-Su off",
    "8:00-17:00 周末休息": "08:00-17:00; Sa-Su off",
    "夏季（5月-9月）8:00-17:30；冬季(10月-次年4月)8:00-17:00": "May-Sep 08:00-17:30; Oct-Apr 08:00-17:00",
    "周一、三、五 8:00-12:00": "Mo,We,Fr 08:00-12:00",
    "周一三五 8:00-12:00": "Mo,We,Fr 08:00-12:00",
    "周六日 9:00-16:00": "Sa-Su 09:00-16:00",
    "每天8点至17点": "Mo-Su 08:00-17:00",
    "早上8点半到晚上9点": "08:30-21:00",
    "08时00分至17时30分": "08:00-17:30",
    "上午8:00-晚上12:00": "08:00-24:00",
    "周一至周五：8:00-17:00；周六：8:00-12:00；周日休息": "Mo-Fr 08:00-17:00; Sa 08:00-12:00; Su off",
    "周二至周日9:00-17:00（周一闭馆）": "Tu-Su 09:00-17:00; Mo off",
    "8:00-17:00(周一至周五)": "Mo-Fr 08:00-17:00",
    "周一至周五 8:00-17:00（法定节假日除外）": "Mo-Fr 08:00-17:00; PH off",
    "每天8:00-17:00，周一除外": "Mo-Su 08:00-17:00; Mo off",
    "营业时间：08:00-20:00": "08:00-20:00",
    "22:00-次日6:00": "22:00-06:00",
    "周日至周四 8:00-17:00": "Su-Th 08:00-17:00",
    "8:00-17:00 全年无休": "Mo-Su 08:00-17:00",
    "周一至周五 8:00-17:00，周六、周日休息": "Mo-Fr 08:00-17:00; Sa-Su off",
    "周一至周四 8:00-17:00，周五休息": "Mo-Th 08:00-17:00; Fr off",
}
NOT_READ = [
    "夏令时8:00-17:30",
    "冬令时 8:00-17:00",
    "8:00-5:00",
    "8:00-11:30,2:00-5:30",
    "门诊8:00-17:00 急诊24小时",
    "8-17",
    "预约",
    "全年无休",
    "不定期",
    "周一至周五 8:00-17:00，节假日无休",
    "8:00-12:00 休息 14:00-17:00",
    "周一至周五8:00-17:00午休12:00-14:00",
    "周一至周五 8:00-12:00；周一至周六 13:00-17:00",
    "25:00-26:00",
    "8:00-8:00",
    "",
    "周一",
    "周一休息8:00-9:00",
    "13月-14月 8:00-9:00",
    "Mo-Fr 08:00-17:00",
    # Closed on the last of these days, or on all of them?
    "8:00-17:00 周一至周四，周五休息",
    "8:00-17:00 周一至周五（周三休息）",
    "8:00-17:00 周一、三、五，周日休息",
    # Open on the other days, but nobody knows when.
    "周一休息",
    "周末及节假日休息",
]


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_hours_are_read(text: str, expected: str) -> None:
    assert chinese_hours.to_osm(text) == expected
    assert opening_hours.is_readable(expected)


@pytest.mark.parametrize("text", NOT_READ)
def test_what_is_unclear_is_not_read(text: str) -> None:
    assert chinese_hours.to_osm(text) is None


@given(st.text(alphabet="周一二三五六日至、8:013点半-上下午休息全天节假日，；() 晚次年5月", max_size=25))
def test_whatever_is_read_can_be_used(text: str) -> None:
    read = chinese_hours.to_osm(text)
    if read is not None:
        assert opening_hours.is_readable(read)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(6, 11), st.integers(13, 20))
def test_a_facility_is_open_on_the_days_and_hours_in_words(first: int, last: int, begin: int, end: int) -> None:
    signs = "一二三四五六日"
    read = chinese_hours.to_osm(f"星期{signs[first]}至星期{signs[last]} 上午{begin}:00-下午{end - 12}:30")
    assert read is not None
    days = {(first + number) % 7 for number in range((last - first) % 7 + 1)}
    for weekday in range(7):
        noon = opening_hours.status_at(read, datetime(2025, 7, 7 + weekday, 12))  # a week without holidays
        assert noon.state == ("open" if weekday in days else "closed")
        assert opening_hours.status_at(read, datetime(2025, 7, 7 + weekday, end, 45)).state == "closed"
