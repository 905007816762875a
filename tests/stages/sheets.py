"""Excel workbooks for tests, written cell by cell."""

import zipfile
from collections.abc import Sequence
from io import BytesIO
from xml.sax.saxutils import escape

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
# Styles by number: none, a date of the usual ones, a date of its own format, a number with letters in quotes.
STYLES = (
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/><numFmt numFmtId="165" formatCode="0 &quot;days&quot;"/>'
    '</numFmts><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
)


def workbook(*sheets: Sequence[Sequence[str]], texts: str = "", more: bytes = b"", rows: str = "") -> bytes:
    """A workbook; each cell is its text, or XML of its own if it begins with “<”. rows: XML for the only sheet."""
    made = BytesIO()
    names = range(1, max(1, len(sheets)) + 1)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", f"{_XML}<Types/>")
        listed = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in names)
        file.writestr(
            "xl/workbook.xml",
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        )
        links = "".join(f'<Relationship Id="r{n}" Target="worksheets/sheet{n}.xml"/>' for n in names)
        file.writestr(
            "xl/_rels/workbook.xml.rels", f'{_XML}<Relationships xmlns="{_RELATIONS}">{links}</Relationships>'
        )
        file.writestr("xl/styles.xml", f'{_XML}<styleSheet xmlns="{_MAIN}">{STYLES}</styleSheet>')
        if texts:
            file.writestr("xl/sharedStrings.xml", f'{_XML}<sst xmlns="{_MAIN}">{texts}</sst>')
        for number in names:
            inner = rows or "".join(map(_row, sheets[number - 1]))
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{inner}</sheetData></worksheet>'
            file.writestr(f"xl/worksheets/sheet{number}.xml", f"{_XML}{more.decode()}{sheet}")
    return made.getvalue()


def _row(cells: Sequence[str]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(text: str) -> str:
    return text if text.startswith("<") else f'<c t="inlineStr"><is><t>{escape(text)}</t></is></c>'
