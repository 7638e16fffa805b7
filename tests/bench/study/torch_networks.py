"""Residual networks in PyTorch, built from a network profile, with trained weights: the peer that the study's engine is held against.

Bottleneck blocks with projections, stride on the first 1x1 convolution (ResNet-50 v1), and basic blocks with zero-padded shortcuts
(option A of He et al. 2016, section 4.2: every second pixel, channels padded evenly with zeros).
"""

import tomllib

import h5py
import numpy
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """ReLU(F(x) + S(x)), or a part of it: mode "full", "skip" (the shortcut alone) or "direct" (the convolutions alone)."""

    def __init__(self, convolutions, shortcut):
        super().__init__()
        for number, (inputs, outputs, kernel, stride) in enumerate(convolutions, 1):
            setattr(self, f"conv{number}", nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(outputs))
        self.layers = len(convolutions)
        inputs, outputs, stride = convolutions[0][0], convolutions[-1][1], convolutions[0][3]
        self.stride, self.padding = stride, (outputs - inputs) // 2
        self.identity = stride == 1 and inputs == outputs
        if not self.identity and shortcut == "projection":
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.mode = "full"

    def shortcut(self, x):
        if self.identity:
            return x
        if hasattr(self, "downsample"):
            return self.downsample(x)
        return functional.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.padding, self.padding))

    def convolutions(self, x):
        for number in range(1, self.layers + 1):
            x = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x))
            if number < self.layers:
                x = functional.relu(x)
        return x

    def forward(self, x):
        if self.mode == "skip":
            return functional.relu(self.shortcut(x))
        if self.mode == "direct":
            return functional.relu(self.convolutions(x))
        return functional.relu(self.convolutions(x) + self.shortcut(x))


class Network(nn.Module):
    def __init__(self, profile, classes):
        super().__init__()
        width, expansion = profile.get("width", 64), profile.get("expansion", 4)
        imagenet = profile.get("stem", "imagenet") == "imagenet"
        self.conv1 = nn.Conv2d(3, width, 7 if imagenet else 3, 2 if imagenet else 1, 3 if imagenet else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        channels = width
        self.stages = len(profile["stages"])
        for stage, blocks in enumerate(profile["stages"]):
            inner = width << stage
            outer = inner * expansion
            layer = []
            for index in range(blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                path = [(channels, inner, 1, stride), (inner, inner, 3, 1), (inner, outer, 1, 1)]
                if profile.get("block", "bottleneck") == "basic":
                    path = [(channels, inner, 3, stride), (inner, outer, 3, 1)]
                layer.append(Block(path, profile.get("shortcut", "projection")))
                channels = outer
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        setattr(self, "fc" if imagenet else "linear", nn.Linear(channels, classes))

    def forward(self, x):
        x = self.pool(functional.relu(self.bn1(self.conv1(x))))
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        x = x.mean((2, 3))
        return self.fc(x) if hasattr(self, "fc") else self.linear(x)


def load(profile_path, weights_path):
    """The network with the weights of a Skipstone weights file, in evaluation mode; its input size, mean and std."""
    with open(profile_path, "rb") as file:
        profile = tomllib.load(file)
    if profile.get("block", "bottleneck") == "bottleneck" and profile.get("variant", "v1") != "v1":
        raise ValueError(f"{profile_path}: only variant v1 is built here")
    with h5py.File(weights_path, "r") as file:
        state = {}
        file.visititems(lambda name, item: state.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        state = {name: torch.from_numpy(item[:].astype(numpy.float32)) for name, item in state.items()}
        size = int(file.attrs["input_size"])
        mean, std = (numpy.asarray(file.attrs[key], numpy.float32) for key in ("input_mean", "input_std"))
        network = Network(profile, int(file.attrs["classes"]))
    missing, surplus = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or surplus:
        raise ValueError(f"{weights_path}: missing {missing[:3]}, surplus {surplus[:3]}")
    return network.eval(), size, mean, std


def preprocess(pixels, size, mean, std):
    """A tensor of uint8 images [N,3,H,W] as the network's input, float32 [N,3,size,size]."""
    images = pixels.float() / 255
    if images.shape[-1] != size:
        images = functional.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
    return (images - torch.from_numpy(mean).view(1, 3, 1, 1)) / torch.from_numpy(std).view(1, 3, 1, 1)
