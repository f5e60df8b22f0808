// Frames of a clip, from the frames that the server tells.
import type { Clip } from "../generated/cinedex/v1/bin_pb";

export const flicksOfSecond = 705_600_000n;

/** frameOf is the length of a frame of the clip's film in flicks; a hundredth of a second where the film has no frames. */
export function frameOf(c: Clip): bigint {
  const frames = c.endFrame - c.startFrame;
  return frames > 0n ? (c.end - c.start + frames / 2n) / frames : flicksOfSecond / 100n;
}

/** seconds are flicks as seconds. */
export const seconds = (flicks: bigint): number => Number(flicks) / Number(flicksOfSecond);

/** framesIn counts the frames of a length. */
export const framesIn = (c: Clip, flicks: bigint): number => Number(flicks / frameOf(c));

export const colours = ["", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white"] as const;
