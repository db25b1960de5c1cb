"""Text tables with defects, and files that only call themselves tables, each with what a reader must report."""

from pathlib import Path

from support.list_files import (
    GCJ_BORDER,
    HEAD,
    INSIDE,
    SQUARE,
    TWO_LEVELS,
    WGS_BORDER,
    WITHIN,
    A,
    B,
    C,
    HostileFile,
    clinic,
    moved,
    raw,
    table,
)


def many(path: Path) -> None:
    table(*(clinic(number, (A[0] + number % 100 * 1e-5, A[1])) for number in range(100_000)))(path)


FILES: list[HostileFile] = [
    HostileFile(
        "gbk.csv",
        table(clinic(1, A, "永康市卫生室"), encoding="gbk"),
        row_count=1,
        notes=["GB18030"],
        values={"row 2": {"id": "c1", "category": "clinic", "name": "永康市卫生室"}},
        locations={"row 2": A},
    ),
    HostileFile(
        "rare.csv",
        table(clinic(1, A, "𠮷㐂㑇诊所"), encoding="gb18030"),
        row_count=1,
        values={"row 2": {"name": "𠮷㐂㑇诊所"}},
    ),
    HostileFile("bom.csv", table(clinic(1, A), encoding="utf-8-sig"), row_count=1, values={"row 2": {"id": "c1"}}),
    HostileFile("utf16.csv", table(clinic(1, A), encoding="utf-16", delimiter="\t"), row_count=1, notes=["UTF-16"]),
    HostileFile(
        "neither.csv", lambda path: path.write_bytes("编号,类别\n甲".encode() + b"\xff\xff\xff,\x80"), "line 2.*neither"
    ),
    HostileFile(
        "semicolons.csv",
        table(["c1", "诊所", "甲;乙", "120,0422", "28,8931"], delimiter=";"),
        row_count=1,
        locations={"row 2": A},
    ),
    HostileFile(
        "open_quote.csv",
        raw('编号,类别,名称,经度,纬度\nc1,诊所,"甲,120.04,28.89\nc2,诊所,乙,120.04,28.89\n'.encode()),
        "quotation mark",
    ),
    HostileFile(
        "two_levels.csv",
        table(*([cell or "" for cell in row] for row in TWO_LEVELS[1:]), head=["名单"]),
        row_count=1,
        locations={"row 4": A},
    ),
    HostileFile(
        "swapped.csv",
        table(clinic(1, (A[1], A[0])), clinic(2, B)),
        row_count=2,
        row_notes={"row 2": "swapped"},
        locations={"row 2": A, "row 3": B},
    ),
    HostileFile(
        "gcj02.csv",
        table(*(clinic(n, at) for n, at in enumerate([*(moved(at, "gcj02") for at in INSIDE), *GCJ_BORDER]))),
        r"12 of 40 places lie outside the area as wgs84, none as gcj02.*: give --coordinates gcj02 \(.*\), or wgs84",
    ),
    HostileFile(
        "mixed_datums.csv",
        table(*(clinic(n, at) for n, at in enumerate([*WGS_BORDER, *GCJ_BORDER]))),
        r"mixed: row 2.* only fit the area as wgs84, row 14.* only as gcj02",
    ),
    HostileFile(
        "bd09_heading.csv",
        table(clinic(1, moved(A, "bd09")), head=["编号", "类别", "名称", "百度经度", "百度纬度"]),
        row_count=1,
        locations={"row 2": A},
        coordinates="bd09",
    ),
    HostileFile(
        "contradiction.csv",
        table(clinic(1, A), head=["编号", "类别", "名称", "经度(GCJ-02)", "纬度(GCJ-02)"]),
        "states that its coordinates are gcj02, and not bd09",
        options={"coordinates": "bd09"},
    ),
    HostileFile("many.csv", many, row_count=100_000),
    HostileFile(
        "slow_place.csv",
        table(
            ["c1", "诊所", "POINT" + " " * 400_000],
            ["c2", "诊所", "1" + " " * 400_000 + "2"],
            head=["编号", "类别", "坐标"],
        ),
        row_count=2,
        problems={"row 2": "no longitude", "row 3": "no longitude"},
    ),
    HostileFile("wide.csv", raw(b"a,b\n" + b"," * 100_000), "no heading is known"),
    HostileFile(
        "commas.csv",
        raw(("编号,类别,名称,经度,纬度" + "," * 40_000 + "\n" + "c1,诊所,甲,120.0422,28.8931\n" * 500).encode()),
        row_count=500,
        problems={f"row {row}": "stands already" for row in range(3, 502)},
    ),
    HostileFile(
        "commas_between.csv",
        raw(("编号,类别,经度,纬度" + "," * 40_000 + "名称\n" + "c1,诊所,120.0422,28.8931\n" * 4_000).encode()),
        "40,004 columns|columns in 4,000 rows",
    ),
    HostileFile("all_commas.csv", raw(("编号,类别\n" + ("," * 100_000 + "\n") * 310).encode()), "30,000,000 cells"),
    HostileFile("text.xlsx", table(clinic(1, A)), row_count=1, notes=["is called .xlsx but is a text table"]),
    HostileFile("page.xls", raw("<html><table><tr><td>名称</td></tr></table></html>".encode()), "web page"),
    HostileFile("picture.csv", raw(b"\x89PNG\r\n\x1a\n" + bytes(100)), "picture"),
    HostileFile("empty.csv", raw(b""), "is empty"),
    HostileFile("blank.csv", raw(b"\n\n \n"), "is empty"),
    HostileFile("heading_only.csv", table(), "no rows under it: 编号"),
    HostileFile(
        "unknown_headings.csv",
        table([1, 2, 3], head=["甲", "乙", "丙"]),
        "found: 甲, 乙, 丙; .*give --column 机构名=name",
    ),
    HostileFile(
        "duplicate_ids.csv",
        table(clinic(1, A), clinic(1, B)),
        row_count=2,
        problems={"row 3": "id 'c1' stands already in row 2"},
    ),
    HostileFile(
        "duplicate_headings.csv",
        table([*clinic(1, A), "乙"], head=[*HEAD, "名称"]),
        r"'名称' and '名称 \(2\)' both are name",
    ),
    HostileFile(
        "alike_headings.csv",
        table([*clinic(1, A), "乙"], head=[*HEAD[:2], "机构名称", *HEAD[3:], "单位名称"]),
        "'机构名称' and '单位名称' both are name: give --column 单位名称=extra",
    ),
    HostileFile(
        "names.csv",
        table(clinic(1, A, "<script>alert(1)</script>"), clinic(2, B, "=HYPERLINK(1)"), clinic(3, C, "'=1+1")),
        row_count=3,
        values={
            "row 2": {"name": "<script>alert(1)</script>"},
            "row 3": {"name": "=HYPERLINK(1)"},
            "row 4": {"name": "=1+1"},
        },
    ),
    HostileFile(
        "degrees.csv",
        table(
            clinic(1, ("120°02′34.1″E", "28°53′30″N")),
            clinic(2, ("120度2分34.1秒", "北纬28度53分30秒")),
            clinic(3, ("E120 2 34.1", "N28 53 30")),
            clinic(4, ("１２０．０４２８", "２８．８９１６６")),
            clinic(5, ("N28 53 30", "E120 02 34.1")),
            clinic(6, ("120.0428°", "28.89167°")),
            clinic(7, ("东经120", "甲")),
        ),
        row_count=7,
        row_notes={"row 6": "swapped"},
        problems={"row 8": "latitude = '甲': is no number of degrees"},
        locations={f"row {row}": (120.0428, 28.89167) for row in range(2, 8)},
    ),
    HostileFile(
        "both_in_one.csv",
        table(
            ["c1", "诊所", "120.0422,28.8931"],
            ["c2", "诊所", "28.8931，120.0422"],
            ["c3", "诊所", "甲"],
            ["c4", "诊所", "N28°53′35.16″ E120°2′31.92″"],
            head=["编号", "类别", "经纬度"],
        ),
        row_count=4,
        row_notes={"row 3": "swapped"},
        problems={"row 4": "is no longitude, latitude"},
        locations={"row 2": A, "row 3": A, "row 5": A},
    ),
    HostileFile(
        "metres.csv",
        table(clinic(1, (39526000, 3197000)), clinic(2, (526000.5, 3197000.2)), clinic(3, (0, 0))),
        row_count=3,
        problems={
            "row 2": "39526000, 3197000 is in metres",
            "row 3": "is in metres",
            "row 4": "is 0, 0, which stands for an unknown",
        },
    ),
    HostileFile(
        "not_numbers.csv",
        table(clinic(1, ("nan", 28.9)), clinic(2, ("inf", 28.9)), clinic(3, (120.04, ""))),
        row_count=3,
        problems={"row 2": "longitude = 'nan'", "row 3": "longitude = 'inf'", "row 4": "latitude is missing"},
    ),
    HostileFile(
        "far_away.csv",
        table(clinic(1, A), clinic(2, (121.47, 31.23)), clinic(3, (WITHIN.bounds[2] + 0.02, A[1]))),
        row_count=3,
        problems={"row 3": r"lies 2\d\d km outside the area"},
        row_notes={"row 4": r"lies \d+\.\d km outside"},
    ),
    HostileFile(
        "categories.csv",
        table(["1", "宠物店", "甲", *A], ["2", "村卫生室", "乙", *B], ["3", "Clinic", "丙", *C], ["4", "", "丁", *C]),
        row_count=4,
        problems={"row 2": "category = '宠物店': is no category; known: 公园 park, 诊所 clinic"},
        values={"row 3": {"category": "clinic", "subtype": "village_clinic"}, "row 4": {"category": "clinic"}},
    ),
    HostileFile(
        "kinds.csv",
        table(["1", "面包房", "甲", *A], ["2", "村卫生室", "乙", *B], head=["序", "机构类别", "园名", "经度", "纬度"]),
        row_count=2,
        problems={"row 2": "subtype = '面包房': is no category nor subtype; known: 公园 park.*村卫生室"},
        values={"row 3": {"name": "乙"}},
    ),
    HostileFile(
        "other_kinds.csv",
        table(["甲", "诊所", ""], ["乙", "幼儿园", ""], ["丙", "", "民办"], head=["名称", "类别", "子类"]),
        row_count=3,
        problems={"row 3": "is kindergarten, and not clinic as you say", "row 4": "is kindergarten, and not clinic"},
        options={"category": "clinic"},
    ),
    HostileFile(
        "nameless.csv",
        table(["1", "诊所", "甲", *A], head=["编号", "类别", "叫法", "经度", "纬度"]),
        row_count=1,
        notes=["no column of names; not recognised: 叫法; "],
    ),
    HostileFile(
        "big5.csv",
        table(["1"], head=["編號", "類別", "名稱", "經度"], encoding="big5"),
        "no heading is known.*read as GB18030",
    ),
    HostileFile("no_category.csv", table(["甲", *A], head=["名称", "经度", "纬度"]), "give --category park"),
    HostileFile("long.csv", table(clinic(1, A, "长" * 40_000)), row_count=1),
    HostileFile("endless.csv", table(clinic(1, A, "x" * 1_100_000)), "field larger than"),
    HostileFile("nul.csv", table(clinic(1, A, "甲\0乙\x07")), row_count=1, values={"row 2": {"name": "甲 乙"}}),
    HostileFile(
        "outline.csv",
        table(
            ["p1", "公园", SQUARE, "", ""],
            ["p2", "公园", "POLYGON((1 2", "", ""],
            ["p3", "公园", "", *A],
            head=["编号", "类别", "边界 WKT", "经度", "纬度"],
        ),
        row_count=3,
        problems={"row 3": "cannot be read"},
        locations={"row 4": A},
    ),
    HostileFile(
        "ragged.csv",
        raw("编号,类别,经度,纬度\nc1,诊所,120.04,28.89,多\n".encode()),
        "row 2 has more cells than the heading",
    ),
]
