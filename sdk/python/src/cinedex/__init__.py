"""Algorithms for Cinedex, and a client of its searches.

    import cinedex

    @cinedex.algorithm("light", "1", frames=cinedex.Frames(32, 18, per_second=2))
    def light(run):
        \"\"\"How light the picture is\"\"\"
        for stretch in run.stretches(lambda frame: "dark" if frame.pixels.mean() < 40 else "bright"):
            yield cinedex.Annotation(stretch.start, stretch.end, label=stretch.value)
"""

from .client import Annotations, Client, Hit, Hits, Picture
from .declare import Algorithm, Frames, Kind, Sound, Space, algorithm, encoder
from .errors import Cancelled, Error, Invalid, Misuse, Refused, Unavailable
from .output import Annotation, Blob, Embedding, Region
from .run import Batch, Cue, Frame, Run, SoundBlock, Stretch, Vector
from .times import FLICKS, clock, in_seconds, seconds
from .worker import VERSION as __version__
from .worker import Certificates, Worker, serve

__all__ = [
    "FLICKS", "Algorithm", "Annotation", "Annotations", "Batch", "Blob", "Cancelled", "Certificates", "Client", "Cue", "Embedding", "Error", "Frame", "Frames", "Hit",
    "Hits", "Invalid", "Kind", "Misuse", "Picture", "Refused", "Region", "Run", "Sound", "SoundBlock", "Space", "Stretch", "Unavailable", "Vector", "Worker", "__version__",
    "algorithm", "clock", "encoder", "in_seconds", "seconds", "serve",
]
