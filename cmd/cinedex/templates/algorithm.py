"""An algorithm for Cinedex. The guide is docs/guides/algorithm-in-python.md of Cinedex."""

import cinedex


@cinedex.algorithm("{{.Name}}", "1", frames=cinedex.Frames(32, 18, per_second=2), example="dark")
def {{.Function}}(run):
    """How light the picture is"""
    for stretch in run.stretches(lambda frame: name(frame.pixels.mean())):
        yield cinedex.Annotation(stretch.start, stretch.end, label=stretch.value)


def name(light):
    return "dark" if light < 40 else "dim" if light < 110 else "bright"
