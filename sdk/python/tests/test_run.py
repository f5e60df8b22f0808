"""Runs in memory: the input as an algorithm reads it, and the words in which wrong output is refused."""

import math
import unittest

import numpy as np

import cinedex
from cinedex.testing import colour, film, play

BLACK, WHITE = colour(0, 0, 0), colour(255, 255, 255)


@cinedex.algorithm("light", "1", frames=cinedex.Frames(32, 18, per_second=5), parameters={"dark": 40})
def light(run):
    """How light the picture is"""
    for s in run.stretches(lambda f: "dark" if f.pixels.mean() < run.parameters["dark"] else "bright"):
        yield cinedex.Annotation(s.start, s.end, label=s.value)


def yields(*items, **declared):
    @cinedex.algorithm("made", "1", **({"cues": True} | declared))
    def made(run):
        """Yields what a test wants"""
        yield from items

    return made


class Runs(unittest.TestCase):
    def test_stretches_cover_the_film(self):
        got = [(a.label, cinedex.in_seconds(a.start), cinedex.in_seconds(a.end)) for a in play(light, film([BLACK] * 50 + [WHITE] * 60))]
        self.assertEqual(got, [("dark", 0, 2), ("bright", 2, 4.4)])

    def test_parameters_have_the_types_of_their_defaults(self):
        self.assertEqual([a.label for a in play(light, film([WHITE] * 10), dark=300)], ["dark"])
        with self.assertRaisesRegex(cinedex.Misuse, "the parameter 'drak'"):
            play(light, film([WHITE]), drak=1)
        with self.assertRaisesRegex(cinedex.Misuse, "the parameter 'dark' of the run is 'very'"):
            play(light, film([WHITE]), dark="very")

    def test_by_shot_gives_each_shot_the_values_of_its_frames(self):
        @cinedex.algorithm("means", "1", frames=cinedex.Frames(32, 18), needs=["shot"])
        def means(run):
            """The mean of each shot"""
            for shot, values in run.by_shot(lambda f: f.pixels.mean()):
                yield cinedex.Annotation(shot.start, shot.end, label=f"{len(values)} of {np.mean(values):.0f}")

        at = [n * cinedex.FLICKS // 25 for n in (0, 20, 30)]
        shots = [cinedex.Annotation(at[0], at[1]), cinedex.Annotation(at[1], at[2])]
        got = [a.label for a in play(means, film([BLACK] * 20 + [WHITE] * 10, others={"shot": shots}))]
        self.assertEqual(got, ["20 of 0", "10 of 255"])

    def test_batches_sound_and_cues(self):
        @cinedex.algorithm("all", "1", frames=cinedex.Frames(32, 18, at_once=4), sound=cinedex.Sound(16000), cues=True, kinds=[cinedex.Kind("seen"), cinedex.Kind("heard")])
        def everything(run):
            """Reads everything"""
            for b in run.batches():
                yield cinedex.Annotation(b.frames[0].start, b.frames[-1].end, kind="seen", label=str(b.pixels.shape))
            for s in run.sound:
                yield cinedex.Annotation(s.start, s.end, kind="heard", label=f"{s.floats.max():.2f}")
            for c in run.cues:
                yield cinedex.Annotation(c.start, c.end, kind="heard", label=c.text)

        got = [a.label for a in play(everything, film([BLACK] * 6, sound=np.full(16000, 0.5), cues=[(0, 0.5, "hello")]))]
        self.assertEqual(got, ["(4, 18, 32, 3)", "(2, 18, 32, 3)", "0.50", "hello"])

    def test_an_embedding_stands_for_an_annotation(self):
        first = cinedex.Annotation(0, 10, label="x")
        a = yields(first, cinedex.Embedding(0, 10, np.array([0.6, 0.8]), of=first), kind="k", spaces=[cinedex.Space("s", "1", 2)])
        self.assertEqual([round(x, 3) for x in play(a, film([BLACK])).embeddings[0].vector], [0.6, 0.8])

    def test_a_frame_is_shown_in_a_notebook(self):
        self.assertTrue(cinedex.Frame(0, 0, 1, WHITE)._repr_png_().startswith(b"\x89PNG"))

    def test_each_misuse_is_told_in_words(self):
        space = cinedex.Space("s", "1", 2)
        some, spaces = cinedex.Annotation(0, 10, label="x"), {"kind": "k", "spaces": [space]}
        for says, a in {
            "yields str: yield cinedex.Annotation": yields("dark"),
            "is of kind 'other', which the algorithm does not declare": yields(cinedex.Annotation(0, 10, kind="other")),
            "has no kind, and the algorithm declares 'a', 'b'": yields(some, kinds=[cinedex.Kind("a"), cinedex.Kind("b")]),
            "is empty: the end (0:00:00.000) must come after the start": yields(cinedex.Annotation(10, 10)),
            "before the film": yields(cinedex.Annotation(-1, 10)),
            "after the end of the film (0:00:00.040)": yields(cinedex.Annotation(0, cinedex.seconds(5))),
            "whole numbers of flicks. cinedex.seconds(1.5)": yields(cinedex.Annotation(0.5, 1.5)),
            "a confidence is from 0 to 1": yields(cinedex.Annotation(0, 10, confidence=1.5)),
            "a confidence that is not finite": yields(cinedex.Annotation(0, 10, confidence=math.nan)),
            "divide pixels by the width and the height": yields(cinedex.Annotation(0, 10, region=cinedex.Region(0, 0, 32, 18))),
            "an attribute 'n' of type dict": yields(cinedex.Annotation(0, 10, attributes={"n": {}})),
            "use str": yields(cinedex.Annotation(0, 10, label=7)),
            "has the dimension 2: give a vector of the shape (2,)": yields(cinedex.Embedding(0, 10, [1, 0, 0]), **spaces),
            "2 numbers that are not finite": yields(cinedex.Embedding(0, 10, [math.nan, math.inf]), **spaces),
            "divide the vector by np.linalg.norm": yields(cinedex.Embedding(0, 10, [3, 4]), **spaces),
            "is of space 't@1', which the algorithm does not declare": yields(cinedex.Embedding(0, 10, [1, 0], space="t@1"), **spaces),
            "that was not yielded yet": yields(cinedex.Embedding(0, 10, [1, 0], of=some), **spaces),
        }.items():
            with self.subTest(says), self.assertRaises(cinedex.Misuse) as told:
                play(a, film([BLACK]))
            self.assertIn(says, str(told.exception))

    def test_undeclared_input_is_refused(self):
        for says, read in {
            "reads frames and does not declare frames: @algorithm(…, frames=": lambda run: list(run.frames),
            "reads sound and does not declare sound": lambda run: list(run.sound),
            "reads shot and does not declare shot: @algorithm(…, needs=['shot'])": lambda run: list(run.annotations("shot")),
            "reads cues twice": lambda run: list(run.cues) + list(run.cues),
        }.items():
            @cinedex.algorithm("made", "1", cues=True)
            def made(run, read=read):
                """Reads"""
                read(run)
                yield from ()

            with self.subTest(says), self.assertRaises(cinedex.Misuse) as told:
                play(made, film([BLACK], cues=[(0, 0.01, "a")]))
            self.assertIn(says, str(told.exception))


if __name__ == "__main__":
    unittest.main()
