#!/usr/bin/env python3
"""Folders of pictures: how many are used, what is passed over, what a label is, and which are damaged; told before anything runs."""

import pathlib
import struct
import unittest
import zlib

from support import ALONE, ProgramTest, Trace, cifar_batch, write_weights


def png(value=0, side=8):
    """A grey picture."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes([value]) * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


class Images(ProgramTest):
    def pictures(self, *names, content=None):
        for name in names:
            path = self.folder / "pets" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png() if content is None else content)
        return str(self.folder / "pets")

    def classes(self, count):
        return self.pictures(*(f"{number}/{number}.png" for number in range(count)))

    def run_with(self, images, *arguments, code=0):
        return self.skipstone("run", self.scenario(ALONE | {"rounds.count": 1}), "-o", "t.h5", "--kernels", "off", "--images", images,
                              *arguments, code=code)

    def test_a_run_says_what_it_uses_and_what_it_passes_over(self):
        self.pictures("b.webp", "Thumbs.db", ".hidden.png", "__MACOSX/x", content=b"x")
        folder = self.pictures("a.png", "c.PNG")
        out = self.run_with(folder).out
        told = f"{folder}: 2 pictures without labels; passed over: 1 .db, 1 .webp, 1 __MACOSX, 1 hidden"
        self.assertIn(f"images: {told}\n", out)
        self.assertEqual(Trace(self.path("t.h5")).provenance["images"], told)
        self.assertNotIn("labels", Trace(self.path("t.h5")).provenance)

    def test_labels_are_places_of_folders_and_stand_in_the_trace(self):
        folder = self.pictures("c10/a.png", "c9/a.png", "c1/a.png")
        self.run_with(folder)
        trace = Trace(self.path("t.h5"))
        self.assertEqual(trace.provenance["labels"], "0 = c1; 1 = c9; 2 = c10")
        self.assertEqual(sorted(trace.requests["label"]), [0, 1, 2])

    def test_labels_that_are_not_the_networks_are_refused(self):
        weights = write_weights(self.path("w.h5"))
        for count in (3, 9, 11):
            folder = self.classes(count)
            for command in (["run", self.scenario(), "--kernels", "off", "--images", folder, "-o", "t.h5"],
                            ["study", "--data", folder, "-o", "t.toml"]):
                result = self.skipstone(*command, "--weights", weights, code=2)
                self.assertIn(f"holds {count} class folders (0 = 0, 1 = 1, 2 = 2", result.err)
                self.assertIn("the weights tell 10 classes apart", result.err)
        self.assertEqual(list(self.folder.glob("t.*")), [])
        self.run_with(folder)  # random weights claim nothing

    def test_a_study_on_folders_of_two_minds_is_refused(self):
        weights, folder = write_weights(self.path("w.h5")), self.classes(10)
        other = self.folder / "other"
        for number in (*range(9), "x"):
            (other / str(number)).mkdir(parents=True)
            (other / str(number) / "a.png").write_bytes(png())
        result = self.skipstone("study", "--weights", weights, "--data", folder, "--final-data", other, "-o", "t.toml", code=2)
        self.assertIn('has "x" as its class folder number 9, and', result.err)

    def test_a_study_does_not_write_into_its_images(self):
        weights, folder = write_weights(self.path("w.h5")), self.classes(10)
        (self.folder / "link").symlink_to(folder)
        for output in ("pets/t.toml", "pets/3/t.toml", "link/t.toml", "pets/../pets/t.toml"):
            result = self.skipstone("study", "--weights", weights, "--data", folder, "--drops", "none", "-o", output, code=2)
            self.assertIn("where nothing may change while it is measured", result.err)
        self.assertEqual([path.name for path in pathlib.Path(folder).rglob("t.*")], [])
        self.skipstone("study", "--weights", weights, "--data", folder, "--drops", "none", "-o", "pets.toml")

    def test_a_batch_with_labels_beyond_the_networks_is_refused(self):
        weights = write_weights(self.path("w.h5"))
        batch = self.write("b.bin", cifar_batch([1, 2, 11]))
        for command in (["run", self.scenario(), "--kernels", "off", "--images", batch], ["study", "--data", batch, "-o", "t.toml"]):
            self.assertIn("record 2 has label 11", self.skipstone(*command, "--weights", weights, code=2).err)

    def test_pictures_that_were_cut_off_are_found_at_the_start(self):
        folder = self.classes(10)
        (self.folder / "pets" / "7" / "z.png").write_bytes(png()[:50])
        result = self.run_with(folder, code=2)
        self.assertIn("z.png: is a damaged or truncated PNG", result.err)
        self.assertEqual(list(self.folder.glob("*.h5")), [])

    def test_pictures_in_cmyk_are_found_at_the_start(self):
        components = b"".join(bytes([number, 0x11, 0]) for number in range(1, 5))
        frame = b"\xff\xc0\0\x14\x08\0\x10\0\x10\x04" + components
        scan = b"\xff\xda\0\x0e\x04" + b"".join(bytes([number, 0]) for number in range(1, 5)) + b"\0\x3f\0"
        self.pictures("z.jpg", content=b"\xff\xd8\xff\xe0\0\x04ab" + frame + scan + b"\0\xff\xd9")
        result = self.run_with(self.pictures(*(f"{number}.png" for number in range(9))), code=2)
        self.assertIn("z.jpg: is a JPEG in CMYK", result.err)
        self.assertFalse((self.folder / "t.h5").exists())

    def test_check_looks_at_every_picture(self):
        folder = self.classes(3)
        self.assertIn(f"{folder}: right (3 pictures of 3 classes)", self.skipstone("check", folder).out)
        damaged = bytearray(png(side=64))
        damaged[60] ^= 0xFF  # its end is there
        self.pictures("0/broken.png", content=bytes(damaged))
        self.pictures("2/text.png", content=b"hello")
        result = self.skipstone("check", folder, code=2)
        self.assertIn("0/broken.png: is a damaged or truncated PNG", result.err)
        self.assertIn("2/text.png: is neither PNG nor JPEG", result.err)
        self.assertNotIn("right", result.out)

    def test_check_of_batches_and_empty_folders(self):
        self.assertIn("b.bin: right (2 records of CIFAR-10)", self.skipstone("check", self.write("b.bin", cifar_batch([1, 2]))).out)
        self.assertIn("label 10", self.skipstone("check", self.write("c.bin", cifar_batch([10])), code=2).err)
        (self.folder / "none").mkdir()
        self.assertIn("holds no picture", self.skipstone("check", self.path("none"), code=2).err)


if __name__ == "__main__":
    unittest.main()
