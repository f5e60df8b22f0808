// Package served makes algorithms of models that a server of the Open Inference Protocol v2 already serves: KServe, Triton, MLServer. A [Manifest] in
// YAML says where the model is, which part of a film goes in, and which annotations and embeddings come out. No code is written.
//
// The protocol is JSON over HTTP (github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md): POST
// v2/models/NAME[/versions/VERSION]/infer with the input tensors, answered by the output tensors.
//
// # Contract
//
//   - An algorithm of this package keeps the contract of package algo as far as the server does: equal tensors must get equal answers.
//   - The manifest is part of the identity of a run: a changed manifest makes other runs, under the same version or not.
//   - A server that does not answer, or answers 502, 503 or 504, is Unavailable, and 429 is Exhausted: the run is executed again later. A request that
//     the server refuses (400, 413, 422) is Invalid, 404 is NotFound, and 401 and 403 are Denied: the run has failed. Another answer, and a tensor that does not fit the
//     manifest, is Internal: the run is executed again a few times.
//   - The tensors of an answer are bounded, and so is the memory of a run: a batch of frames, and the answers for the frames of a shot.
package served
