"""Workbooks with defects, and workbooks made to take all memory or time, each with what a reader must report."""

import struct
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import openpyxl

from support.list_files import HEAD, TWO_LEVELS, A, B, C, HostileFile, as_other, book, clinic, cut


def with_member(path: Path, name: str, blocks: Iterable[bytes]) -> None:
    """A workbook of one clinic in which one member of the zip is replaced."""
    book(HEAD, clinic(1, A))(path)
    with zipfile.ZipFile(path) as archive:
        members = {other: archive.read(other) for other in archive.namelist() if other != name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for other, content in members.items():
            archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as member:
            for block in blocks:
                member.write(block)


def bomb(path: Path) -> None:
    """A workbook whose sheet unpacks to 2.7 GB."""
    with_member(path, "xl/worksheets/sheet1.xml", (b" " * (1 << 22) for _ in range(640)))


def lying_bomb(path: Path) -> None:
    """A workbook whose shared texts unpack to 670 MB, although the zip says ten bytes."""
    with_member(path, "xl/sharedStrings.xml", (b" " * (1 << 22) for _ in range(160)))
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        begin = content.rindex(mark, 0, content.rindex(b"xl/sharedStrings.xml") if at == 24 else None)
        content[begin + at : begin + at + 4] = struct.pack("<I", 10)
    path.write_bytes(content)


def shared_bomb(path: Path) -> None:
    """A workbook whose cells all show one text of a megabyte."""
    sheet = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 5001))
    sheet = f"<worksheet><sheetData>{sheet}</sheetData></worksheet>"
    with_member(path, "xl/worksheets/sheet1.xml", [sheet.encode()])
    content = f"<sst><si><t>{'x' * 1_000_000}</t></si></sst>"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {"xl/sharedStrings.xml": content}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)


def slow_to_search(path: Path) -> None:
    """A workbook whose cells are mostly blanks, to keep a pattern busy."""
    blanks = " " * 200_000
    with_member(path, "xl/worksheets/sheet1.xml", [f"<c>{blanks}<f>{blanks}<c {blanks}<v>{blanks}".encode()])


def far_cell(path: Path) -> None:
    """A workbook with a cell in the last row and column, for which a reader would allocate 17 billion cells."""
    made = openpyxl.Workbook()
    made.active.append(HEAD)
    made.active.append(clinic(1, A))
    made.active["XFD1048576"] = "x"
    made.save(path)


def formulas(path: Path) -> None:
    """Formulas with the value that Excel computed, and without."""
    book(HEAD, clinic(1, A), ["c2", "诊所", "乙", "=D2", B[1]])(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    old = f'<c r="D2" t="n"><v>{A[0]}</v></c>'.encode()
    assert old in sheet
    members["xl/worksheets/sheet1.xml"] = sheet.replace(old, f'<c r="D2"><f>100+20.0422</f><v>{A[0]}</v></c>'.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


FILES: list[HostileFile] = [
    HostileFile(
        "title.xlsx",
        book(["永康市诊所名单"], ["截至2021年底"], HEAD, clinic(1, A), merged=["A1:E1"]),
        row_count=1,
        values={"row 4": {"name": "第1卫生室"}},
    ),
    HostileFile(
        "two_levels.xlsx",
        book(*TWO_LEVELS, merged=["A1:F1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "F2:F3"]),
        row_count=1,
        values={"row 4": {"id": "c1", "phone": "87123456"}},
        locations={"row 4": A},
    ),
    HostileFile(
        "merged.xlsx",
        book(
            [*HEAD, "地址"], [*clinic(1, A), "东城街道"], [*clinic(2, B), None], [*clinic(3, C), None], merged=["F2:F4"]
        ),
        row_count=3,
        values={f"row {row}": {"address": "东城街道"} for row in (2, 3, 4)},
    ),
    HostileFile(
        "formulas.xlsx",
        formulas,
        row_count=2,
        problems={"row 3": "cell D3 holds a formula without its value"},
        locations={"row 2": A},
    ),
    HostileFile("bomb.xlsx", bomb, "takes too much memory", needs_limits=True),
    HostileFile("lying_bomb.xlsx", lying_bomb, "no heading|truncated|takes too much memory", needs_limits=True),
    HostileFile("shared_bomb.xlsx", shared_bomb, "takes too much memory", needs_limits=True),
    HostileFile("slow_to_search.xlsx", slow_to_search, "truncated or no workbook|is empty"),
    HostileFile("far_cell.xlsx", far_cell, "takes too much memory", needs_limits=True),
    HostileFile(
        "book.csv", as_other(book(HEAD, clinic(1, A)), ".xlsx"), row_count=1, notes=["is called .csv but is an Excel"]
    ),
    HostileFile("empty_sheet.xlsx", book(), "is empty"),
    HostileFile(
        "two_sheets.xlsx",
        book(HEAD, clinic(1, A), 说明=[["填表说明"]], 乡镇=[HEAD, clinic(2, B)]),
        row_count=2,
        notes=["sheet 说明 is skipped", "sheets read: 名单, 乡镇"],
        values={"乡镇 row 2": {"id": "c2"}},
    ),
    HostileFile("cut.xlsx", cut(book(HEAD, clinic(1, A)), 0.6), "truncated or broken"),
    HostileFile(
        "half_stated.xlsx",
        book([*HEAD[:3], "高德经度", "高德纬度"], clinic(1, A), 乡镇=[HEAD, clinic(2, B)]),
        r"nothing \(乡镇\), gcj02 \(名单\); split the file, or give --coordinates gcj02 .* if all of them are",
    ),
    HostileFile(
        "sums.xlsx",
        book(
            HEAD,
            clinic(1, A),
            [None] * 5,
            ["小计", None, 1, None, None],
            clinic(2, B),
            ["合计", None, 2, None, None],
            ["注：数据来自卫健局"],
        ),
        row_count=2,
        left_out={"row 3": "blank", "row 4": "is a sum: '小计'", "row 6": "is a sum: '合计'", "row 7": "only one cell"},
    ),
    HostileFile(
        "days.xlsx",
        book(
            ["编号", "类别", "开业时间", "床位"],
            ["1", "诊所", datetime(2021, 6, 30), "12张"],
            ["2", "诊所", "2021年6月30日", "60 个学位"],
            ["3", "诊所", "2021-6-30", 12.0],
            ["4", "诊所", "2021/06/30", "1,200"],
            ["5", "诊所", "2021.6.30", "无"],
            ["6", "诊所", "20210630", None],
            ["7", "诊所", 44377, None],
            ["8", "诊所", "2021年6月", None],
            ["9", "诊所", 2021, None],
            ["10", "诊所", "明年", None],
            ["11", "诊所", "2021-02-30", None],
            ["12", "诊所", "44377", "约60"],
            ["13", "诊所", 20210630, -5],
        ),
        row_count=13,
        values={
            **{f"row {row}": {"opened": date(2021, 6, 30)} for row in (2, 3, 4, 5, 6, 7, 8, 14)},
            "row 9": {"opened": date(2021, 6, 1)},
            "row 10": {"opened": date(2021, 1, 1)},
        },
        problems={
            "row 11": "opened = '明年': is no day",
            "row 12": "is no day",
            "row 13": "(?s)opened = '44377'.*capacity = '约60'",
            "row 14": "capacity = '-5'",
        },
        row_notes={
            "row 2": "capacity '12张' read as 12",
            "row 3": "read as 60",
            "row 9": "first day of that month",
            "row 10": "first day of that year",
        },
    ),
    HostileFile(
        "numbers.xlsx",
        book(
            [*HEAD, "电话"],
            [330784001000.0, "诊所", "甲", *A, 87123456.0],
            [1.2345678901234568e17, "诊所", "乙", *B, None],
        ),
        row_count=2,
        values={"row 2": {"id": "330784001000", "phone": "87123456"}},
        problems={"row 3": "has lost the last ones"},
    ),
]
