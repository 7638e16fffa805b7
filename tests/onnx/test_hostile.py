#!/usr/bin/env python3
"""Models in ONNX that somebody made to do harm, or that are damaged: refused at once, in little memory, with the file named and what is wrong
with it; nothing outside of the model's folder is opened. Needs no package: models are put together byte by byte."""

import os
import pathlib
import resource
import signal
import struct
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from support import SANITIZER, ProgramTest, h5py, numpy  # noqa: E402

MEMORY = 2 << 30  # of addresses, as the program may take them here
FLOAT, INT64 = 1, 7


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def whole(field, number):
    return varint(field << 3) + varint(number)


def part(field, content):
    """A field with a length: a text, bytes or a message."""
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def claim(field, length):
    """A field that says to be so long, and is not there."""
    return varint(field << 3 | 2) + varint(length)


def tensor(name, shape, raw=None, kind=FLOAT, external=None):
    body = b"".join(whole(1, n) for n in shape) + whole(2, kind) + part(8, name)
    if external is not None:
        body += b"".join(part(13, part(1, key) + part(2, str(value))) for key, value in external.items()) + whole(14, 1)
    elif raw is not None:
        body += part(9, raw)
    return body


def value(name, shape):
    dims = b"".join(part(1, whole(1, n)) for n in shape)
    return part(1, name) + part(2, part(1, whole(1, FLOAT) + part(2, dims)))


def node(kind, inputs, outputs, name="", attributes=b""):
    return b"".join(part(1, i) for i in inputs) + b"".join(part(2, o) for o in outputs) + part(3, name) + part(4, kind) + attributes


def graph(nodes, tensors=(), inputs=(("x", (1, 4)),), outputs=(("y", (1, 3)),)):
    return b"".join(part(1, n) for n in nodes) + part(2, "g") + b"".join(part(5, t) for t in tensors) + \
        b"".join(part(11, value(*v)) for v in inputs) + b"".join(part(12, value(*v)) for v in outputs)


def model(of, opset=13):
    return whole(1, 8) + part(8, part(1, "") + whole(2, opset)) + part(7, of)


def gemm(weights):
    return model(graph([node("Gemm", ["x", "w"], ["y"], "dense")], [weights]))


RIGHT = gemm(tensor("w", (4, 3), struct.pack("<12f", *range(12))))


class Hostile(ProgramTest):
    def refused(self, content, *said, name="model.onnx"):
        """Imports such a file, which is refused with these words; returns the message."""

        def limit():
            if not SANITIZER:  # sanitizers reserve terabytes of address space
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

        path = self.write(name, content) if content is not None else self.path(name)
        begin = time.monotonic()
        result = self.skipstone("import", path, "-o", "out.h5", "--force", code=2, preexec_fn=limit)
        self.assertLess(time.monotonic() - begin, 20)
        for piece in (name, *said):
            self.assertIn(piece, result.err)
        self.assertFalse((self.folder / "out.h5").exists())
        return result.err

    def test_the_model_that_the_others_are_made_from_is_right(self):
        self.write("model.onnx", RIGHT)
        result = self.skipstone("import", "model.onnx", "-o", "out.h5")
        self.assertIn("12 parameters", result.out)
        self.assertIn("right", self.skipstone("check", "model.onnx").out)

    def test_cut_off_at_any_byte(self):
        for length in range(0, len(RIGHT), 3):
            with self.subTest(length=length):
                self.refused(RIGHT[:length])
        self.refused(RIGHT[:-20], "is cut off")

    def test_claims_of_what_is_not_there(self):
        filling = RIGHT + b"\0" * (1024 - len(RIGHT))
        for text in (RIGHT + claim(7, 2**31 - 1), claim(7, 2**31 - 1) + filling,
                     model(graph([node("Gemm", ["x", "w"], ["y"])]) + claim(5, 2**31 - 1)) + b"\0" * 900,
                     gemm(whole(1, 1 << 29) + whole(2, FLOAT) + part(8, "w") + claim(9, 2**31 - 1))):
            self.refused(text)

    def test_shapes_that_their_elements_do_not_fill(self):
        raw = struct.pack("<12f", *range(12))
        self.refused(gemm(tensor("w", (1 << 29,), raw)), "w: ", "2147483648 bytes", "48")
        self.refused(gemm(tensor("w", (1 << 40, 1 << 40), raw)), "w: ", "more than")
        self.refused(gemm(tensor("w", (1 << 62, 4), raw)), "w: ", "more than")
        self.refused(gemm(tensor("w", (-4, -3), raw)), "w: ", "-4")
        self.refused(gemm(tensor("w", (4, 3), raw[:-1])), "w: ", "48", "47")
        self.refused(gemm(tensor("w", (4, 3))), "w: ", "12 elements, and 0")
        self.refused(gemm(tensor("w", (4, 3), raw, kind=99)), "w: ", "number 99")

    def test_shapes_that_are_computed(self):
        for extents in ((1 << 40,), (1 << 20, 1 << 20), (1 << 31,)):
            raw = struct.pack(f"<{len(extents)}q", *extents)
            self.refused(model(graph([node("ConstantOfShape", ["s"], ["w"], "fill"), node("Gemm", ["x", "w"], ["y"])],
                                     [tensor("s", (len(extents),), raw, INT64)])))

    def test_nests(self):
        inner = node("Relu", ["x"], ["y"])
        for _ in range(200):
            inner = node("If", ["c"], ["y"], "", part(5, part(1, "then_branch") + part(6, graph([inner], (), (), ()))))
        self.refused(model(graph([inner])), "deeper")

    def test_floods(self):
        many = b"".join(part(1, node("Relu", ["x"], ["y"])) for _ in range(100_001))
        self.refused(model(many + graph([])), "100000 nodes")
        self.refused(model(graph([]) + part(5, b"") * 2_000_000), "MiB")
        self.refused(model(graph([])) + whole(99, 1) * 40_000_000, "MiB")
        self.refused(model(graph([node("Relu", ["x"], ["y"], "n", part(5, part(1, "a") + part(8, varint(1) * 100_000_000)))])), "MiB")

    def test_texts_that_are_none(self):
        self.refused(model(graph([node("Gemm", ["x", b"\xff\xfe"], ["y"])])), "UTF-8")
        err = self.refused(gemm(tensor("w\x1b[31m", (4, 3), b"")), "\\x1b")
        self.assertNotIn("\x1b", err)

    def test_other_files(self):
        for content, said in ((b"", "empty"), (b"PK\x03\x04rest", "PyTorch"), (b"hello, world\n", "no model in ONNX"), (os.urandom(5000), "model in ONNX"),
                              (whole(1, 8), "no graph"), (tensor("w", (1,), b"abcd"), "no model in ONNX")):
            with self.subTest(content=content[:20]):
                self.refused(content, said)

    def test_a_file_above_the_limit(self):
        with open(self.path("model.onnx"), "wb") as file:
            file.truncate(1 << 31)
        self.refused(None, "2 GiB")

    # External data

    def external(self, size=48, **entries):
        (self.folder / "w.bin").write_bytes(b"\0" * size)
        return gemm(tensor("w", (4, 3), external=entries))

    def test_external_data_in_the_models_folder(self):
        for entries in ({"location": "w.bin"}, {"location": "./w.bin", "offset": 0, "length": 48}, {"location": "below/w.bin", "offset": 16}):
            self.write("model.onnx", self.external(**entries))
            (self.folder / "below").mkdir(exist_ok=True)
            (self.folder / "below/w.bin").write_bytes(b"\0" * 64)
            self.skipstone("import", "model.onnx", "-o", "out.h5", "--force")
            self.assertEqual(self.skipstone("import", "model.onnx", "-o", entries["location"], "--force", code=2).err.count("input"), 1)

    def test_external_data_elsewhere(self):
        outside = self.folder.parent / "w.bin"
        for location in ("/etc/passwd", "/dev/zero", "../w.bin", "a/../../w.bin", str(outside), ".."):
            self.refused(self.external(location=location), "w: ", "outside of the model's folder", "nothing is read")

    def test_links_that_lead_elsewhere(self):
        secret = pathlib.Path(self.path("..")).resolve() / f"skipstone-secret-{os.getpid()}"
        secret.write_bytes(b"\0" * 48)
        self.addCleanup(secret.unlink)
        (self.folder / "link").symlink_to(secret)
        (self.folder / "folder").symlink_to(secret.parent)
        for location in ("link", f"folder/{secret.name}"):
            self.refused(self.external(location=location), "w: ", "leads out of the model's folder")
        (self.folder / "right").symlink_to("w.bin")
        self.write("model.onnx", self.external(location="right"))
        self.skipstone("import", "model.onnx", "-o", "out.h5")

    def test_external_data_that_is_no_file(self):
        os.mkfifo(self.path("pipe"))
        (self.folder / "folder").mkdir()
        for location, said in (("pipe", "no regular file"), ("folder", "no regular file"), ("missing.bin", "cannot be read"), ("", "names no file")):
            self.refused(self.external(location=location), "w: ", said)

    def test_external_data_that_does_not_fill_the_shape(self):
        self.refused(self.external(size=47, location="w.bin"), "48 bytes at 0", "ends after 47")
        self.refused(self.external(location="w.bin", offset=1), "48 bytes at 1")
        self.refused(self.external(location="w.bin", offset=2**63 - 1), "48 bytes")
        self.refused(self.external(location="w.bin", length=47), "48 bytes", "47")
        for number in ("-1", "1e3", "", "99999999999999999999", "0x10"):
            self.refused(self.external(location="w.bin", offset=number), "offset")

    def test_external_data_that_is_read_again_and_again(self):
        with open(self.path("w.bin"), "wb") as file:
            file.truncate(1 << 30)
        weights = [tensor(f"w{i}", (1 << 28,), external={"location": "w.bin"}) for i in range(5)]
        self.refused(model(graph([node("Sum", [f"w{i}" for i in range(5)], ["y"])], weights)), "w4: ", "4 GiB")

    def test_an_interrupted_import_leaves_nothing(self):
        rows = 1 << 24
        with open(self.path("w.bin"), "wb") as file:
            file.truncate(rows * 16)
        self.write("model.onnx", model(graph([node("Gemm", ["x", "w"], ["y"])], [tensor("w", (4, rows), external={"location": "w.bin"})],
                                             outputs=(("y", (1, rows)),))))
        before = set(os.listdir(self.folder))
        process = self.start("import", "model.onnx", "-o", "out.h5")
        time.sleep(0.15)
        process.send_signal(signal.SIGINT)
        result = self.wait(process)
        if result.code == 0:  # it was faster
            self.assertIn("out.h5", os.listdir(self.folder))
            return
        self.assertEqual(result.code, 130)
        self.assertEqual(set(os.listdir(self.folder)), before)


if __name__ == "__main__":
    unittest.main()
