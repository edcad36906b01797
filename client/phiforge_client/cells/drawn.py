"""The best of the architectures that were drawn, in words."""

from phiforge.prediction.drawn_cells import Drawing, DrawnCell


def drawn_in_words(drawing: Drawing) -> str:
    """Return lines of a comment: what was drawn and how it was judged, and the operations of the best."""
    best, draws = drawing.cells[0], sum(each.draws for each in drawing.cells)
    lines = [
        f"# Best of {len(drawing.cells)} cells in {draws} draws from run {drawing.run}, version {drawing.version}:",
        f"# {_percent(best)} on {drawing.tasks} validation tasks with the weights that all share.",
    ]
    for kind, edges in best.to_json()["edges"].items():
        lines += [f"#   {kind} {edge}: {operation}" for edge, operation in edges.items()]
    return "".join(f"{line}\n" for line in lines)


def _percent(cell: DrawnCell) -> str:
    return f"{100 * cell.accuracy.mean:.1f} ± {100 * cell.accuracy.ci95:.1f} %"
