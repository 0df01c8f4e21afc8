"""The documentation as a site: `python -m sphinx -W --keep-going -b html docs docs/_build/html`."""

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from derivations.command_line import all_checks
from derivations.page import ROOT, files_of_tests, rows
from meanfield.common.result import Result

DOCS = Path(__file__).parent

project = "quasipotential"
author = copyright = "The quasipotential developers"
release = metadata.version("quasipotential")
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# A name in single backticks is a link where there is something of that name.
default_role = "autolink"
smartquotes = False  # φ' is a derivative
nitpicky = True
nitpick_ignore_regex = [
    # An argument or attribute of what the docstring is about has no page of its own.
    ("py:obj", r"\w+"),
    # Other libraries: the site is built offline, without their inventories.
    ("py:obj", r"(concurrent|matplotlib|numpy|scipy|xarray)\..*"),
]

autodoc_typehints = "none"  # numpydoc says the types, in words
autodoc_preserve_defaults = True
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_xref_param_type = False
add_module_names = False

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Notebooks are stored as executed, and a test executes them.
nb_execution_mode = "off"

html_theme = "pydata_sphinx_theme"
html_title = "quasipotential"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Notebooks become pages when the site is built; other files by "<!-- page: NAME -->".
for notebook in (ROOT / "notebooks").glob("*.ipynb"):
    shutil.copy(notebook, DOCS / "tutorials")

PROOFS = {one.name: one.prove for one in all_checks().select()}
ROWS = {row.label: row for row in rows()}


def setup(app: Any) -> None:
    """Add what the texts of this project need to be pages."""
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", typeset, priority=400)  # before numpydoc
    app.connect("autodoc-process-signature", signature)


def signature(
    app: Any, what: str, name: str, thing: Any, options: Any, given: str, returned: str
) -> tuple[str, str]:
    """Results are made by solvers, not by hand."""
    made = what == "class" and issubclass(thing, Result)
    return ("" if made else given), returned


def typeset(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """|x| is an absolute value and no substitution; equations, set off, keep their lines."""
    section, quoted = "", False
    for k, line in enumerate(lines):
        if k + 1 < len(lines) and lines[k + 1].startswith("---"):
            section = line
        first = not lines[k - 1].strip()
        quoted = section in ("", "Notes") and line.startswith("    ") and (first or quoted)
        if not line.lstrip().startswith(">>>"):
            parts = re.split("(``.*?``)", line)
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[k] = "".join(parts)
        if quoted:
            lines[k] = f"    | {lines[k][4:]}"


def read(app: Any, page: str, source: list[str]) -> None:
    """Links of a page in the repository as links of the site; rows of docs/equations.md."""
    if lent := re.fullmatch("<!-- page: (.*) -->\n", source[0]):
        app.env.note_dependency(ROOT / lent[1])
        text = (ROOT / lent[1]).read_text(encoding="utf-8")
        source[0] = text.replace("](docs/", "](../").replace("](README.md)", "](../index.md)")
    if page == "equations":
        code = r"\[`([^`]+)`\]\(\.\./(?:meanfield|simulate|derivations)/[^)]+\)"
        source[0] = re.sub(code, lambda link: role(link[1]), source[0])
    if page.startswith("theory/"):
        source[0] = re.sub("<!-- equations: (.*) -->", lambda found: evidence(found[1]), source[0])


def role(name: str) -> str:
    """The link to a check, or to a function with the arguments that say which way of it."""
    if name in PROOFS:
        proof = PROOFS[name]
        return f"{{py:func}}`{name} <{proof.__module__}.{proof.__qualname__}>`"
    if name.endswith(".py"):
        return f"`{name}`"
    return f"{{py:obj}}`{name} <{name.partition('(')[0]}>`"


def evidence(labels: str) -> str:
    """What evaluates, proves and tests the equations of these rows, folded."""
    lines = []
    for label in labels.split("; "):
        row = ROWS[label]
        tests = (f"{path}::{name}" for name in row.tests.split() for path in files_of_tests()[name])
        parts = {
            "evaluated by": [role(name) for name in row.functions.split()],
            "proved by": [role(name) for name in row.checks.split()],
            "pinned by": [f"`{test}`" for test in tests],
        }
        told = "; ".join(f"{what} {', '.join(names)}" for what, names in parts.items() if names)
        lines.append(f"- **{label}** ({row.content}): {told}.")
    return "\n".join(["```{dropdown} Code, proofs, tests", *lines, "```"])
