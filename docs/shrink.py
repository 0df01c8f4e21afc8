"""Pictures of the gallery, from those of the commands: `python docs/shrink.py results/*/*.png`.

Each keeps its name, in docs/gallery, with fewer pixels and colours: at most 60 kB.
"""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

WIDTH, COLOURS, BYTES = 720, 48, 60_000


def shrunk(path: Path) -> bytes:
    """The picture as a PNG of the largest width that fits."""
    picture = Image.open(path).convert("RGB")
    for width in range(min(WIDTH, picture.width), 0, -50):
        size = width, round(picture.height * width / picture.width)
        small = picture.resize(size, Image.Resampling.LANCZOS)
        written = BytesIO()
        few = small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, 2, dither=Image.Dither.NONE)
        few.save(written, "png", optimize=True)
        if written.tell() <= BYTES:
            return written.getvalue()
    raise ValueError(f"{path}: does not fit into {BYTES} bytes")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        kept = Path(__file__).parent / "gallery" / Path(argument).name
        kept.write_bytes(shrunk(Path(argument)))
        print(kept, kept.stat().st_size)
