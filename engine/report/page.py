"""The pieces of an HTML page that needs nothing but itself: sections, tables, tiles."""

import html

import polars as pl

from engine.report import plots

_STYLE = """
:root { --ink: #1b2733; --muted: #6b7885; --line: #e6eaee; --deep: #12395b; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7f9; color: var(--ink); font: 14px/1.5 Inter, "Helvetica Neue", Arial, sans-serif; }
header { background: var(--deep); color: white; padding: 28px 40px 24px; }
header h1 { margin: 0 0 4px; font-size: 24px; font-weight: 600; }
header p { margin: 2px 0; color: #c9d6e2; }
main { max-width: 1280px; margin: 0 auto; padding: 24px 24px 60px; }
section { background: white; border: 1px solid var(--line); border-radius: 8px; padding: 16px 20px; margin-top: 20px; }
section h2 { margin: 0 0 8px; font-size: 16px; }
section p { color: var(--muted); margin: 4px 0 10px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 16px; margin-top: 20px; }
.tile { background: white; border: 1px solid var(--line); border-radius: 8px; padding: 14px 18px; }
.tile b { display: block; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); }
.pair > * { min-width: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(520px, 100%), 1fr)); gap: 20px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--muted); font-weight: 500; border-bottom: 1px solid var(--line); padding: 6px 10px; }
td { border-bottom: 1px solid var(--line); padding: 5px 10px; white-space: nowrap; }
td.n, th.n { text-align: right; }
"""


# What a page says that was taken away from the plotly.js it shares.
_ALONE = (
    "addEventListener('load', () => document.querySelector('header').insertAdjacentHTML('beforeend', "
    "'<p>The charts need plotly.js, which lies in the folder of the sweep.</p>'))"
)


def page(title: str, head, body, script: str | None = None) -> str:
    """Return the page: lines of text under the title, then the sections.

    Parameters
    ----------
    title : str
    head : iterable of str
    body : iterable of str
        Sections, HTML.
    script : str or None
        Where plotly.js lies beside the page, such as "../plotly.js" of a sweep; None = in the page itself.
    """
    library = f"<script>{plots.plotly_script()}</script>"
    if script is not None:
        library = f'<script src="{html.escape(script)}" onerror="{html.escape(_ALONE)}"></script>'
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in head)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>{library}</head>"
        f"<body><header><h1>{html.escape(title)}</h1>{lines}</header><main>{''.join(body)}</main></body></html>"
    )


def section(heading: str, content: str, note: str = "") -> str:
    note = f"<p>{html.escape(note)}</p>" if note else ""
    return f"<section><h2>{html.escape(heading)}</h2>{note}{content}</section>"


def as_tiles(tiles) -> str:
    cells = (
        f'<div class="tile"><span>{html.escape(name)}</span><b>{html.escape(text)}</b></div>' for name, text in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def pair(left: str, right: str) -> str:
    return f'<div class="pair"><section>{left}</section><section>{right}</section></div>'


def as_table(frame: pl.DataFrame) -> str:
    numeric = {c for c, t in frame.schema.items() if t.is_numeric()} | {"value"}
    head = "".join(f'<th class="{"n" if c in numeric else ""}">{html.escape(c)}</th>' for c in frame.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="{"n" if c in numeric else ""}">{html.escape(_cell(v))}</td>'
            for c, v in zip(frame.columns, row, strict=True)
        )
        + "</tr>"
        for row in frame.iter_rows()
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
