"""OpenDocument spreadsheets (ods), made by hand because no library that we use writes them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write(
    path: Path, table: Sequence[Sequence[Any]], row_attributes: str = "", sheet_end: str = "", group: str = ""
) -> None:
    """Write a sheet whose fifth column is hidden.

    ``row_attributes`` are of its last row, ``group`` those of a group around that row; ``sheet_end`` follows the sheet.
    """

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        if value == "#N/A":
            return (
                '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
                'calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
            )
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    lines = [
        f"<table:table-row {row_attributes if row is table[-1] else ''}>{''.join(map(cell, row))}</table:table-row>"
        for row in table
    ]
    if group:
        lines[-1] = f"<table:table-row-group {group}>{lines[-1]}</table:table-row-group>"
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    spaces += ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="名单"><table:table-column table:number-columns-repeated="4"/>'
            f'<table:table-column table:visibility="collapse"/>{"".join(lines)}</table:table>{sheet_end}'
            "</office:spreadsheet></office:body></office:document-content>",
        )
        manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        archive.writestr("META-INF/manifest.xml", manifest)
