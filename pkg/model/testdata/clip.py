#!/usr/bin/env python3
"""Makes a CLIP with random weights as the published CLIPs are saved, and says what Python makes of pictures and texts.

    python3 pkg/model/testdata/clip.py golden pkg/model/clip/testdata
    python3 pkg/model/testdata/clip.py full FOLDER

golden writes a tiny model, and what torch, Pillow and CLIP's tokenizer make of a few pictures and texts: the golden files of the tests. full
writes a model of the size of ViT-B/32, 200 pictures, 500 texts, and their vectors: the figure clip/parity compares them with Go.

A checkpoint is a TorchScript archive with weights of 16 bits, as OpenAI publishes them. The published code runs the weights as float32 on a
processor, and so does this. Needs the packages torch, clip-anytorch (only its model.py and simple_tokenizer.py are imported), pillow, regex, ftfy
and numpy.
"""
import gzip
import hashlib
import importlib.util
import json
import os
import sys
import unicodedata

import numpy as np
import torch
from PIL import Image


def module(name):
    """Imports a file of clip-anytorch without the package, which needs torchvision."""
    for folder in sys.path:
        path = os.path.join(folder, "clip", name + ".py")
        if os.path.exists(path):
            spec = importlib.util.spec_from_file_location("clip_" + name, path)
            loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            return loaded
    sys.exit("clip-anytorch is not installed")


tokenizer = module("simple_tokenizer").SimpleTokenizer()


def tokens(text, context=77):
    """As clip.tokenize with truncate=True, without the padding."""
    start, end = tokenizer.encoder["<|startoftext|>"], tokenizer.encoder["<|endoftext|>"]
    out = [start] + tokenizer.encode(text) + [end]
    if len(out) > context:
        out = out[:context]
        out[-1] = end
    return out


def picture(i, width, height):
    """A picture of waves, blocks and noise, from whole numbers alone: the tests of Go draw the same."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = []
    for c in range(3):
        wave = (x * (i + 3 + c) + y * (2 * i + 5)) % 256
        block = ((x // (7 + i % 5) + y // (11 + c)) % 2) * 120
        noise = ((x * 7919 + y * 104729 + (i + c) * 1299709) * 2654435761 % 4294967296) >> 27
        planes.append(((wave + block + noise) // 2) % 256)
    return Image.fromarray(np.stack(planes, 2).astype(np.uint8))


def prepared(img, side):
    """torchvision's Resize(side, BICUBIC) and CenterCrop(side) of a Pillow picture."""
    w, h = img.size
    size = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    img = img.resize(size, Image.BICUBIC)
    left, top = int(round((img.size[0] - side) / 2.0)), int(round((img.size[1] - side) / 2.0))
    return np.asarray(img.crop((left, top, left + side, top + side)).convert("RGB"))


def normalised(rgb):
    mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
    std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
    return torch.from_numpy(((rgb.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)[None].copy())


def build(quantised, **sizes):
    model = module("model")
    torch.manual_seed(7)
    m = model.CLIP(**sizes).eval()
    with torch.no_grad():
        for name, p in m.named_parameters():
            if name.endswith("ln_1.weight") or "ln_" in name and name.endswith("weight"):
                p.copy_(1 + 0.1 * torch.randn_like(p))
            elif name.endswith("bias"):
                p.copy_(0.1 * torch.randn_like(p))
            if quantised:
                p.copy_((p * 16).round() / 16)
        if quantised:  # rows repeat, so that the file is small
            table = m.token_embedding.weight
            table.copy_(table[:97].repeat(table.shape[0] // 97 + 1, 1)[: table.shape[0]])
    model.convert_weights(m)
    return m


def save(m, side, context, path):
    """Saves a TorchScript archive. The program is traced with numbers of 32 bits, since a processor lacks some operations of 16 bits."""
    halves = {n for n, p in m.named_parameters() if p.dtype == torch.float16}
    m.float()
    example = (torch.zeros(1, 3, side, side), torch.zeros(1, context, dtype=torch.long))
    traced = torch.jit.trace_module(m, {"forward": example, "encode_image": example[0], "encode_text": example[1]}, check_trace=False)
    for n, p in traced.named_parameters():
        if n in halves:
            p.data = p.data.half()
    torch.jit.save(traced, path)
    return m.float()  # both share the weights


def vectors(m, side, pictures, texts, context):
    with torch.no_grad():
        images, words = [], []
        for img in pictures:
            images.append(torch.nn.functional.normalize(m.encode_image(normalised(prepared(img, side))), dim=-1)[0].numpy())
        for text in texts:
            ids = torch.zeros(1, context, dtype=torch.long)
            t = tokens(text, context)
            ids[0, : len(t)] = torch.tensor(t)
            words.append(torch.nn.functional.normalize(m.encode_text(ids), dim=-1)[0].numpy())
    return np.stack(images), np.stack(words)


# Words of many scripts; texts are made of them.
WORDS = """a photo of the cat, dog's "red" apple at night; two people walking (close-up) 3 4 1998 100% café naïve coöperate Straße œuvre İstanbul Ελλάδα
Ωκεανός ΣΊΣΥΦΟΣ кошка спит на диване Київ ҚАЗАҚ կատու კატა חתול ישן قطة تنام على الأريكة گربه بلی बिल्ली सो रही है বিড়াল பூனை పిల్లి ಬೆಕ್ಕು പൂച്ച ගළල් แมวนอนหลับ ແມວ ကြောင် ឆ្មា
猫が寝ている ネコ 一只猫在睡觉 貓咪 고양이가 자고 있다 ድመት 🐈 🐕‍🦺 👩🏽‍🚀 🇳🇴 ½ ² ™ № ｆｕｌｌ ﾊﾛｰ ﬁne „low“ ‘curly’ “quotes” — … &amp; &lt;b&gt; <br> don't we'll it's I'd they've you're I'm O'Brien's rock'n'roll
supercalifragilisticexpialidocious xyzzyqwrtpsdfg antidisestablishmentarianism x86_64 C++ node.js https://example.com/a?b=c user@example.com #tag @name 12:34:56 1,000.50 $5 €7 ¥900 ∑∫√ ⠓⠑⠇⠇⠕ ᚠᚢᚦ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 e\u0301 A\u030a o\u0308 \u00a0x \u3000y \u200bz tab\tx new\nline""".split(" ")
WORDS = [w for line in WORDS for w in line.split("\n")]


def texts(count):
    rng = np.random.RandomState(11)
    out = [" ".join(rng.choice(WORDS, rng.randint(1, 14))) for _ in range(count - 3)]
    return out + ["A", " ".join(WORDS[:60]), "the " * 90]


def golden(folder):
    os.makedirs(folder, exist_ok=True)
    sizes = dict(embed_dim=24, image_resolution=64, vision_layers=1, vision_width=128, vision_patch_size=8, context_length=77, vocab_size=49408,
                 transformer_width=64, transformer_heads=1, transformer_layers=2)
    m = save(build(True, **sizes), 64, 77, "tiny.pt")
    with open("tiny.pt", "rb") as f, gzip.GzipFile(os.path.join(folder, "tiny.pt.gz"), "wb", 9, mtime=0) as z:
        z.write(f.read())
    os.remove("tiny.pt")
    shapes = [(64, 64), (200, 100), (100, 201), (97, 131), (640, 360), (30, 20), (65, 640)]
    pictures = [picture(i, w, h) for i, (w, h) in enumerate(shapes)]
    some = texts(60)
    images, words = vectors(m, 64, pictures, some, 77)
    out = {
        "pictures": [{"width": w, "height": h, "sha256": hashlib.sha256(prepared(p, 64).tobytes()).hexdigest(),
                      "sha256_224": hashlib.sha256(prepared(p, 224).tobytes()).hexdigest(), "vector": [round(float(x), 6) for x in v]}
                     for (w, h), p, v in zip(shapes, pictures, images)],
        "texts": [{"text": t, "tokens": tokens(t), "vector": [round(float(x), 6) for x in v]} for t, v in zip(some, words)],
    }
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))


def full(folder):
    os.makedirs(folder, exist_ok=True)
    sizes = dict(embed_dim=512, image_resolution=224, vision_layers=12, vision_width=768, vision_patch_size=32, context_length=77, vocab_size=49408,
                 transformer_width=512, transformer_heads=8, transformer_layers=12)
    m = save(build(False, **sizes), 224, 77, os.path.join(folder, "ViT-B-32.pt"))
    rng = np.random.RandomState(5)
    pictures = []
    for i in range(200):
        w, h = rng.randint(40, 700, 2)
        pictures.append(picture(i, int(w), int(h)))
        pictures[-1].save(os.path.join(folder, "%03d.png" % i))
    some = texts(500)
    images, words = vectors(m, 224, pictures, some, 77)
    images.astype("<f4").tofile(os.path.join(folder, "pictures.f32"))
    words.astype("<f4").tofile(os.path.join(folder, "texts.f32"))
    with open(os.path.join(folder, "texts.json"), "w", encoding="utf-8") as f:
        json.dump([{"text": t, "tokens": tokens(t)} for t in some], f, ensure_ascii=False)


if __name__ == "__main__":
    torch.set_num_threads(2)
    {"golden": golden, "full": full}[sys.argv[1]](sys.argv[2])
