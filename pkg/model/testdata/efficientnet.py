#!/usr/bin/env python3
"""Writes what the published EfficientNet-Lite2 says of a picture, as a golden file.

    go test ./pkg/model/efficientnet -run Golden -write-square /tmp/square.rgb
    python3 pkg/model/testdata/efficientnet.py /tmp/square.rgb pkg/model/efficientnet/testdata/golden.f32

Needs the packages torch and efficientnet-lite-pytorch, and the published weights (the
cache's efficientnet-lite2.pth). The golden file holds 1280 feature values and 1000
logits, as little-endian float32.
"""
import os
import sys

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

square, golden = sys.argv[1:3]
cache = os.environ.get("CINEDEX_CACHE") or os.path.expanduser("~/.cache/cinedex")
model = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=os.path.join(cache, "models", "efficientnet-lite2.pth"))
model.eval()
pixels = np.fromfile(square, np.uint8).reshape(260, 260, 3).astype(np.float32)
x = torch.from_numpy(((pixels - 127) / 128).transpose(2, 0, 1)[None].copy())
with torch.no_grad():
    feature = model.extract_features(x).mean(dim=(2, 3))[0].numpy()
    logits = model(x)[0].numpy()
np.concatenate([feature, logits]).astype("<f4").tofile(golden)
