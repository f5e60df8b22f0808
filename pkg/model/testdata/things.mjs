// Writes what the graph of human's detector of things says of a photograph, as a golden file for package centernet.
//
//   npm install @tensorflow/tfjs@4.22.0
//   ffmpeg -i PHOTO -f rawvideo -pix_fmt rgb24 photo.rgb
//   node pkg/model/testdata/things.mjs PACKAGE photo.rgb WIDTH HEIGHT pkg/model/centernet/testdata/NAME.json
//
// PACKAGE is the unpacked npm package @vladmandic/human 3.3.6. The graph runs on the processor back end of TensorFlow.js, in the folder of the install.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
const tf = createRequire(path.resolve('package.json'))('@tensorflow/tfjs');

const [pkg, photo, width, height, golden] = process.argv.slice(2);
await tf.setBackend('cpu');
const file = JSON.parse(fs.readFileSync(path.join(pkg, 'models/centernet.json')));
const bytes = fs.readFileSync(path.join(pkg, 'models/centernet.bin'));
const model = await tf.loadGraphModel(tf.io.fromMemory({
  modelTopology: file.modelTopology, format: file.format, generatedBy: file.generatedBy, convertedBy: file.convertedBy, signature: file.signature,
  weightSpecs: file.weightsManifest.flatMap((g) => g.weights), weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
}));
const image = tf.tensor4d(new Uint8Array(fs.readFileSync(photo)), [1, +height, +width, 3], 'float32');
const found = model.execute(tf.image.resizeBilinear(image, [512, 512]), ['tower_0/detections']);
// Of each thing: left, top, right, bottom in points of the square, score, class.
const out = (await found.array())[0].filter((d) => d[4] >= 0.2);
fs.writeFileSync(golden, JSON.stringify(out));
console.log(out);
