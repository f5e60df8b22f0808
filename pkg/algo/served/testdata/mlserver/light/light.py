"""A model for MLServer (PyPI mlserver) that says how light pictures, windows of sound and lines are."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Light(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = payload.inputs[0]
        if given.datatype == "BYTES":
            lines = StringCodec.decode_input(given)
            mean = np.array([len(line) / 100 for line in lines])
        else:
            rows = NumpyCodec.decode_input(given)
            mean = np.abs(rows.astype(np.float64)).reshape(len(rows), -1).mean(axis=1)
        scores = np.stack([-50 * (mean - at) ** 2 for at in (0.1, 0.3, 0.6)], axis=1)
        vector = np.stack([mean, 1 - mean, np.full_like(mean, 0.5), mean**2], axis=1)
        outputs = {
            "scores": NumpyCodec.encode_output("scores", scores),
            "class": NumpyCodec.encode_output("class", scores.argmax(axis=1).astype(np.int64)),
            "vector": NumpyCodec.encode_output("vector", vector),
            "word": StringCodec.encode_output("word", [("dark", "dim", "bright")[i] for i in scores.argmax(axis=1)]),
        }
        wanted = [o.name for o in payload.outputs] if payload.outputs else list(outputs)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[outputs[name] for name in wanted])
