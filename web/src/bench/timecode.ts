// SMPTE timecode: labels that count the frames of a film from the label of frame 0. The rules are the ones of pkg/schema (TimecodeScale).

export type Scale = {
  /** Labels in a second. */
  fps: bigint;
  drop: boolean;
  /** The number of the label of frame 0, counted from 00:00:00:00. */
  start: bigint;
};

const form = /^(\d\d)[:;](\d\d)[:;](\d\d)([:;.])(\d{2,5})$/;

/** scaleOf is the scale of a rate whose frame 0 has the label first. */
export function scaleOf(num: number, den: number, dropFrame: boolean, first: string): Scale {
  const fps = BigInt(Math.max(1, Math.floor((2 * num + den) / (2 * den))));
  const scale: Scale = { fps, drop: dropFrame || /[;.]\d+$/.test(first), start: 0n };
  return first ? { ...scale, start: numberOf(scale, first) ?? 0n } : scale;
}

const dropped = (s: Scale): bigint => (s.drop ? s.fps / 15n : 0n);
const day = (s: Scale): bigint => 86_400n * s.fps - 1_296n * dropped(s);

/** numberOf counts the labels from 00:00:00:00 to a label; undefined for words that are no label, and for a label that drop frame leaves out. */
function numberOf(s: Scale, label: string): bigint | undefined {
  const m = form.exec(label);
  if (!m) return undefined;
  const [h, min, sec, frame] = [m[1]!, m[2]!, m[3]!, m[5]!].map(BigInt) as [bigint, bigint, bigint, bigint];
  const d = dropped(s);
  if (h > 23n || min > 59n || sec > 59n || frame >= s.fps || (sec === 0n && frame < d && min % 10n !== 0n)) return undefined;
  const minutes = h * 60n + min;
  return (minutes * 60n + sec) * s.fps + frame - d * (minutes - minutes / 10n);
}

/** labelOf is the label of a frame. Labels begin again after 24 hours. */
export function labelOf(s: Scale, frame: bigint): string {
  let n = (((frame + s.start) % day(s)) + day(s)) % day(s);
  const d = dropped(s);
  if (d > 0n) {
    const tenMinutes = 600n * s.fps - 9n * d;
    const minute = 60n * s.fps - d;
    const within = n % tenMinutes;
    n += 9n * d * (n / tenMinutes);
    if (within >= 60n * s.fps) n += d * ((within - 60n * s.fps) / minute + 1n);
  }
  const seconds = n / s.fps;
  const two = (x: bigint) => String(x).padStart(2, "0");
  const width = Math.max(2, String(s.fps - 1n).length);
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${s.drop ? ";" : ":"}${String(n % s.fps).padStart(width, "0")}`;
}

/** frameOf is the frame with a label; undefined where no frame has the label. A colon is read for drop frame, too. */
export function frameOf(s: Scale, label: string, frames: bigint): bigint | undefined {
  const n = numberOf(s, label.trim());
  if (n === undefined) return undefined;
  const frame = (((n - s.start) % day(s)) + day(s)) % day(s);
  return frame < frames ? frame : undefined;
}
