"""Small pictures: `python docs/shrink.py results/*/*.png` for the gallery, `… notebooks/*.ipynb`.

Those of the commands are kept by their names in docs/gallery, at most 60 kB each; those of executed
notebooks in place.  Type is as large in all of them.
"""

import base64
import sys
from io import BytesIO
from pathlib import Path

import nbformat
from PIL import Image

# Dots per inch: of the commands, and wanted.
PRINTED, SHOWN = 300, 125
COLOURS, BYTES = 48, 60_000


def shrunk(path: Path) -> bytes:
    """The picture as a PNG of the largest width that fits."""
    picture = Image.open(path).convert("RGB")
    for width in range(picture.width * SHOWN // PRINTED, 0, -50):
        size = width, round(picture.height * width / picture.width)
        written = of_few_colours(picture.resize(size, Image.Resampling.LANCZOS))
        if len(written) <= BYTES:
            return written
    raise ValueError(f"{path}: does not fit into {BYTES} bytes")


def of_few_colours(picture: Image.Image) -> bytes:
    """A PNG with a palette."""
    written = BytesIO()
    few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, 2, dither=Image.Dither.NONE)
    few.save(written, "png", optimize=True)
    return written.getvalue()


def shrink_notebook(path: Path) -> None:
    """Give every picture of a notebook a palette."""
    notebook = nbformat.read(path, as_version=4)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if text := output.get("data", {}).get("image/png"):
            picture = Image.open(BytesIO(base64.b64decode(text))).convert("RGB")
            small = base64.b64encode(of_few_colours(picture)).decode()
            output["data"]["image/png"] = small
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for argument in map(Path, sys.argv[1:]):
        kept = Path(__file__).parent / "gallery" / argument.name
        if argument.suffix == ".ipynb":
            kept = argument
            shrink_notebook(kept)
        else:
            kept.write_bytes(shrunk(argument))
        print(kept, kept.stat().st_size)
