#!/usr/bin/env python3
"""Trains small tokenizers of each known type, and writes the tokens that Hugging Face's tokenizers give texts of many scripts.

    python3 pkg/model/testdata/tokenizers.py pkg/model/tokenizer/testdata ~/.cache/cinedex/models/minilm-l6.tokenizer.json

Needs the package tokenizers. Each NAME.json is a tokenizer.json, and golden.json has the tokens by name. The last argument is the tokenizer of
MiniLM, whose tokens go into golden.json as well.
"""
import json
import os
import random
import sys

sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]  # this file has the name of the package
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

WORDS = """a photo of the cat, dog's "red" apple at night; two people walking (close-up) 3 4 1998 100% café naïve Straße œuvre Ελλάδα кошка спит на диване
Київ կատու חתול ישן قطة تنام बिल्ली सो रही है பூனை แมวนอนหลับ 猫が寝ている 一只猫在睡觉 고양이가 자고 있다 🐈 ½ don't we'll it's I'd O'Brien's x86_64 C++ node.js
https://example.com/a?b=c 12:34:56 e\u0301 A\u030a \u00a0x \u3000y tab\tx new\nline  two  spaces ABC Mixed""".split(" ")


def texts(count):
    rng = random.Random(3)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 12))) for _ in range(count)] + ["", " ", "A", " leading", "trailing "]


def gemma():
    """As Gemma's and SigLIP 2's: byte pairs over the whole text, a mark for each space, bytes for unknown characters."""
    t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    t.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>"] + ["<0x%02X>" % i for i in range(256)]
    t.train_from_iterator([" ".join(WORDS[:24]).lower()] * 3, trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return t


def unigram():
    """As T5's and SigLIP's: SentencePiece's unigram model."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip(left=True, right=True)])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    t.train_from_iterator([" ".join(WORDS[:40])] * 20 + WORDS, trainers.UnigramTrainer(vocab_size=160, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return t


def byte_level():
    """As CLIP's and MobileCLIP's tokenizer.json."""
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.train_from_iterator(WORDS * 2, trainers.BpeTrainer(vocab_size=700, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                         special_tokens=["<|startoftext|>", "<|endoftext|>"], show_progress=False))
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False)
    return t


def main(folder, minilm):
    os.makedirs(folder, exist_ok=True)
    golden = {"texts": texts(60), "tokens": {}}
    for name, t in {"gemma": gemma(), "unigram": unigram(), "byte_level": byte_level()}.items():
        t.save(os.path.join(folder, name + ".json"), pretty=False)
        golden["tokens"][name] = [t.encode(x).ids for x in golden["texts"]]
    t = Tokenizer.from_file(minilm)
    t.no_padding()
    golden["tokens"]["minilm"] = [t.encode(x).ids for x in golden["texts"]]
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False, separators=(",", ":"))


main(sys.argv[1], sys.argv[2])
