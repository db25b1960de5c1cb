"""The text of shapefiles: its encoding, and what was cut: field names at ten bytes, values at the field's width.

GDAL cannot read a name or a value that ends in half a character, so that text is read as bytes and decoded here.
"""

import codecs
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from geo.errors import TableError
from geo.lists import option_hints
from geo.lists.file_types import MAX_UNPACKED_BYTES, open_zip
from geo.lists.headings import Vocabulary
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
RAW = "ISO-8859-1"
"""The encoding in which GDAL reads: it keeps every byte as one character."""
_NAME_BYTES = 10
_CODE_PAGES = {"65001": "utf-8", "936": "gb18030", "54936": "gb18030", "gbk": "gb18030", "gb2312": "gb18030"}


def decode(
    path: Path, shp: Path, names: Sequence[str], columns: Sequence[Sequence[Cell]], vocabulary: Vocabulary,
    notes: list[str], remarks: Remarks,
) -> dict[str, Sequence[Cell]]:  # fmt: skip
    """The columns of a shapefile with their names and texts decoded, given as they are read in `RAW`.

    A name that is cut is completed if all headings that begin like it mean the same field.

    Raises
    ------
    TableError
        The text is in none of the encodings that are tried: what the .cpg file states, UTF-8, GB18030.
    """
    stated = _stated_encoding(shp)
    encodings = ["utf-8", "gb18030"] if stated is None else [stated, *(code for code in ("utf-8", "gb18030"))]
    if stated is not None and stated not in ("utf-8", "gb18030"):
        encodings = ["utf-8", stated]  # GDAL states ISO-8859-1 where it knows no better
    raw_names = [name.encode(RAW) for name in names]
    widths = _field_widths(shp)
    for encoding in dict.fromkeys(encodings):
        cut: dict[int, list[str]] = {}
        try:
            texts = [_decoded(raw, encoding, _NAME_BYTES)[0] for raw in raw_names]
            cells = [
                _decoded_column(column, encoding, widths.get(raw), name, cut)
                for name, raw, column in zip(texts, raw_names, columns, strict=True)
            ]
            break
        except UnicodeDecodeError:
            continue
    else:
        listed = " nor ".join(dict.fromkeys(encoding.upper() for encoding in encodings))
        raise TableError(path, [f"its text is neither {listed}; put a .cpg file beside it that names its encoding"])
    if encoding != (stated or "utf-8"):
        notes.append(f"its text was read as {encoding.upper()}" + (f", although .cpg says {stated}" if stated else ""))
    for row, remarks_of_row in cut.items():
        remarks.notes[row] += remarks_of_row
    result: dict[str, Sequence[Cell]] = {}
    for name, raw, column in zip(texts, raw_names, cells, strict=True):
        completed = _completed(name, raw, encoding, vocabulary, notes)
        result[name if completed in result else completed] = column
    return result


def _stated_encoding(shp: Path) -> str | None:
    """The Python name of the encoding that the .cpg file beside ``shp`` states; None if it states none."""
    for ending in (".cpg", ".CPG"):
        try:
            words = shp.with_suffix(ending).read_bytes()[:40].decode("ascii", "replace").strip().casefold()
        except OSError:
            continue
        words = words.removeprefix("cp").removeprefix("ansi").removeprefix("oem").strip(" -_")
        try:
            return codecs.lookup(_CODE_PAGES.get(words, words)).name
        except LookupError:
            return None
    return None


def _field_widths(shp: Path) -> dict[bytes, int]:
    """The width in bytes of each field, by its name, out of the .dbf file's header (dBASE III: 32 bytes a field)."""
    for ending in (".dbf", ".DBF"):
        try:
            with shp.with_suffix(ending).open("rb") as file:
                header = file.read(32)
                fields = file.read(max(0, int.from_bytes(header[8:10], "little") - 33))
        except OSError:
            continue
        return {fields[at : at + 11].split(b"\0")[0]: fields[at + 16] for at in range(0, len(fields) - 31, 32)}
    return {}


def _decoded(raw: bytes, encoding: str, width: int | None) -> tuple[str, bool]:
    """The text of some bytes, and whether its last character was cut; UnicodeDecodeError if it is in another encoding.

    Only a text that fills its ``width`` (in bytes) can be cut.
    """
    if len(raw) != width:
        return raw.decode(encoding), False
    decoder = codecs.getincrementaldecoder(encoding)()
    return decoder.decode(raw), bool(decoder.getstate()[0])


def _decoded_column(
    column: Sequence[Cell], encoding: str, width: int | None, name: str, cut: dict[int, list[str]]
) -> Sequence[Cell]:
    result = list(column)
    for row, cell in enumerate(column):
        if isinstance(cell, str) and not cell.isascii():
            text, is_cut = _decoded(cell.encode(RAW), encoding, width)
            result[row] = text
            if is_cut:
                cut.setdefault(row, []).append(f"{name} = {text[-20:]!r} is cut in the shapefile, at {width} bytes")
    return result


def _completed(name: str, raw: bytes, encoding: str, vocabulary: Vocabulary, notes: list[str]) -> str:
    """The heading that a field name was cut from; the name as it is if it is whole, or may be of several fields."""
    if len(raw) < _NAME_BYTES or vocabulary.field_of(name):
        return name
    start = name.casefold().encode(encoding) + raw[len(name.encode(encoding)) :]  # with the half character at its end
    candidates = {
        heading: field
        for field, headings in vocabulary.headings.items()
        for heading in (*headings, field)
        if heading.casefold().encode(encoding, "replace").startswith(start)
    }
    fields = dict.fromkeys(candidates.values())
    if len(fields) == 1:
        heading, field = next(iter(candidates.items()))
        notes.append(f"the field name {name!r} is cut at {_NAME_BYTES} bytes: read as {heading} ({field})")
        return heading
    if fields:
        hint = option_hints.column(name, next(iter(fields)))
        notes.append(f"the field name {name!r} is cut at {_NAME_BYTES} bytes and may be {' or '.join(fields)}: {hint}")
    return name


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The only shapefile of a zip, unpacked under names of our own."""
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder, open_zip(path) as archive:
        members = [
            member
            for member in archive.infolist()
            if member.filename.lower().endswith(PARTS) and "__MACOSX" not in member.filename
        ]
        # zipfile unpacks no more of a member than its stated size.
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise TableError(path, [f"would unpack to more than {MAX_UNPACKED_BYTES / 1e6:,.0f} MB: split it"])
        stems: set[str] = set()
        for member in members:
            stem, ending = member.filename[:-4], member.filename[-4:].lower()
            if ending == ".shp":
                stems.add(stem)
            try:
                (Path(folder) / f"{_file_name(stem)}{ending}").write_bytes(archive.read(member))
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
                raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error
        if len(stems) != 1:
            raise TableError(path, [f"holds {len(stems)} shapefiles; zip each by itself"])
        yield Path(folder) / f"{_file_name(stems.pop())}.shp"


def _file_name(stem: str) -> str:
    return stem.encode("utf-8", "surrogatepass").hex()[-100:]
