"""Formulas as MathML, written when the site is built: no script, no fonts, read by screen readers.

Every current browser shows it (Chromium since 109, Firefox, Safari). A formula that cannot be
converted fails the build.
"""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import SphinxError


def mathml(text: str, display: str) -> str:
    """Return a formula in LaTeX as MathML; `display` is "inline" or "block"."""
    try:
        made = convert(text, display=display)
        return made.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")  # HTML needs none
    except Exception as error:  # the library has many kinds
        raise SphinxError(f"This formula cannot be written as MathML: {text}") from error


def _inline(writer, node: nodes.math) -> None:
    writer.body.append(f'<span class="math">{mathml(node.astext(), "inline")}</span>')
    raise nodes.SkipNode


def _block(writer, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math" tabindex="0" role="math">'
                       f'{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app):
    """Register with Sphinx, as the renderer named in _config.yml."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
