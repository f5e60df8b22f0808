// The icons of the bench, drawn on a square of 24.
const paths = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  reverse: "M12 5v14L2 12zM22 5v14l-10-7z",
  forward: "M12 5v14l10-7zM2 5v14l10-7z",
  stepBack: "M16 4v16L5 12zM18 4h2v16h-2z",
  stepOn: "M8 4v16l11-8zM4 4h2v16H4z",
  previousEdge: "M20 5v14L9 12zM4 4h3v16H4z",
  nextEdge: "M4 5v14l11-7zM17 4h3v16h-3z",
  previousHit: "M14 3 5 12l9 9 2-2-7-7 7-7zM18 10h4v4h-4z",
  nextHit: "m10 3 9 9-9 9-2-2 7-7-7-7zM2 10h4v4H2z",
  in: "M15 3H7v18h8v-3h-5V6h5z",
  out: "M9 3h8v18H9v-3h5V6H9z",
  loop: "M7 7h10V4l5 5-5 5v-3H9v3H5V9a2 2 0 0 1 2-2zm10 10H7v3l-5-5 5-5v3h8v-3h4v5a2 2 0 0 1-2 2z",
  unmark: "m6 4 6 6 6-6 2 2-6 6 6 6-2 2-6-6-6 6-2-2 6-6-6-6z",
  copy: "M8 2h12v15h-3V5H8zM4 7h11v15H4z",
  full: "M3 3h7v3H6v4H3zm11 0h7v7h-3V6h-4zM3 14h3v4h4v3H3zm15 0h3v7h-7v-3h4z",
  close: "m6 4 6 6 6-6 2 2-6 6 6 6-2 2-6-6-6 6-2-2 6-6-6-6z",
  zoomIn: "M10 4h4v6h6v4h-6v6h-4v-6H4v-4h6z",
  zoomOut: "M4 10h16v4H4z",
  fit: "M2 4h3v16H2zM19 4h3v16h-3zM7 12l4-4v3h2V8l4 4-4 4v-3h-2v3z",
  bin: "M4 4h10v3H7v10h7v3H4zM16 8h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return <svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false"><path fill="currentColor" d={paths[name]} /></svg>;
}
