"""A worker on a socket, called as the platform calls a worker."""

import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc
import numpy as np

import cinedex
from cinedex.run import Area, Inbox
from cinedex.v1 import noun_pb2 as noun
from cinedex.v1 import worker_pb2 as worker

SPACE = cinedex.Space("tiny", "1", 2)
W, H = 8, 4
SLOT = 4096
HELD, LEFT = threading.Event(), threading.Event()


@cinedex.encoder(SPACE, "text")
def words(text):
    return [1, 0] if "day" in text else [0.6, 0.7999999]


@cinedex.algorithm("first-pixel", "1", frames=cinedex.Frames(W, H, at_once=2))
def first_pixel(run):
    """The first pixel of each frame"""
    for f in run.frames:
        yield cinedex.Annotation(f.start, f.end, label=str(f.pixels[0, 0, 0]))


@cinedex.algorithm("batches", "1", frames=cinedex.Frames(W, H, at_once=2))
def batches(run):
    """Pairs of frames"""
    for b in run.batches():
        same = b.pixels.ctypes.data == b.frames[0].pixels.ctypes.data
        yield cinedex.Annotation(b.frames[0].start, b.frames[-1].end, label=f"{np.asarray(b.pixels)[:, 0, 0, 0].tolist()} {same}")


@cinedex.algorithm("keeps", "1", frames=cinedex.Frames(W, H), kind="k")
def keeps(run):
    """Keeps every frame"""
    kept = list(run.frames)
    yield cinedex.Annotation(kept[0].start, kept[0].end)


@cinedex.algorithm("waits", "1", frames=cinedex.Frames(W, H), needs=["shot"], kind="k2")
def waits(run):
    """Waits for the shots before the frames"""
    list(run.annotations("shot"))
    yield from ()


@cinedex.algorithm("fails", "1", cues=True, spaces=[SPACE])
def fails(run):
    """Divides by zero"""
    yield cinedex.Embedding(0, 1, [1 / 0, 0])


@cinedex.algorithm("slow", "1", cues=True, kind="k3")
def slow(run):
    """Works without a word until the run is cancelled"""
    HELD.set()
    try:
        while not run.cancelled:
            time.sleep(0.005)
        yield cinedex.Annotation(0, 1)
    finally:
        LEFT.set()


class Platform:
    """The platform's side of one execution."""

    def __init__(self, channel, algorithm, frames=0, slots=4, heartbeat_ms=300):
        self.file = tempfile.NamedTemporaryFile()
        os.truncate(self.file.name, SLOT * slots)
        self.free = queue.SimpleQueue()
        for s in range(slots):
            self.free.put(s)
        self.algorithm, self.frames, self.slots, self.heartbeat_ms = algorithm, frames, slots, heartbeat_ms
        self.ended = threading.Event()
        stub = channel.stream_stream("/cinedex.v1.AlgorithmWorkerService/Annotate", worker.AnnotateRequest.SerializeToString, worker.AnnotateResponse.FromString)
        self.call = stub(self.requests())

    def requests(self):
        yield worker.AnnotateRequest(begin=worker.Begin(
            run=noun.Run(algorithm=self.algorithm, version="1"), asset=noun.Asset(id="a", duration=1000), frames=self.frames, heartbeat_ms=self.heartbeat_ms,
            area=worker.SharedArea(path=self.file.name, slot_bytes=SLOT, slots=self.slots), width=W, height=H))
        with open(self.file.name, "r+b") as f:
            for n in range(self.frames):
                while True:
                    try:
                        slot = self.free.get(timeout=0.2)
                        break
                    except queue.Empty:
                        if self.ended.is_set():
                            return
                f.seek(slot * SLOT)
                f.write(bytes([n]) * (W * H * 3))
                f.flush()
                yield worker.AnnotateRequest(frames=worker.Frames(frames=[worker.Frame(number=n, start=n, end=n + 1, width=W, height=H, slot=slot)]))
        if self.frames:
            yield worker.AnnotateRequest(end="frames")
        if self.algorithm in ("slow", "waits"):
            self.ended.wait(60)

    def responses(self):
        try:
            for r in self.call:
                for slot in r.release.slots:
                    self.free.put(slot)
                yield r
        finally:
            self.ended.set()


class Serves(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.worker = cinedex.Worker([first_pixel, batches, keeps, waits, fails, slow])
        address = cls.worker.listen("unix:" + os.path.join(cls.folder.name, "w.sock"))
        cls.worker.start()
        cls.channel = grpc.insecure_channel(address)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.worker.stop(0)
        cls.folder.cleanup()

    def call(self, method, request, answer):
        return self.channel.unary_unary(f"/cinedex.v1.AlgorithmWorkerService/{method}", type(request).SerializeToString, answer.FromString)(request, timeout=60)

    def labels(self, p):
        return [r.annotation.label for r in p.responses() if r.WhichOneof("output") == "annotation"]

    def refused(self, p):
        with self.assertRaises(grpc.RpcError) as told:
            list(p.responses())
        return told.exception.code(), told.exception.details()

    def test_declares(self):
        r = self.call("Declare", worker.DeclareRequest(protocol=1), worker.DeclareResponse)
        self.assertEqual(([a.algorithm.name for a in r.algorithms], r.algorithms[0].frames_at_once, len(r.algorithms[0].digest)),
                         (["first-pixel", "batches", "keeps", "waits", "fails", "slow"], 2, 64))
        with self.assertRaises(grpc.RpcError) as told:
            self.call("Declare", worker.DeclareRequest(protocol=9), worker.DeclareResponse)
        self.assertIn("version 9 of the contract", told.exception.details())

    def test_the_socket_is_private(self):
        self.assertEqual(os.stat(os.path.join(self.folder.name, "w.sock")).st_mode & 0o777, 0o600)

    def test_frames_cross_by_the_shared_file(self):
        p = Platform(self.channel, "first-pixel", frames=40)
        self.assertEqual(self.labels(p), [str(n) for n in range(40)])

    def test_batches_show_the_shared_file_without_a_copy(self):
        p = Platform(self.channel, "batches", frames=8)
        self.assertEqual(self.labels(p)[0], "[0, 1] True")

    def test_kept_frames_are_told_of(self):
        self.addCleanup(setattr, Inbox, "patience", Inbox.patience)
        Inbox.patience = 0.5
        code, text = self.refused(Platform(self.channel, "keeps", frames=10))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("keeps 4 frames, which is all that the shared memory holds: keep copies (frame.copy())", text)

    def test_waiting_beside_unread_frames_is_told_of(self):
        self.addCleanup(setattr, Inbox, "patience", Inbox.patience)
        Inbox.patience = 0.5
        code, text = self.refused(Platform(self.channel, "waits", frames=2))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("use run.by_shot", text)

    def test_an_error_names_its_line(self):
        code, text = self.refused(Platform(self.channel, "fails"))
        self.assertEqual(code, grpc.StatusCode.INTERNAL)
        self.assertRegex(text, r"ZeroDivisionError: division by zero \(test_worker.py, line \d+\)")

    def test_an_unknown_algorithm_is_refused(self):
        code, text = self.refused(Platform(self.channel, "nobody"))
        self.assertEqual((code, text.split(";")[0]), (grpc.StatusCode.NOT_FOUND, "this worker has no algorithm nobody@1"))

    def test_heartbeats_cancellation_and_turns(self):
        HELD.clear(), LEFT.clear()
        p = Platform(self.channel, "slow", heartbeat_ms=150)
        responses = p.responses()
        self.assertEqual(next(responses).WhichOneof("output"), "heartbeat")
        self.assertTrue(HELD.wait(60))
        code, text = self.refused(Platform(self.channel, "slow"))
        self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(self.call("Encode", worker.EncodeRequest(space="tiny@1", words="day"), worker.EncodeResponse).vector, [1, 0])
        p.call.cancel()
        self.assertTrue(LEFT.wait(60), "the algorithm goes on after the platform ended the run")
        p.ended.set()

    def test_encodes(self):
        def ask(**kw):
            return self.call("Encode", worker.EncodeRequest(**kw), worker.EncodeResponse)

        self.assertEqual(list(ask(space="tiny@1", words="a day").vector), [1, 0])
        for says, kw in {"no space 'other@1'": {"space": "other@1", "words": "x"},
                         "no encoder of picture": {"space": "tiny@1", "picture": worker.EncodePicture(width=1, height=1, pixels=b"abc")}}.items():
            with self.assertRaises(grpc.RpcError) as told:
                ask(**kw)
            self.assertIn(says, told.exception.details())


    def test_each_source_says_what_was_taken(self):
        taken = []
        inbox = Inbox(Area(worker.SharedArea(), lambda slot: None), taken.append)
        for first in (0, 2):
            inbox.put(worker.AnnotateRequest(annotations=worker.Annotations(annotations=[noun.Annotation(kind="shot", start=first + i) for i in range(2)])))
        inbox.put(worker.AnnotateRequest(cues=worker.Cues(track=0)))
        inbox.put(worker.AnnotateRequest(end="shot"))
        read = inbox.take("shot")
        self.assertEqual(([next(read).start for _ in range(3)], taken), ([0, 1, 2], ["shot"]))
        self.assertEqual(([m.start for m in read], taken), ([3], ["shot", "shot"]))

    def test_slots_go_back_together(self):
        p = Platform(self.channel, "first-pixel", frames=200, slots=64)
        given = [list(r.release.slots) for r in p.responses() if r.WhichOneof("output") == "release"]
        self.assertEqual(sum(map(len, given)), 200)
        self.assertLess(len(given), 60)  # 200 messages without bundling

    def test_frames_in_messages_return_their_slots(self):
        released = []
        area = Area(worker.SharedArea(slot_bytes=SLOT, slots=2), released.append)
        p = area.pixels(worker.Frame(width=1, height=1, slot=1, pixels=b"abc"))
        self.assertEqual((p.tolist(), released), ([[[97, 98, 99]]], []))
        del p
        self.assertEqual(released, [1])


class Listens(unittest.TestCase):
    def test_another_worker_on_the_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = "unix:" + os.path.join(folder, "w.sock")
            one, two = cinedex.Worker([slow]), cinedex.Worker([slow])
            one.listen(path)
            one.start()
            with self.assertRaisesRegex(cinedex.Misuse, "another worker serves"):
                two.listen(path)
            one.stop(0)

    def test_a_signal_ends_the_process(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "said.py")
            with open(file, "w") as f:
                f.write("import cinedex\n\n@cinedex.algorithm('said', '1', cues=True)\ndef said(run):\n    'Nothing'\n    yield from ()\n")
            p = subprocess.Popen([sys.executable, "-m", "cinedex", "serve", file, "--address", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
            with p, socket.socket() as idle:
                address = p.stdout.readline().split()[1]
                idle.connect(("127.0.0.1", int(address.rpartition(":")[2])))  # a connection that says nothing
                p.terminate()
                self.assertEqual(p.wait(60), 0)

    def test_wrong_addresses(self):
        w = cinedex.Worker([slow])
        for says, address in {"neither unix:PATH nor HOST:PORT": "nowhere", "give --certificate, --key and --clients": "0.0.0.0:0", "too long": "unix:/" + "x" * 120}.items():
            with self.assertRaisesRegex(cinedex.Misuse, says):
                w.listen(address)

    def test_no_algorithm(self):
        with self.assertRaisesRegex(cinedex.Misuse, "declares no algorithm"):
            cinedex.Worker([])
        with self.assertRaisesRegex(cinedex.Misuse, "two algorithms are called slow@1"):
            cinedex.Worker([slow, slow])


if __name__ == "__main__":
    unittest.main()
