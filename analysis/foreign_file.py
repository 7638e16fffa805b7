"""Names files of weights that are neither PyTorch's nor safetensors, by their first bytes, and says how to get from there to one that is."""

import os
import zipfile

PYTORCH = "load it with the tool that made it, and save a PyTorch state dict (torch.save) or safetensors"


def name_foreign(path):
    """What is at `path`, as the rest of a sentence; None where it may be a PyTorch file. Raises OSError when it cannot be read."""
    if os.path.isdir(path):
        return name_folder(path)
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        return "is empty"
    for start, name in STARTS:
        if head.startswith(start):
            return name
    if head[4:8] == b"TFL3":
        return f"is a TensorFlow Lite model; {PYTORCH}"
    if zipfile.is_zipfile(path):
        return name_zip(path)
    if is_protobuf(head):
        return name_protobuf(path, head)
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it, and name the file of weights in it"
    return name_text(head)


STARTS = (
    (b"\x89HDF\r\n\x1a\n", f"is an HDF5 file (Keras's .h5, or a weights file of Skipstone's own, which needs no conversion); of Keras: {PYTORCH}"),
    (b"GGUF", f"is a GGUF file (llama.cpp); {PYTORCH}"),
    (b"\x93NUMPY", f"is a numpy array (.npy); {PYTORCH}"),
    (b"MATLAB 5.0 MAT-file", f"is a MATLAB file (.mat); {PYTORCH}"),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file that it points to; fetch that with \"git lfs pull\""),
    (b"\x1f\x8b", "is compressed (gzip); unpack it first"),
    (b"\xfd7zXZ\0", "is compressed (xz); unpack it first"),
    (b"BZh", "is compressed (bzip2); unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd); unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is compressed (7-Zip); unpack it first"),
    (b"Rar!", "is compressed (RAR); unpack it first"),
    (b"%PDF", "is a PDF document"),
    (b"\x89PNG", "is a picture (PNG)"),
    (b"\xff\xd8\xff", "is a picture (JPEG)"),
    (b"\x7fELF", "is a program (ELF)"),
)


def name_folder(path):
    if os.path.exists(os.path.join(path, "saved_model.pb")):
        return f"is a TensorFlow SavedModel (a folder); {PYTORCH}"
    if os.path.exists(os.path.join(path, "data.pkl")):
        return "is an unpacked PyTorch file (a folder); pack it again with zip, under one top folder, or take the file itself"
    return "is a folder; name the file of weights in it"


def name_zip(path):
    """None for what torch.save wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None  # the reader says what is wrong with it
    if any(name.endswith("/constants.pkl") for name in names):
        return "is a TorchScript program (torch.jit.save), which is not read; save model.state_dict() instead"
    if any(name.endswith("data.pkl") for name in names):
        return None
    if names and all(name.endswith(".npy") for name in names):
        return f"is a numpy archive (.npz); {PYTORCH}"
    if "model.weights.h5" in names:
        return f"is a Keras model (.keras); {PYTORCH}"
    return "is a zip archive without a PyTorch state dict; unpack it, and name the file of weights in it"


def is_protobuf(head):
    """The first field is number 1, a small integer (a version), and another field follows."""
    return len(head) > 3 and head[0] == 0x08 and head[1] < 0x40 and head[2] & 7 in (0, 2) and head[2] >> 3 != 0


def name_protobuf(path, head):
    if os.path.basename(path) == "saved_model.pb" or b"tensorflow" in head.lower():
        return f"is a TensorFlow model (protobuf); {PYTORCH}"
    return f"is an ONNX model, or another in protobuf; {PYTORCH}"


def name_text(head):
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return None
        text = head[:error.start].decode("utf-8")
    if any(character < " " and character not in "\t\r\n\f" for character in text):
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype", "<html", "<head")):
        return "is a web page (HTML), not a file of weights: the download went wrong, or needs a login"
    if start.startswith("<?xml"):
        return "is an XML file, not a file of weights: the download may have gone wrong"
    if start.startswith("{") and '"weight_map"' in text:
        return "is an index of weights that are split into several files; join them with the tool that split them"
    if start.startswith(("{", "[")):
        return "is a JSON file, not a file of weights"
    return "is a text file, not a file of weights"
