"""Pages: templates filled with tables and figures, that need nothing but themselves to be read."""

import functools
import html
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from engine.report import plots
from engine.report.cells import Table
from engine.report.glossary import WORDS, explained
from engine.report.packed import Packed


@dataclass(frozen=True)
class Section:
    """A heading with figures and tables under it, as `sections.html` arranges them."""

    heading: str
    figures: Sequence[Markup] = ()
    tables: Sequence[Table] = ()
    note: str = ""


class Page:
    """One page in the making: what its template is given, and what its figures show.

    Parameters
    ----------
    template : str
        File in `templates/`.
    title : str
    script : str or None
        Where plotly.js lies beside the page, such as "../plotly.js" of a sweep; None = in the page itself.
    """

    def __init__(self, template: str, title: str, script: str | None = None):
        self.template, self.title, self.script = template, title, script
        self.packed = Packed()

    def figure(self, figure, least: int = 0) -> Markup:
        """Return the place of a figure on the page, its title and unit above it as text.

        Parameters
        ----------
        figure : Figure
        least : int
            Pixels below which it is not drawn narrower: it is then moved sideways, by the keyboard too.
        """
        parts = plots.as_parts(figure)
        number = self.packed.figure(parts)
        title, unit = html.escape(parts["title"]), html.escape(parts["unit"])
        caption = " ".join([f"<b>{title}</b>"] * bool(title) + [f"<span>{unit}</span>"] * bool(unit))
        reached, narrowest = (' tabindex="0"', f";min-width:{least}px") if least else ("", "")
        return Markup(
            f"<figure{reached}><figcaption>{caption}</figcaption>"
            f'<div class="plot" data-figure="{number}" style="height:{parts["height"]}px{narrowest}"></div></figure>'
        )

    def render(self, **content) -> str:
        """Return the page, given what its template names."""
        library = "" if self.script else _script(plots.plotly_script())
        return (
            _templates()
            .get_template(self.template)
            .render(
                **content, title=self.title, script=self.script, library=library, packed=self.packed.text(), words=WORDS
            )
        )


def _script(text: str) -> Markup:
    return Markup(f"<script>{text}</script>")


@functools.cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("engine.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    assert made.loader is not None
    for name, tag in (("page.css", "style"), ("page.js", "script")):
        made.globals["style" if tag == "style" else "script_of_page"] = Markup(
            f"<{tag}>{made.loader.get_source(made, name)[0]}</{tag}>"
        )
    made.filters["explained"] = explained
    return made
