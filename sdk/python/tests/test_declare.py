"""Declarations, and the words in which a wrong one is refused."""

import unittest

import cinedex
from cinedex.v1 import catalog_pb2 as catalog


def declare(*args, function=None, **kw):
    def silent(run):
        """Says nothing"""
        yield from ()

    return cinedex.algorithm(*args, **kw)(function or silent)


class Declares(unittest.TestCase):
    def test_a_kind_is_searchable_by_default(self):
        s = declare("light", "1", frames=cinedex.Frames(32, 18, per_second=2), example="dark").spec()
        self.assertEqual((list(s.reads), list(s.kinds), s.frames.width, s.frames.per_second, s.summary), (["video"], ["light"], 32, 2, "Says nothing"))
        self.assertEqual((s.leaves[0].name, s.leaves[0].shape, s.leaves[0].example), ("light", catalog.LEAF_SHAPE_WORDS, "dark"))
        self.assertEqual((list(s.answers[0].leaves), s.answers[0].bare, s.answers[0].field), (["light"], True, catalog.ANSWER_FIELD_LABEL))

    def test_text_has_a_language(self):
        s = declare("signs", "2.0-beta", cues=True, kind="text-on-sign", says="text", bare=False).spec()
        self.assertEqual((list(s.reads), s.leaves[0].name, s.answers[0].field, s.answers[0].bare), (["text"], "text_on_sign", catalog.ANSWER_FIELD_TEXT, False))
        self.assertTrue(s.kind_specs[0].in_language and s.kind_specs[0].quoted)

    def test_a_space_has_encoders_and_answers_leaves_of_others(self):
        space = cinedex.Space("tiny", "1", 4, about="shot", by="picture", answers=["like_text"], calibration=(0.5, 9.0))
        cinedex.encoder(space, "text")(lambda words: [1, 0, 0, 0])
        s = declare("tiny-pictures", "1", needs=["shot"], frames=cinedex.Frames(32), spaces=[space]).spec()
        self.assertEqual((len(s.kinds), list(s.spaces[0].encoders), list(s.answers[0].leaves), s.answers[0].space, s.answers[0].calibration.middle),
                         (0, ["text"], ["like_text"], "tiny@1", 0.5))

    def test_the_digest_is_of_the_code_and_the_weights(self):
        plain = declare("a", "1", cues=True)
        self.assertEqual(plain.digest(), declare("a", "1", cues=True).digest())
        self.assertNotEqual(plain.digest(), declare("a", "1", cues=True, weights=[cinedex.__file__]).digest())
        with self.assertRaisesRegex(cinedex.Misuse, "cannot be read"):
            declare("a", "1", cues=True, weights=["/nowhere/weights.bin"]).digest()

    def test_each_misuse_is_told_in_words(self):
        def returns(run):
            """Returns a list"""
            return []

        def mute(run):
            yield from ()

        def two(run, more):
            """Takes two"""
            yield from ()

        read = {"cues": True}
        for says, make in {
            "is no generator. An algorithm writes by yield": lambda: declare("a", "1", function=returns, **read),
            "must take one argument, the run": lambda: declare("a", "1", function=two, **read),
            "says nothing about itself": lambda: declare("a", "1", function=mute, **read),
            "the name 'Light!' must be small letters": lambda: declare("Light!", "1", **read),
            "the version 'v 1' must be": lambda: declare("a", "v 1", **read),
            "the algorithm reads nothing: say frames=": lambda: declare("a", "1"),
            "a side is 1 to 8192 pixels": lambda: declare("a", "1", frames=cinedex.Frames(0)),
            "frames are cropped to a height": lambda: declare("a", "1", frames=cinedex.Frames(32, crop=True)),
            "1000 to 384000": lambda: declare("a", "1", sound=cinedex.Sound(16)),
            "needs 'Shot'": lambda: declare("a", "1", needs=["Shot"]),
            "the leaf 'title' means something else": lambda: declare("a", "1", leaf="title", **read),
            "two leaves are called 'b'": lambda: declare("a", "1", kinds=[cinedex.Kind("b"), cinedex.Kind("c", leaf="b")], **read),
            '"label" or "text"': lambda: declare("a", "1", says="both", **read),
            "the attribute 'n' of 'k' has the type": lambda: declare("a", "1", kinds=[cinedex.Kind("k", attributes={"n": list})], **read),
            "the dimension 0: 1 to 4096": lambda: declare("a", "1", spaces=[cinedex.Space("s", "1", 0)], **read),
            "says not about what": lambda: declare("a", "1", spaces=[cinedex.Space("s", "1", 4, leaf="x")], **read),
            "an encoder takes": lambda: cinedex.encoder(cinedex.Space("s", "1", 4), "words")(len),
        }.items():
            with self.subTest(says), self.assertRaises(cinedex.Misuse) as told:
                make()
            self.assertIn(says, str(told.exception))


if __name__ == "__main__":
    unittest.main()
