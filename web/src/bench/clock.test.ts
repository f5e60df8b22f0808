import assert from "node:assert/strict";
import { test } from "node:test";
import { clockOf, flicksOf, frameAt, secondsOf, second, seekTo, spanOf, steady, table, type Clock } from "./clock";

const rates: [number, number][] = [[24000, 1001], [24, 1], [25, 1], [30000, 1001], [30, 1], [48, 1], [50, 1], [60000, 1001], [120, 1], [25, 2], [19001, 317]];
const hours = 3n * 3600n * 120n;

test("each frame of a rate is found by the start, and by the last flick", () => {
  for (const [num, den] of rates) {
    const c = steady(num, den, hours);
    for (const n of [0n, 1n, 2n, 999n, 1000n, 1001n, 17982n, 86_399n, 107_892n, hours - 1n]) {
      assert.equal(c.at(c.start(n)), n, `${num}/${den}: the start of ${n}`);
      assert.equal(c.at(c.start(n + 1n) - 1n), n, `${num}/${den}: the last flick of ${n}`);
    }
    assert.equal(c.at(-1n), -1n);
    assert.equal(c.at(c.start(hours)), hours);
    assert.equal(c.start(hours + 5n), c.start(hours));
  }
});

test("a rate of 23.976 is exact over hours", () => {
  const c = steady(24000, 1001, 1_000_000n);
  assert.equal(c.start(86_400n), 3603n * second + (second * 6n) / 10n); // an hour of labels lasts 3603.6 s
});

test("a table finds each frame", () => {
  const lengths = Array.from({ length: 5000 }, (_, i) => BigInt(23_520_000 + ((i * 7919) % 13) * 1_000_001));
  const c = table(lengths);
  assert.equal(c.frames, 5000n);
  for (let n = 0n; n < 5000n; n++) {
    assert.equal(c.at(c.start(n)), n);
    assert.equal(c.at(c.start(n + 1n) - 1n), n);
  }
  assert.equal(c.at(-1n), -1n);
  assert.throws(() => table([1n, 0n]), /frame 1 lasts 0/);
  assert.throws(() => clockOf({ variableRate: true, frames: 3n, start: 0n }, [1n, 1n]), /2 lengths for 3 frames/);
  assert.throws(() => steady(0, 1, 1n), RangeError);
});

const clocks = (): Clock[] => [...rates.map(([n, d]) => steady(n, d, 1_000_000n)), table(Array.from({ length: 4000 }, (_, i) => (i % 97 ? 29_400_000n : 7n * second)))];

test("the place that a player seeks to is inside the frame, by two ways of rounding", () => {
  for (const c of clocks()) {
    for (const late of [0n, 51_450_000n, second]) {
      for (let n = 0n; n < c.frames; n += 997n) {
        const [at, again] = [seekTo(c, n, late), seekTo(c, n, late, true)];
        assert.ok(again > at);
        for (const place of [at, again]) {
          assert.equal(frameAt(c, place, late), n);
          assert.equal(frameAt(c, Math.round(place * 1e6) / 1e6, late), n, "in microseconds");
        }
      }
    }
  }
});

test("the time of a shown frame names the frame, rounded to a millisecond or a microsecond", () => {
  for (const c of clocks()) {
    for (let n = 0n; n < c.frames; n += 991n) {
      const start = secondsOf(c.start(n));
      for (const round of [1e3, 1e6, 1e9]) assert.equal(frameAt(c, Math.round(start * round) / round, 0n), n, `frame ${n} at ${start}`);
    }
  }
});

test("frames of a span", () => {
  const c = steady(25, 1, 100n);
  const f = second / 25n;
  assert.deepEqual(spanOf(c, 0n, f), [0n, 1n]);
  assert.deepEqual(spanOf(c, f - 1n, f + 1n), [0n, 2n]);
  assert.deepEqual(spanOf(c, 3n * f, 3n * f), [3n, 4n]);
  assert.deepEqual(spanOf(c, 99n * f, 400n * f), [99n, 100n]);
  assert.equal(flicksOf(secondsOf(123_456_789_012_345n)), 123_456_789_012_345n);
});
