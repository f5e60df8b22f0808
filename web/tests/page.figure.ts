// Measures the page over a large library: TestFigurePage of services/search-api/gateway serves the library and reports the figures.
import { writeFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { answered, box, enter, expect, hits, path, shared, test } from "./day.ts";

test.describe.configure({ timeout: 540_000 });

const measures = { browser: "", firstPaint: [] as number[], scriptBytes: 0, suggestions: [] as number[], grid: [] as number[], hits: 0, frames: 0, dropped: 0 };

/** until measures, in the page, from the next key that is pressed to the frame in which a change is shown. */
async function until(page: Page, key: string, selector: string, ready: string): Promise<number> {
  await page.evaluate(
    ([selector, ready]) => {
      const w = window as unknown as { measured?: Promise<number> };
      const is = new Function("return " + ready) as () => boolean;
      w.measured = new Promise((done) => {
        addEventListener(
          "keydown",
          (e) => {
            const began = e.timeStamp;
            const seen = new MutationObserver(() => {
              if (!is()) return;
              seen.disconnect();
              requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
            });
            seen.observe(document.querySelector(selector!)!, { childList: true, subtree: true, characterData: true, attributes: true });
          },
          { capture: true, once: true },
        );
      });
    },
    [selector, ready],
  );
  await page.keyboard.press(key);
  return page.evaluate(() => (window as unknown as { measured: Promise<number> }).measured);
}

test("the page over a large library", async ({ page, browser }) => {
  measures.browser = `Chromium ${browser.version()}`;
  const scripts = new Map<string, Buffer>();
  page.on("response", (r) => {
    if (r.url().endsWith(".js")) void r.body().then((b) => scripts.set(r.url(), b), () => undefined);
  });
  await enter(page);
  for (let i = 0; i < 12; i++) {
    await page.goto(`${shared().url}${path}`);
    await expect(box(page)).toBeVisible();
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]!.startTime);
    if (i > 1) measures.firstPaint.push(paint); // the first visits fill the caches of server and browser
  }
  measures.scriptBytes = [...scripts.values()].reduce((sum, b) => sum + brotliCompressSync(b).length, 0);

  // A key → the suggestions for the words with the key.
  for (let n = 0; n < 20; n++) {
    await box(page).fill("");
    for (const key of ["z", "u", "l", "u", String(n % 10)].slice(0, 5)) {
      measures.suggestions.push(await until(page, key, "#suggestions", "document.querySelectorAll('#suggestions [role=option]').length > 0"));
    }
  }

  // Enter → the grid of the answer.
  for (let n = 0; n < 60; n++) {
    const question = n % 3 === 0 ? `zulu${n % 10} kilo${(n * 7) % 10}` : n % 3 === 1 ? `dialogue.words:kilo${n % 10} AND dialogue.words:zulu${(n * 3) % 10}` : `label:tango${n}`;
    await page.goto(`${shared().url}${path}`);
    await expect(box(page)).toBeVisible();
    await box(page).fill(question);
    const took = await until(page, "Enter", "#hits", "document.querySelectorAll('#hits .hit:not(.waits)').length > 0 && document.querySelector('#hits').ariaBusy !== 'true'");
    if (n > 5) measures.grid.push(took); // the first questions fill the caches of the engine
  }

  // Scrolling: frames that came later than the screen shows the next.
  await page.goto(`${shared().url}${path}?q=${encodeURIComponent("dialogue.words:zulu1")}`);
  await expect(hits(page).first()).toBeVisible();
  await answered(page);
  measures.hits = Number(await page.locator("[aria-setsize]").first().getAttribute("aria-setsize"));
  await page.mouse.move(600, 500);
  const scrolled = page.evaluate(
    () =>
      new Promise<{ frames: number; dropped: number }>((done) => {
        const began = performance.now();
        let before = began;
        let frames = 0;
        let dropped = 0;
        const each = 1000 / 60;
        const frame = (now: number) => {
          const late = Math.round((now - before) / each) - 1;
          if (frames > 0 && late > 0) dropped += late;
          frames += 1 + Math.max(late, 0);
          before = now;
          // A fling through the list: 40 pixels a frame, and a leap to another place once a second.
          scrollBy(0, frames % 60 === 0 ? document.documentElement.scrollHeight / 12 : 40);
          if (now - began < 10_000) requestAnimationFrame(frame);
          else done({ frames, dropped });
        };
        requestAnimationFrame(frame);
      }),
  );
  Object.assign(measures, await scrolled);
  writeFileSync(process.env["CINEDEX_WEB_FIGURES"]!, JSON.stringify(measures));
});
