// The icons of lanes, drawn with lines on a square of 24: Lucide icons (lucide-static 1.62.0), with their licence in laneicon.LICENSE. The catalogue
// names the icon of a kind.
const paths = {
  speech: "M14 14a2 2 0 0 0 2-2V8h-2 M22 17a2 2 0 0 1-2 2H6.828a2 2 0 0 0-1.414.586l-2.202 2.202A.71.71 0 0 1 2 21.286V5a2 2 0 0 1 2-2h16a2 2 0 0 1 2 2z M8 14a2 2 0 0 0 2-2V8H8",
  shot: "M0 0m12.296 3.464 3.02 3.956 M20.2 6 3 11l-.9-2.4c-.3-1.1.3-2.2 1.3-2.5l13.5-4c1.1-.3 2.2.3 2.5 1.3z M3 11h18v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z M0 0m6.18 5.276 3.1 3.899",
  tag: "M12.586 2.586A2 2 0 0 0 11.172 2H4a2 2 0 0 0-2 2v7.172a2 2 0 0 0 .586 1.414l8.704 8.704a2.426 2.426 0 0 0 3.42 0l6.58-6.58a2.426 2.426 0 0 0 0-3.42z M7 7.5a.5 .5 0 1 0 1 0a.5 .5 0 1 0-1 0z",
  eye: "M2.062 12.348a1 1 0 0 1 0-.696 10.75 10.75 0 0 1 19.876 0 1 1 0 0 1 0 .696 10.75 10.75 0 0 1-19.876 0 M9 12a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
  picture: "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2h-14a2 2 0 0 1-2-2v-14a2 2 0 0 1 2-2z M7 9a2 2 0 1 0 4 0a2 2 0 1 0-4 0z M0 0m21 15-3.086-3.086a2 2 0 0 0-2.828 0L6 21",
  frame: "M22 6L2 6 M22 18L2 18 M6 2L6 22 M18 2L18 22",
  sound: "M2 10v3 M6 6v11 M10 3v18 M14 8v7 M18 5v13 M22 10v3",
  face: "M3 7V5a2 2 0 0 1 2-2h2 M17 3h2a2 2 0 0 1 2 2v2 M21 17v2a2 2 0 0 1-2 2h-2 M7 21H5a2 2 0 0 1-2-2v-2 M8 14s1.5 2 4 2 4-2 4-2 M9 9h.01 M15 9h.01",
  person: "M7 8a5 5 0 1 0 10 0a5 5 0 1 0-10 0z M20 21a8 8 0 0 0-16 0",
  text: "M3 7V5a2 2 0 0 1 2-2h2 M17 3h2a2 2 0 0 1 2 2v2 M21 17v2a2 2 0 0 1-2 2h-2 M7 21H5a2 2 0 0 1-2-2v-2 M7 8h8 M7 12h10 M7 16h6",
  plain: "M11 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0z M2 12a10 10 0 1 0 20 0a10 10 0 1 0-20 0z",
} as const;

/** LaneIcon draws the icon of a kind; an icon that the page does not know is plain. */
export function LaneIcon({ name }: { name: string }) {
  const known = name in paths ? (name as keyof typeof paths) : "plain";
  return (
    <svg class="lane-icon" data-icon={known} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[known]} />
    </svg>
  );
}
