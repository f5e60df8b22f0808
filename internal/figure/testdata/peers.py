#!/usr/bin/env python3
"""Runs peers of Cinedex's algorithms over files, and prints what they say as JSON.

    peers.py ocr FILE.png ...     lines read by RapidOCR (PP-OCRv4) and by Tesseract, for each picture
    peers.py faces FILE ...       faces found by OpenCV's frontal cascade, as [x, y, w, h], for each picture
    peers.py cuts FILM ...        first frames of the scenes of PySceneDetect's ContentDetector and AdaptiveDetector, for each film

A peer whose package or program is absent is null.
"""
import json
import shutil
import subprocess
import sys


def rapid(files):
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError:
        return None
    engine = RapidOCR()
    return [[line[1] for line in engine(f)[0] or []] for f in files]


def tesseract(files):
    if not shutil.which("tesseract"):
        return None
    read = lambda f: subprocess.run(["tesseract", f, "-", "--psm", "11"], capture_output=True, text=True, check=True).stdout
    return [[line for line in read(f).splitlines() if line.strip()] for f in files]


def cascade(files):
    try:
        import cv2
        finder = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    except ImportError:
        return None
    if finder.empty():
        return None
    out = []
    for f in files:
        grey = cv2.imread(f, cv2.IMREAD_GRAYSCALE)
        found = finder.detectMultiScale(grey, 1.1, 5, minSize=(max(grey.shape) // 30,) * 2)
        out.append([[int(v) for v in box] for box in found])
    return out


def scenes(files, name):
    try:
        import scenedetect
    except ImportError:
        return None
    out = []
    for f in files:
        found = scenedetect.detect(f, getattr(scenedetect, name)(min_scene_len=2))
        out.append([start.get_frames() for start, _ in found[1:]])
    return out


what, files = sys.argv[1], sys.argv[2:]
peers = {
    "ocr": lambda: {"RapidOCR": rapid(files), "Tesseract": tesseract(files)},
    "faces": lambda: {"OpenCV's cascade": cascade(files)},
    "cuts": lambda: {n: scenes(files, n) for n in ("ContentDetector", "AdaptiveDetector")},
}
json.dump(peers[what](), sys.stdout)
