#!/usr/bin/env python3
"""Makes pkg/translate/cldr/names.tsv.gz of CLDR's annotations (names and keywords of emoji):

    npm pack cldr-annotations-modern@45.0.0 && tar xzf cldr-annotations-modern-45.0.0.tgz
    scripts/cldr-names.py package

A line is LANGUAGE, NAME and the English name, with tabs between. Keywords of two languages are not aligned, so a word is paired with the English
word that names most of the same emoji (Dice's coefficient, at least 0.5 and 0.1 ahead of the next), or else with the English name of the only
emoji that has the word as its name.
"""
import collections
import gzip
import json
import sys
import unicodedata

LANGUAGES = (
    "en fr de es pt it ca ro nl sv no da fi is et hu pl cs sk sl hr sr bg ru uk lt lv el tr az ga vi id ar fa he hi ko ja zh th lo km my"
).split()


def plain(s):
    return unicodedata.normalize("NFC", s).lower().strip()


def annotations(language):
    with open(f"{sys.argv[1]}/annotations/{language}/annotations.json", encoding="utf-8") as f:
        return json.load(f)["annotations"]["annotations"]


def emoji_of(language):
    """The emoji of each word, and the emoji of each name."""
    words, names = collections.defaultdict(set), collections.defaultdict(set)
    for emoji, a in annotations(language).items():
        for word in a.get("default", []) + a.get("tts", []):
            words[plain(word)].add(emoji)
        for name in a.get("tts", []):
            names[plain(name)].add(emoji)
    return words, names


def main():
    english, english_names = emoji_of("en")
    by_emoji, name_of = collections.defaultdict(set), {}
    for word, emoji in english.items():
        for e in emoji:
            by_emoji[e].add(word)
    for name, emoji in english_names.items():
        for e in emoji:
            name_of[e] = name
    lines = [f"en\t{w}\t" for w in english if " " not in w]
    for language in LANGUAGES[1:]:
        words, names = emoji_of(language)
        for word, emoji in words.items():
            if word.count(" ") > 1 or len(word) > 30 or "\t" in word:
                continue
            shared = collections.Counter(x for e in emoji for x in by_emoji[e])
            ranked = sorted(((-2 * n / (len(emoji) + len(english[x])), len(x), x) for x, n in shared.items()))
            best = ""
            if ranked and ranked[0][0] <= -0.5 and (len(ranked) == 1 or ranked[1][0] - ranked[0][0] >= 0.1):
                best = ranked[0][2]
            elif len(names.get(word, ())) == 1:
                best = name_of.get(next(iter(names[word])), "")
            if best and best != word and best.count(" ") <= 1:
                lines.append(f"{language}\t{word}\t{best}")
    data = "".join(line + "\n" for line in sorted(lines)).encode()
    with open("pkg/translate/cldr/names.tsv.gz", "wb") as f:
        f.write(gzip.compress(data, 9, mtime=0))
    print(f"{len(lines)} names, {len(data)} bytes")


main()
