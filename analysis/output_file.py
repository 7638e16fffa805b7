"""Where a script's result goes: never over what it was made from, nor over what came with the program."""

import fcntl
import os
import pathlib
import struct

BUILT_IN = pathlib.Path(__file__).resolve().parents[1] / "profiles"


def problem(output, *inputs):
    """What is wrong with an output: that it is one of the inputs, whatever link or spelling leads there, or is being written; None: nothing."""
    if not os.path.exists(output):
        return None
    for path in inputs:
        if path is not None and os.path.exists(path) and os.path.samefile(output, path):
            return f"{output}: would be written over, and it is an input ({path} is the same file); name another file"
    if is_being_written(output):
        return f"{output}: a run is writing this trace now; wait for its end, or name another file"
    if BUILT_IN in pathlib.Path(output).resolve().parents:
        return f"{output}: is one of the built-in profiles, which are not written over; name another file"
    return None


def save_picture(figure, output, made_from, dpi):
    """Writes a figure of matplotlib; what is wrong with its output, or None. The same figure gives the same file, and text in an SVG can be searched for."""
    from matplotlib import pyplot

    if wrong := problem(output, made_from):
        return wrong
    is_svg = pathlib.Path(output).suffix == ".svg"
    try:
        with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "skipstone"}):
            figure.savefig(output, dpi=dpi, metadata={"Date": None} if is_svg else None)
    except (OSError, ValueError) as error:
        return f"{output}: cannot be written ({error})"
    return None


def is_being_written(path):
    """Whether a run is writing a trace there: it keeps a byte far behind the file's end locked (src/units/input_files.hpp)."""
    get_lock = 36  # F_OFD_GETLK
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 1 << 62, 1, 0)
    try:
        with open(path, "rb") as file:
            return struct.unpack("hhqqi4x", fcntl.fcntl(file, get_lock, lock))[0] != fcntl.F_UNLCK
    except OSError:
        return False


def open_closed_streams():
    """Files that are opened take the lowest free numbers: one that took that of standard error would get what is printed there."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
