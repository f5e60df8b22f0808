// Writes what face-api.js says of a photograph, as a golden file for package face.
//
//   ffmpeg -i PHOTO -f rawvideo -pix_fmt rgb24 photo.rgb
//   node pkg/model/testdata/face.mjs PACKAGE photo.rgb WIDTH HEIGHT pkg/model/face/testdata/golden.json
//
// PACKAGE is the unpacked npm package @vladmandic/face-api 1.7.15. The library runs on its processor back end.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [pkg, photo, width, height, golden] = process.argv.slice(2);
const copy = path.join(path.dirname(golden), 'face-api.mjs'); // the package declares no modules
fs.copyFileSync(path.join(pkg, 'dist/face-api.esm.js'), copy);
// The packaged build expects a browser.
globalThis.window = globalThis;
globalThis.document = {};
const faceapi = await import(pathToFileURL(path.resolve(copy)));
fs.rmSync(copy);
const tf = faceapi.tf;
await tf.setBackend('cpu');

async function load(net, name) {
  const manifest = JSON.parse(fs.readFileSync(path.join(pkg, 'model', `${name}-weights_manifest.json`)))[0];
  const bytes = fs.readFileSync(path.join(pkg, 'model', manifest.paths[0]));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  await net.loadFromWeightMap(tf.io.decodeWeights(buffer, manifest.weights));
}
const detector = faceapi.nets.tinyFaceDetector, points = faceapi.nets.faceLandmark68Net, recogniser = faceapi.nets.faceRecognitionNet;
await load(detector, 'tiny_face_detector_model');
await load(points, 'face_landmark_68_model');
await load(recogniser, 'face_recognition_model');

const image = tf.tensor3d(new Uint8Array(fs.readFileSync(photo)), [+height, +width, 3], 'int32');
const found = await detector.locateFaces(image, new faceapi.TinyFaceDetectorOptions({ inputSize: 416, scoreThreshold: 0.5 }));
const out = [];
for (const d of found) {
  const b = d.box.floor();
  const face = image.slice([b.y, b.x, 0], [b.height, b.width, 3]);
  const marks = await points.detectLandmarks(face);
  const r = marks.shiftBy(b.x, b.y).align(null, { useDlibAlignment: true }).clipAtImageBorders(+width, +height);
  const aligned = image.slice([r.y, r.x, 0], [r.height, r.width, 3]);
  const descriptor = await recogniser.computeFaceDescriptor(aligned);
  out.push({ score: d.score, box: [d.box.x, d.box.y, d.box.width, d.box.height], aligned: [r.x, r.y, r.width, r.height], vector: Array.from(descriptor) });
}
fs.writeFileSync(golden, JSON.stringify(out));
console.log(out.map((o) => [o.score, o.box, o.aligned, o.vector.slice(0, 3)]));
