import assert from "node:assert/strict";
import { test } from "node:test";
import { frameOf, labelOf, scaleOf } from "./timecode";

const day = 30n * 86_400n;

test("labels of drop frame skip two labels a minute, but not each tenth", () => {
  const s = scaleOf(30000, 1001, true, "");
  for (const [frame, label] of [
    [0n, "00:00:00;00"], [1799n, "00:00:59;29"], [1800n, "00:01:00;02"], [17_981n, "00:09:59;29"], [17_982n, "00:10:00;00"],
    [107_892n, "01:00:00;00"], [2_589_407n, "23:59:59;29"], [2_589_408n, "00:00:00;00"],
  ] as const) {
    assert.equal(labelOf(s, frame), label);
    if (frame < 2_589_408n) assert.equal(frameOf(s, label, day), frame);
  }
  assert.equal(frameOf(s, "00:01:00;00", day), undefined, "a label that is left out");
  assert.equal(frameOf(s, "00:01:00:02", day), 1800n, "people type colons");
});

test("labels count from the label of frame 0, over midnight", () => {
  const s = scaleOf(25, 1, false, "23:59:59:00");
  assert.equal(labelOf(s, 24n), "23:59:59:24");
  assert.equal(labelOf(s, 25n), "00:00:00:00");
  assert.equal(frameOf(s, "00:00:00:10", 100n), 35n);
  assert.equal(frameOf(s, "10:00:00:00", 100n), undefined);
  assert.equal(frameOf(s, "10:00:00:25", 100n), undefined);
  assert.equal(frameOf(s, "nonsense", 100n), undefined);
});

test("labels of every frame lead back to the frame", () => {
  for (const s of [scaleOf(24000, 1001, false, "01:00:00:00"), scaleOf(60000, 1001, true, "00:59:58;00"), scaleOf(120, 1, false, "")]) {
    for (let n = 0n; n < 200_000n; n += 61n) assert.equal(frameOf(s, labelOf(s, n), 300_000n), n);
  }
  assert.equal(labelOf(scaleOf(120, 1, false, ""), 119n), "00:00:00:119");
  assert.equal(labelOf(scaleOf(60000, 1001, true, "02:00:00;40"), 30n), "02:00:01;10");
});
