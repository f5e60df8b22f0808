#!/usr/bin/env python3
"""openai-whisper over the weights of the cache: golden transcripts, and the peer of the figure speech/whisper.

    python3 pkg/model/testdata/openai_whisper.py golden pkg/model/whisper/testdata/golden.json SOUND...
    python3 pkg/model/testdata/openai_whisper.py measure SOUND

Needs the packages torch and openai-whisper, and the published weights (the cache's whisper-base.bin.part1 and part2, in the
format of CTranslate2). A SOUND is a file of 16 kHz samples of one channel, 16 bits, little-endian. "golden" decodes the first
30 s greedily without timestamps, and aligns the words. "measure" calls transcribe() as it comes, on two processors.
"""
import json
import os
import struct
import sys
import time

import numpy as np
import torch
import whisper
from whisper.model import ModelDimensions, Whisper
from whisper.timing import find_alignment
from whisper.tokenizer import get_tokenizer

cache = os.environ.get("CINEDEX_CACHE") or os.path.expanduser("~/.cache/cinedex")


def variables():
    data = b"".join(open(os.path.join(cache, "models", "whisper-base.bin.part%d" % n), "rb").read() for n in (1, 2))
    at = 0

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)[0]
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        n = take("H")
        at += n
        return data[at - n : at - 1].decode()

    assert take("I") == 6
    text(), take("I")
    out = {}
    for _ in range(take("I")):
        name = text()
        shape = [take("I") for _ in range(take("B"))]
        kind, size = np.dtype({0: "f4", 1: "i1", 2: "i2", 3: "i4", 4: "f2"}[take("B")]), take("I")
        out[name] = np.frombuffer(data, kind, size // kind.itemsize, at).reshape(shape)
        at += size
    return out


def load():
    v = variables()
    state = {}

    def put(to, name):
        state[to] = torch.from_numpy(v[name].astype(np.float32))

    def parts(layer, names, name):
        weights, biases = np.split(v[name + "/weight"], len(names)), np.split(v[name + "/bias"], len(names))
        for n, w, b in zip(names, weights, biases):
            state[layer + n + ".weight"] = torch.from_numpy(w.astype(np.float32))
            if n != "key":
                state[layer + n + ".bias"] = torch.from_numpy(b.astype(np.float32))

    def norm(to, name):
        put(to + ".weight", name + "/gamma"), put(to + ".bias", name + "/beta")

    for n in ("conv1", "conv2"):
        put("encoder.%s.weight" % n, "encoder/%s/weight" % n), put("encoder.%s.bias" % n, "encoder/%s/bias" % n)
    put("encoder.positional_embedding", "encoder/position_encodings/encodings")
    put("decoder.positional_embedding", "decoder/position_encodings/encodings")
    put("decoder.token_embedding.weight", "decoder/embeddings/weight")
    norm("encoder.ln_post", "encoder/layer_norm"), norm("decoder.ln", "decoder/layer_norm")
    for side in ("encoder", "decoder"):
        for i in range(6):
            to, name = "%s.blocks.%d." % (side, i), "%s/layer_%d/" % (side, i)
            norm(to + "attn_ln", name + "self_attention/layer_norm")
            parts(to + "attn.", ["query", "key", "value"], name + "self_attention/linear_0")
            parts(to + "attn.", ["out"], name + "self_attention/linear_1")
            norm(to + "mlp_ln", name + "ffn/layer_norm")
            parts(to + "mlp.", ["0"], name + "ffn/linear_0"), parts(to + "mlp.", ["2"], name + "ffn/linear_1")
            if side == "decoder":
                norm(to + "cross_attn_ln", name + "attention/layer_norm")
                parts(to + "cross_attn.", ["query"], name + "attention/linear_0")
                parts(to + "cross_attn.", ["key", "value"], name + "attention/linear_1")
                parts(to + "cross_attn.", ["out"], name + "attention/linear_2")
    model = Whisper(ModelDimensions(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("mask" in m for m in missing), (missing, unexpected)
    model.set_alignment_heads(whisper._ALIGNMENT_HEADS["base"])
    return model.eval()


def sound(path):
    return np.fromfile(path, "<i2").astype(np.float32) / 32768


torch.set_num_threads(int(os.environ.get("THREADS", "2")))
model = load()
if sys.argv[1] == "golden":
    out = []
    for path in sys.argv[3:]:
        audio = sound(path)[: 30 * 16000]
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(audio))
        r = whisper.decode(model, mel, whisper.DecodingOptions(without_timestamps=True, fp16=False))
        tokenizer = get_tokenizer(True, num_languages=99, language=r.language, task="transcribe")
        words = find_alignment(model, tokenizer, r.tokens, mel, len(audio) // 160)
        out.append({
            "sound": os.path.basename(path), "language": r.language, "tokens": r.tokens, "text": r.text, "no_speech": r.no_speech_prob,
            "mel": [float(x) for x in mel[:, ::300].flatten()],
            "words": [[w.word, round(w.start, 2), round(w.end, 2), round(w.probability, 3)] for w in words],
        })
    json.dump(out, open(sys.argv[2], "w"), ensure_ascii=False, indent=1)
else:
    audio = sound(sys.argv[2])
    model.transcribe(audio[:16000], fp16=False)  # warms up
    cpu, begun = time.process_time(), time.monotonic()
    r = model.transcribe(audio, fp16=False)
    json.dump({"seconds": time.monotonic() - begun, "processor": time.process_time() - cpu, "language": r["language"], "text": r["text"]}, sys.stdout)
