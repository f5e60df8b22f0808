// Package clip runs models that put pictures and words into one space: OpenAI's CLIP, and models of the same shape (SigLIP, MobileCLIP, OpenCLIP) as
// two ONNX graphs with a manifest.
//
// The contract:
//
//   - [Model.Picture] and [Model.Words] return vectors of length 1 of the manifest's dimension. The cosine of two vectors tells how well words fit a
//     picture, or how alike two pictures are.
//   - Pictures are prepared as Pillow and torchvision do: resized, the middle taken or squeezed, and normalised. For equal pixels, the input of the
//     graph is equal to Python's.
//   - [Published] are OpenAI's models. The files are artefacts of the cache: `cinedex models fetch clip` fetches and converts the checkpoint.
//   - [OpenFolder] opens a folder of somebody's own model. A wrong manifest is an error of kind Invalid that names the field.
//   - A [Model] is safe for concurrent use.
package clip
