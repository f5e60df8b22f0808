"""The test of {{.File}}: python -m unittest {{.Test}}"""

import unittest

from cinedex.testing import colour, film, play

from {{.Function}} import {{.Function}}


class Check(unittest.TestCase):
    def test_a_dark_scene_and_a_bright_scene(self):
        found = play({{.Function}}, film([colour(0, 0, 0)] * 50 + [colour(255, 255, 255)] * 50))
        self.assertEqual([a.label for a in found], ["dark", "bright"])


if __name__ == "__main__":
    unittest.main()
