// A part of the picture as a question: shots like the frame that shows, or like a part of the frame.
import { film, frame, label } from "./film";
import { go } from "../url";

/** A Part is a rectangle in shares of the picture. */
export type Part = { x: number; y: number; w: number; h: number };

/** The parts that are chosen without drawing. */
export const parts = {
  whole: { x: 0, y: 0, w: 1, h: 1 },
  left: { x: 0, y: 0, w: 0.5, h: 1 },
  right: { x: 0.5, y: 0, w: 0.5, h: 1 },
  top: { x: 0, y: 0, w: 1, h: 0.5 },
  bottom: { x: 0, y: 0.5, w: 1, h: 0.5 },
  middle: { x: 0.25, y: 0.25, w: 0.5, h: 0.5 },
} as const satisfies Record<string, Part>;

/** shown is the rectangle of the picture inside the element: bars stand around a picture of another shape. */
export function shown(box: { width: number; height: number }, picture: { width: number; height: number }): { left: number; top: number; width: number; height: number } {
  const k = Math.min(box.width / picture.width, box.height / picture.height);
  const [width, height] = [picture.width * k, picture.height * k];
  return { left: (box.width - width) / 2, top: (box.height - height) / 2, width, height };
}

/** between is the part between two points of the element. */
export function between(a: { x: number; y: number }, b: { x: number; y: number }, box: { width: number; height: number }, picture: { width: number; height: number }): Part {
  const at = shown(box, picture);
  const share = (v: number, from: number, size: number) => Math.min(Math.max((v - from) / size, 0), 1);
  const xs = [a.x, b.x].map((v) => share(v, at.left, at.width)).sort((p, q) => p - q) as [number, number];
  const ys = [a.y, b.y].map((v) => share(v, at.top, at.height)).sort((p, q) => p - q) as [number, number];
  return { x: xs[0], y: ys[0], w: xs[1] - xs[0], h: ys[1] - ys[0] };
}

const number = (v: number): string => String(Math.round(v * 1e4) / 1e4);

/** lineOf is the query for shots like a part of a frame. */
export function lineOf(asset: string, timecode: string, p: Part): string {
  const whole = p.w >= 0.99 && p.h >= 0.99;
  const w = Math.min(p.w, 1 - Math.round(p.x * 1e4) / 1e4);
  const h = Math.min(p.h, 1 - Math.round(p.y * 1e4) / 1e4);
  return `frame${whole ? "" : `[crop ${[p.x, p.y, w, h].map(number).join(",")}]`}:"${asset}@${timecode}"`;
}

/** ask asks for shots like a part of the frame that shows. */
export function ask(p: Part): void {
  const f = film.peek();
  if (f) go({ view: "search", q: lineOf(f.asset.id, label(frame.peek()), p) });
}
