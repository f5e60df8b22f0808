"""The algorithms of the figures remote/overhead and remote/frames, served by the SDK: a model over frames that cross, the same model over frames of the process
itself, and frames that are received and not read. The environment names the model, an ONNX file."""

import os
import time

import numpy as np
import onnxruntime

import cinedex

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["FIGURE_MODEL"], options, providers=["CPUExecutionProvider"])
takes = session.get_inputs()[0]
SIDE = 260


def judge(pixels):
    x = (pixels.astype(np.float32) - 127.0) / 128.0
    x = x[None] if takes.shape[-1] == 3 else x.transpose(2, 0, 1)[None]
    return int(np.argmax(session.run(None, {takes.name: np.ascontiguousarray(x)})[0]))


@cinedex.algorithm("crossing", "1", frames=cinedex.Frames(SIDE, SIDE))
def crossing(run):
    """The model over frames that cross; the label is the time of processors in seconds, of all threads of the worker"""
    began, last = time.process_time(), None
    for frame in run.frames:
        judge(frame.pixels)
        last = frame.end
    yield cinedex.Annotation(0, last, label=f"{time.process_time() - began}")


@cinedex.algorithm("bare", "1", frames=cinedex.Frames(SIDE, SIDE))
def bare(run):
    """The model over frames that the process has; the label is the time, and the time of processors, in seconds"""
    frames = [frame.copy() for frame in run.frames]
    began, spent = time.perf_counter(), time.process_time()
    for frame in frames:
        judge(frame.pixels)
    yield cinedex.Annotation(0, frames[-1].end, label=f"{time.perf_counter() - began} {time.process_time() - spent}")


@cinedex.algorithm("received", "1", frames=cinedex.Frames(1920, 1080))
def received(run):
    """Frames that are received and not read"""
    last, n = None, 0
    for frame in run.frames:
        last, n = frame.end, n + int(frame.pixels[0, 0, 0] >= 0)
    yield cinedex.Annotation(0, last, label=str(n))
