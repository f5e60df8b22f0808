// An editor's day in the browsers of this machine. scripts/web-test runs it.
import { defineConfig, type PlaywrightTestConfig } from "@playwright/test";
import { chromium, firefox, webkit } from "./browsers.ts";

const projects: PlaywrightTestConfig["projects"] = [
  {
    name: "chromium",
    testIgnore: "webkit.spec.ts",
    use: {
      browserName: "chromium",
      launchOptions: {
        executablePath: chromium(),
        args: ["--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
      },
    },
  },
];
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
// TestFigurePage serves a large library, and measures in Chromium alone.
if (process.env["CINEDEX_WEB_URL"]) projects.splice(0, projects.length, { ...projects[0], testMatch: "page.figure.ts" });

export default defineConfig({
  testDir: ".",
  outputDir: "../../.cinedex/web/results",
  globalSetup: "./setup.ts",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  timeout: 60_000,
  reporter: [["list"], ["json", { outputFile: "../../.cinedex/web/results.json" }]],
  expect: { timeout: 20_000 },
  use: { viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "UTC", actionTimeout: 20_000, trace: "retain-on-failure", screenshot: "only-on-failure" },
  projects,
});
