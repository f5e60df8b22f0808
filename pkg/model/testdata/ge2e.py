#!/usr/bin/env python3
"""Resemblyzer over the weights of its package: golden vectors, and the peer of the figure speakers/generated.

    python3 pkg/model/testdata/ge2e.py golden pkg/model/ge2e/testdata/golden.json
    python3 pkg/model/testdata/ge2e.py speakers THRESHOLD,... SOUND...

Needs the packages torch, librosa, scipy, webrtcvad and Resemblyzer 0.1.4. A SOUND is a file of 16 kHz samples of one channel,
16 bits, little-endian. "golden" describes 1.6 s of every 4 s of the cache's two-cities.wav, with Resemblyzer's own spectrogram, at
16 kHz by the mean of three samples. "speakers" says who speaks in
each tenth of a second: Resemblyzer's partial vectors (2.5 a second) of the whole sound, in the loudness that preprocess_wav
gives, grouped by the mean cosine (scipy's average linkage) down to each THRESHOLD; silence by the detector that Resemblyzer uses.
"""
import json
import os
import sys
import time
import types

import numpy as np
import scipy.ndimage

# Resemblyzer imports a name of before scipy 1.8.
morphology = types.ModuleType("scipy.ndimage.morphology")
morphology.binary_dilation = scipy.ndimage.binary_dilation
sys.modules["scipy.ndimage.morphology"] = morphology

import torch
import webrtcvad
from resemblyzer import VoiceEncoder, audio
from scipy.cluster.hierarchy import fcluster, linkage

torch.set_num_threads(2)
encoder = VoiceEncoder("cpu", verbose=False)
RATE = 16000


def sound(path):
    return np.fromfile(path, "<i2").astype(np.float32) / 32768


def golden():
    cache = os.environ.get("CINEDEX_CACHE") or os.path.expanduser("~/.cache/cinedex")
    data = np.fromfile(os.path.join(cache, "media", "two-cities.wav"), "<i2", offset=44)
    three = data[: len(data) // 3 * 3].reshape(-1, 3).sum(1, dtype=int)
    wav = np.trunc(three / 3).astype(np.float32) / 32768
    mel = audio.wav_to_mel_spectrogram(wav)
    out = []
    for at in range(0, len(mel) - 160, 400):
        window = mel[at : at + 160]
        with torch.no_grad():
            vector = encoder(torch.from_numpy(window[None]))[0].numpy()
        out.append({"frame": at, "mel": [float("%.7g" % x) for x in window[::40].flatten()], "vector": [float("%.7g" % x) for x in vector]})
    return out


def speakers(path, thresholds):
    wav = sound(path)
    begun = time.monotonic()
    loud = audio.normalize_volume(wav, -30, increase_only=True)
    _, vectors, slices = encoder.embed_utterance(loud, return_partials=True, rate=2.5)
    vad = webrtcvad.Vad(3)
    flags = [vad.is_speech((wav[at : at + 480] * 32767).astype("<i2").tobytes(), RATE) for at in range(0, len(wav) - 479, 480)]
    flags = np.convolve(np.array(flags, float), np.ones(8) / 8, "same") >= 0.5
    flags = scipy.ndimage.binary_dilation(flags, np.ones(7))

    def speech(at):
        return at // 480 < len(flags) and flags[at // 480]

    kept = [i for i, s in enumerate(slices) if np.mean([speech(at) for at in range(s.start, s.stop, 480)]) >= 0.75]
    middles = np.array([(slices[i].start + slices[i].stop) // 2 for i in kept])
    tree = linkage(vectors[kept], "average", "cosine") if len(kept) > 1 else None
    out = {"seconds": 0, "speakers": []}
    for threshold in thresholds:
        groups = np.ones(len(kept), int) if tree is None else fcluster(tree, 1 - threshold, "distance")
        who = lambda at: int(groups[np.argmin(np.abs(middles - at))]) if speech(at) and len(kept) else 0
        out["speakers"].append([who(at) for at in range(800, len(wav) - 799, 1600)])
    out["seconds"] = time.monotonic() - begun
    return out


if sys.argv[1] == "golden":
    json.dump(golden(), open(sys.argv[2], "w"), separators=(",", ":"))
else:
    thresholds = [float(t) for t in sys.argv[2].split(",")]
    json.dump([speakers(p, thresholds) for p in sys.argv[3:]], sys.stdout)
