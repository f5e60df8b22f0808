// The browsers of this machine: nothing is downloaded. CINEDEX_CHROMIUM and the like name a program elsewhere.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

function program(...names: string[]): string | undefined {
  for (const name of names) {
    const named = process.env[`CINEDEX_${name.toUpperCase().replaceAll("-", "_")}`];
    if (named) return named;
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not here
      }
    }
  }
  return undefined;
}

export function chromium(): string {
  const path = program("chromium", "chromium-browser", "google-chrome");
  if (!path) throw new Error("no Chromium on this machine: run scripts/system-packages");
  return path;
}

/** every says that the tests run in every browser of the machine, not in Chromium alone. */
export const every = process.env["CINEDEX_BROWSERS"] === "all";

/** Firefox, where asked for. */
export const firefox = (): string | undefined => (every ? program("firefox-esr", "firefox") : undefined);

/** WebKitGTK's driver with a display for it, where asked for. */
export const webkit = (): { driver: string; display: string } | undefined => {
  if (!every) return undefined;
  const driver = program("WebKitWebDriver");
  const display = program("Xvfb");
  return driver && display ? { driver, display } : undefined;
};
