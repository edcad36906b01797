"""Which paper a transparent picture is put on: one on which it shows."""

from PIL import Image

_NEARLY_WHITE = 240
"""The grey level from which ink does not show on white paper."""
_DARK_SHARE = 200
"""Less than one in so many pixels of a white drawing is darker, such as the noise of a lossy format."""
_OPAQUE = 128


def on_paper(image: Image.Image) -> Image.Image:
    """Return what is seen of a picture on paper: white, or black if its ink is nearly white itself.

    Args:
        image: of 8 bits a channel; one without transparency is returned as it is.
    """
    if not image.has_transparency_data:
        return image
    see_through = image.convert("RGBA")
    paper = "black" if _is_white_drawing(see_through) else "white"
    return Image.alpha_composite(Image.new("RGBA", see_through.size, paper), see_through)


def _is_white_drawing(image: Image.Image) -> bool:
    ink = _ink(image)
    return sum(ink) > _DARK_SHARE * sum(ink[:_NEARLY_WHITE])


def _ink(image: Image.Image) -> list[int]:
    """Return how many pixels have each grey level: of those that are opaque, or, if none is, of those that are seen."""
    grey, alpha = image.convert("L"), image.getchannel("A")
    opaque = alpha.point([0] * _OPAQUE + [255] * (256 - _OPAQUE))
    return grey.histogram(opaque if opaque.getbbox() else alpha)
