"""Tables in JSON: one object a line, as Hugging Face's ``metadata.jsonl``, and annotations in the form of COCO."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.pictures.rows import Row, column, columns, row_of, text_of
from phiforge.tasks.datasets.bases.problems import brief, quoted

_SECTIONS = ("images", "annotations", "categories")


def rows_of_lines(text: str, file: str, group_by: str = "") -> list[Row]:
    """Return the rows of a file with one JSON object a line.

    Args:
        text: its content.
        file: what errors call it.
        group_by: the field of groups, if there is one.

    Raises DataError, with the line, for what is no object, or if a field is not there.
    """
    lines = [
        _object(line, f"{file!r}, line {number},") for number, line in enumerate(text.split("\n"), 1) if line.strip()
    ]
    names = list(dict.fromkeys(name for line in lines for name in line))
    found = columns(names, file, group_by)
    return [found.row(line) for line in lines if line.get(found.path)]


def rows_of_coco(text: str, file: str, group_by: str = "") -> list[Row]:
    """Return the rows of annotations in COCO's form: a picture is of the category that its annotations name.

    Where they name several categories there are as many rows, which contradict each other. A picture without
    annotations has no row.

    Args:
        text: a JSON object of ``images``, ``annotations`` and ``categories``.
        file: what errors call it.
        group_by: the field of an image that names its group, if there is one.

    Raises DataError, with what there is, for anything else.
    """
    images, annotations, categories = _sections(_object(text, repr(file)), file)
    names = {text_of(each.get("id")): text_of(each.get("name")) for each in categories}
    group = column(_fields(images), (group_by.lower(),), file) if group_by else ""
    of_image = {text_of(each.get("id")): each for each in images}
    rows = []
    for image, category in dict.fromkeys(_pairs(annotations)):
        if image not in of_image or category not in names:
            raise DataError(
                f"{file!r} has an annotation of image {brief(image)!r} and category {brief(category)!r}, of which one "
                "is not in it: export it again"
            )
        one = of_image[image]
        rows.append(
            row_of(text_of(one.get("file_name")), names[category], "", text_of(one.get(group)) if group else "")
        )
    return rows


def _object(text: str, what: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} is no JSON: {brief(str(error))}") from None
    if not isinstance(found, dict):
        raise DataError(f"{what} is {type(found).__name__}: expected a JSON object, {{...}}")
    return found


def _sections(found: Mapping[str, Any], file: str) -> list[list[Mapping[str, Any]]]:
    sections = [each for name in _SECTIONS if _are_objects(each := found.get(name))]
    if len(sections) < len(_SECTIONS):
        raise DataError(
            f"{file!r} is no COCO file: expected lists of objects {', '.join(_SECTIONS)}; it has: {quoted(list(found))}"
        )
    return sections


def _are_objects(section: Any) -> TypeGuard[list[Mapping[str, Any]]]:  # noqa: ANN401 - whatever JSON holds
    return isinstance(section, list) and all(isinstance(each, dict) for each in section)


def _fields(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in objects for name in each))


def _pairs(annotations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in annotations:
        yield text_of(each.get("image_id")), text_of(each.get("category_id"))
