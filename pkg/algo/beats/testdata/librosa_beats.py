#!/usr/bin/env python3
"""librosa's beat tracker, the peer of the figure beats/generated: prints the beats of each sound, in seconds, as JSON.

    python3 pkg/algo/beats/testdata/librosa_beats.py SOUND...

Needs the package librosa. A SOUND is a file of 16 kHz samples of one channel, 16 bits, little-endian. The tracker is called as it
comes, over the sound at 22,050 Hz, which is librosa's usual rate.
"""
import json
import sys
import time

import librosa
import numpy as np

out = []
for path in sys.argv[1:]:
    y = np.fromfile(path, "<i2").astype(np.float32) / 32768
    y = librosa.resample(y, orig_sr=16000, target_sr=22050)
    begun = time.monotonic()
    tempo, beats = librosa.beat.beat_track(y=y, sr=22050, units="time")
    out.append({"beats": [round(float(b), 4) for b in beats], "bpm": float(np.atleast_1d(tempo)[0]), "seconds": time.monotonic() - begun})
json.dump(out, sys.stdout)
