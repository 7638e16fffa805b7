"""How matplotlib draws names that users choose: as they are."""


def draw_plainly(matplotlib):
    """Pictures go to files, and "$", "_", "^" and backslashes in texts are no formulas."""
    matplotlib.use("Agg")
    matplotlib.rcParams["text.parse_math"] = False


def drawable(text):
    """A text that matplotlib draws: bytes of a file's name that are no UTF-8 become "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def legend_label(text):
    """matplotlib leaves labels that begin with "_" out of a legend, unless something without width stands before it."""
    return "\u200b" + drawable(text) if text.startswith("_") else drawable(text)
