#!/usr/bin/env python3
"""Writes what RapidOCR reads of a picture with the weights of the cache, as a golden file for package ocr.

    pip install --target PACKAGES rapidocr-onnxruntime==1.4.4 opencv-python-headless==4.12.0.88
    PYTHONPATH=PACKAGES python3 pkg/model/testdata/ocr.py pkg/model/ocr/testdata/page.png pkg/model/ocr/testdata/golden.json

RapidOCR finds slanted boxes, and reads lines that it has cut out by a perspective; package ocr takes upright rectangles. Boxes and probabilities are near,
and not equal.
"""
import json
import os
import sys

from rapidocr_onnxruntime import RapidOCR

page, golden = sys.argv[1:3]
models = os.path.join(os.environ.get("CINEDEX_CACHE") or os.path.expanduser("~/.cache/cinedex"), "models")
letters = open(os.path.join(models, "ocr-letters.txt"), encoding="utf-8").read().replace("\r", "").removesuffix("\n").split("\n")
# The reader of RapidOCR puts the class without a letter before the list, and a space behind.
keys = "/tmp/ocr-letters.txt" if len(sys.argv) < 4 else sys.argv[3]
with open(keys, "w", encoding="utf-8") as f:
    f.write("\n".join(letters[1:-1]))
engine = RapidOCR(det_model_path=os.path.join(models, "ocr-finder.onnx"), rec_model_path=os.path.join(models, "ocr-reader.onnx"), rec_keys_path=keys,
                  use_cls=False, det_limit_type="max", det_limit_side_len=4096)
lines = []
for box, text, score in engine(page)[0] or []:
    xs, ys = [p[0] for p in box], [p[1] for p in box]
    lines.append({"text": text, "score": float(score), "box": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]})
os.remove(keys)
json.dump(lines, open(golden, "w"), ensure_ascii=False, indent=1)
print(json.dumps(lines, ensure_ascii=False))
