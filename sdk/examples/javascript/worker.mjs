// A worker for Cinedex from the .proto alone: the strongest colour of the picture.
//   node worker.mjs ADDRESS [PROTO FOLDER]      unix:PATH or HOST:PORT
import crypto from "node:crypto";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const own = fileURLToPath(import.meta.url);
const [address, protos = fileURLToPath(new URL("../../../pkg/schema/proto", import.meta.url))] = process.argv.slice(2);
const options = { includeDirs: [protos], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };
const { cinedex } = grpc.loadPackageDefinition(loader.loadSync("cinedex/v1/worker.proto", options));

const FLICKS = 705_600_000;
const declaration = {
  protocol: 1,
  instance: crypto.randomUUID(),
  program: `worker.mjs, Node ${process.version}`,
  algorithms: [{
    digest: crypto.createHash("sha256").update(fs.readFileSync(own)).digest("hex"),
    frames_at_once: 8,
    runs_at_once: 2,
    candidate: process.env.CANDIDATE === "1",
    algorithm: {
      name: "hue", version: "1", summary: "The strongest colour of the picture", reads: ["video"], kinds: ["hue"],
      frames: { width: 16, height: 9, per_second: 2 },
      kind_specs: [{ kind: "hue", shown: { label: "Hue", hint: "The strongest colour of the picture", lane: "hue" } }],
      leaves: [{ name: "hue", shape: "LEAF_SHAPE_WORDS", example: "blue", shown: { label: "Hue", hint: "The strongest colour of the picture" } }],
      answers: [{ leaves: ["hue"], bare: true, by: "words", kind: "hue", field: "ANSWER_FIELD_LABEL" }],
    },
  }],
};

function strongest(pixels) {
  const sum = [0, 0, 0];
  for (let i = 0; i < pixels.length; i++) sum[i % 3] += pixels[i];
  const [most, next] = [...sum].sort((a, b) => b - a);
  return most - next < pixels.length ? "grey" : ["red", "green", "blue"][sum.indexOf(most)];
}

function annotate(call) {
  let begin, area, stretch, beat;
  const close = () => {
    clearInterval(beat);
    if (area !== undefined) fs.closeSync(area);
    area = undefined;
  };
  const fail = (e) => {
    close();
    call.emit("error", { code: grpc.status.INTERNAL, details: String(e.message ?? e) });
  };
  const write = (end) => call.write({ annotation: { kind: "hue", label: stretch.label, language: "en", confidence: 1, start: stretch.start, end } });
  const read = (frame) => {
    const size = frame.width * frame.height * 3;
    if (area === undefined) return frame.pixels;
    const pixels = Buffer.alloc(size);
    fs.readSync(area, pixels, 0, size, frame.slot * begin.area.slot_bytes);
    return pixels;
  };
  const look = (frame) => {
    const label = strongest(read(frame));
    if (stretch?.label === label) return;
    if (stretch) write(frame.start);
    stretch = { label, start: frame.start };
  };
  const take = (m) => {
    if (m.begin) {
      begin = m.begin;
      if (begin.area?.path) area = fs.openSync(begin.area.path, "r");
      beat = setInterval(() => call.write({ heartbeat: {} }), Math.max(begin.heartbeat_ms, 100) / 3);
    } else if (m.frames) {
      m.frames.frames.forEach(look);
      call.write({ release: { slots: m.frames.frames.map((f) => f.slot) } });
    } else if (m.end === "frames") {
      const { num, den } = begin.asset.video.rate;
      if (stretch) write(Math.round((begin.frames * FLICKS * den) / num));
      call.write({ done: {} });
      close();
      call.end();
    }
  };
  call.on("data", (m) => {
    try {
      take(m);
    } catch (e) {
      fail(e);
    }
  });
  call.on("cancelled", close);
  call.on("error", close);
}

const server = new grpc.Server({ "grpc.max_receive_message_length": 64 << 20 });
server.addService(cinedex.v1.AlgorithmWorkerService.service, {
  declare: (_, answer) => answer(null, declaration),
  annotate,
  encode: (_, answer) => answer({ code: grpc.status.UNIMPLEMENTED, details: "this worker has no space" }),
});
process.umask(0o177); // the socket is for its owner alone
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (e, port) => {
  if (e) throw e;
  console.log("ready", address.startsWith("unix:") ? address : address.replace(/:0$/, `:${port}`));
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
