// An editor's day in the browsers of this machine. scripts/web-test runs it.
import { join } from "node:path";
import { defineConfig, type PlaywrightTestConfig } from "@playwright/test";
import { chromium, every, firefox, webkit } from "./browsers.ts";

const launchOptions = { executablePath: chromium(), args: ["--disable-gpu", "--autoplay-policy=no-user-gesture-required"] };
const projects: PlaywrightTestConfig["projects"] = [
  { name: "chromium", testIgnore: ["webkit.spec.ts", "goldens.spec.ts"], use: { browserName: "chromium", launchOptions } },
];
if (every) {
  // The letters of the goldens are those of fonts-dejavu-core on every machine.
  const env = { ...process.env, FONTCONFIG_FILE: join(import.meta.dirname, "goldens/fonts.conf") } as Record<string, string>;
  projects.push({ name: "goldens", testMatch: "goldens.spec.ts", use: { browserName: "chromium", launchOptions: { ...launchOptions, env } } });
}
if (firefox()) {
  projects.push({
    name: "firefox",
    grep: /@everywhere/,
    testIgnore: "webkit.spec.ts",
    use: {
      browserName: "firefox",
      channel: "moz-firefox", // the Firefox of the distribution, by WebDriver BiDi
      launchOptions: { executablePath: firefox() },
    },
  });
}
if (webkit()) projects.push({ name: "webkit", testMatch: "webkit.spec.ts" });
// A figure (TestFigurePage, TestFigureNewcomer) serves a library of its own, and measures in Chromium alone.
const figure = process.env["CINEDEX_WEB_FIGURE"];
if (figure) projects.splice(0, projects.length, { ...projects[0], testIgnore: [], testMatch: `${figure}.figure.ts` });

export default defineConfig({
  testDir: ".",
  outputDir: "../../.cinedex/web/results",
  globalSetup: "./setup.ts",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  timeout: 60_000,
  reporter: [["list"], ["json", { outputFile: "../../.cinedex/web/results.json" }]],
  snapshotPathTemplate: "goldens/{arg}{ext}",
  expect: { timeout: 20_000, toHaveScreenshot: { maxDiffPixelRatio: 0.001 } },
  use: { viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "UTC", actionTimeout: 20_000, screenshot: "only-on-failure" },
  projects,
});
