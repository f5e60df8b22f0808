// The clock of a film: which frame shows at a time, and when a frame starts. All times are whole flicks, so no rate is ever a decimal number.
// The rules are the ones of pkg/schema (Clock, Rate, FrameTable).

/** Flicks in a second. */
export const second = 705_600_000n;
const millisecond = second / 1000n;

/** A Clock numbers frames from 0. Frame 0 starts at time 0. For every frame n of the film, at(start(n)) is n. */
export interface Clock {
  readonly frames: bigint;
  /** start takes a frame below 0 as 0, and a frame past the last as the end of the film. */
  start(frame: bigint): bigint;
  /** at is -1 before the film, and frames at the end of the film and later. */
  at(time: bigint): bigint;
}

const clamp = (n: bigint, low: bigint, high: bigint): bigint => (n < low ? low : n > high ? high : n);
/** floor divides towards minus infinity; the divisor is above 0. */
const floor = (a: bigint, b: bigint): bigint => (a < 0n ? -((-a + b - 1n) / b) : a / b);

/** steady is the clock of an even rate of num/den frames a second. */
export function steady(num: number, den: number, frames: bigint): Clock {
  if (!Number.isInteger(num) || !Number.isInteger(den) || num <= 0 || den <= 0) throw new RangeError(`a rate of ${num}/${den} frames a second`);
  const n = BigInt(num);
  const length = second * BigInt(den); // of a frame, in flicks and times n
  return {
    frames,
    start: (frame) => (clamp(frame, 0n, frames) * length + n - 1n) / n,
    at: (time) => clamp(floor(time * n, length), -1n, frames),
  };
}

/** table is the clock of a variable rate, from the length of each frame. */
export function table(lengths: readonly bigint[]): Clock {
  const starts = new BigInt64Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) {
    if (length <= 0n) throw new RangeError(`frame ${i} lasts ${length} flicks`);
    starts[i + 1] = starts[i]! + length;
  }
  const frames = BigInt(lengths.length);
  return {
    frames,
    start: (frame) => starts[Number(clamp(frame, 0n, frames))]!,
    at: (time) => {
      let [low, high] = [0, starts.length]; // starts[low-1] <= time < starts[high]
      while (low < high) {
        const middle = (low + high) >> 1;
        if (starts[middle]! > time) high = middle;
        else low = middle + 1;
      }
      return BigInt(low - 1);
    },
  };
}

/** Track is the part of a video track that places frames. */
export type Track = { rate?: { num: number; den: number } | undefined; frames: bigint; variableRate: boolean; start: bigint };

/** clockOf is the clock of a video track; lengths are the lengths of the frames of a variable rate. */
export function clockOf(track: Track, lengths: readonly bigint[]): Clock {
  if (!track.variableRate) return steady(track.rate?.num ?? 0, track.rate?.den ?? 0, track.frames);
  if (BigInt(lengths.length) !== track.frames) throw new RangeError(`${lengths.length} lengths for ${track.frames} frames`);
  return table(lengths);
}

/** secondsOf is a time of the film in seconds, for showing and drawing. */
export const secondsOf = (time: bigint): number => Number(time) / Number(second);
/** flicksOf is the nearest time in flicks. */
export const flicksOf = (seconds: number): bigint => BigInt(Math.round(seconds * Number(second)));

/** seekTo is where a player seeks to for a frame, in seconds of the player's clock. Containers round the start of a frame to a millisecond, so the
 * place is inside the frame: the middle, but at most 20 ms behind the start. A second seek goes a quarter further, because Chromium leaves out a seek to the
 * place where the player stands. late is the start of frame 0 on the player's clock, in flicks. */
export function seekTo(clock: Clock, frame: bigint, late: bigint, again = false): number {
  const start = clock.start(frame);
  const half = (clock.start(frame + 1n) - start) / 2n;
  const into = half < 20n * millisecond ? half : 20n * millisecond;
  return secondsOf(late + start + (again ? (into * 5n) / 4n : into));
}

/** frameAt is the frame that a player shows at a time of the player's clock. A time up to a millisecond before a frame names the frame, as
 * containers round; where a frame is shorter than 4 ms, a quarter of the frame counts. */
export function frameAt(clock: Clock, seconds: number, late: bigint): bigint {
  const time = flicksOf(seconds) - late;
  const frame = clamp(clock.at(time), 0n, clock.frames > 0n ? clock.frames - 1n : 0n);
  const next = clock.start(frame + 1n);
  const quarter = (next - clock.start(frame)) / 4n;
  const near = quarter < millisecond ? quarter : millisecond;
  return frame + 1n < clock.frames && next - time <= near ? frame + 1n : frame;
}

/** spanOf is the frames of a time span, half-open: from the frame at the start to the frame at the last flick. An empty span gives one frame. */
export function spanOf(clock: Clock, start: bigint, end: bigint): [bigint, bigint] {
  const last = clock.frames > 0n ? clock.frames - 1n : 0n;
  const from = clamp(clock.at(start), 0n, last);
  const to = end > start ? clamp(clock.at(end - 1n) + 1n, 0n, clock.frames) : from + 1n;
  return [from, to > from ? to : from + 1n];
}
