// Dark, light, or as the system says.
import { signal } from "@preact/signals";

export const themes = ["system", "dark", "light"] as const;
export type Theme = (typeof themes)[number];

const kept = "cinedex.theme";
export const theme = signal<Theme>("system");

/** wear changes the theme, and keeps the choice for the next visit. */
export function wear(t: Theme): void {
  theme.value = t;
  if (t === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = t;
  localStorage.setItem(kept, t);
}

const before = localStorage.getItem(kept) as Theme | null;
if (before && themes.includes(before)) wear(before);
