// Measures the page over a large library: TestFigurePage of services/search-api/gateway serves the library and reports the figures.
import { writeFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { answered, box, enter, expect, hits, path, shared, test } from "./day.ts";

test.describe.configure({ timeout: 540_000 });

const measures = { browser: "", firstPaint: [] as number[], scriptBytes: 0, suggestions: [] as number[], without: 0, grid: [] as number[], hits: 0, frames: 0, dropped: 0 };

/** Milliseconds between two keys of a quick typist. */
const betweenKeys = 120;

/** until measures, in the page, from an event of the box (a key, or a change of the words) to the frame in which the page is ready. */
async function until(page: Page, act: () => Promise<void>, event: "keydown" | "input", ready: string): Promise<number> {
  await page.evaluate(
    ([event, ready]) => {
      const w = window as unknown as { measured?: Promise<number> };
      const is = new Function("return " + ready) as () => boolean;
      if (is()) throw new Error(`the page is ready before the ${event}: ${ready}`);
      w.measured = new Promise((done) => {
        addEventListener(
          event!,
          (e) => {
            const began = e.timeStamp;
            setTimeout(() => done(10_000), 10_000); // no answer counts as ten seconds
            const look = () => {
              if (!is()) return;
              changes.disconnect();
              requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))); // the frame is painted
            };
            const changes = new MutationObserver(look);
            changes.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
          },
          { capture: true, once: true },
        );
      });
    },
    [event, ready],
  );
  await act();
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

  // A key → the suggestions for the words with the key. The search of the page runs beside, as for every typist.
  for (let n = 0; n < 20; n++) {
    await box(page).fill("");
    const words = `zulu${n % 10}`;
    for (let i = 0; i < words.length; i++) {
      const ready = `document.querySelector("#suggestions").dataset.typed === ${JSON.stringify(words.slice(0, i + 1))}`;
      measures.suggestions.push(await until(page, () => page.keyboard.press(words[i]!), "keydown", ready));
      // Each beginning of two letters or more is in the library, and has suggestions. A part of the answer that is late is left out. A single
      // letter is not completed.
      if (i > 0 && (await page.locator("#suggestions [role=option]").count()) === 0) measures.without++;
      await page.waitForTimeout(betweenKeys);
    }
  }

  // The whole question, and Enter behind it → the grid of the answer.
  for (let n = 0; n < 60; n++) {
    const question = n % 3 === 0 ? `zulu${n % 10} kilo${(n * 7) % 10}` : n % 3 === 1 ? `dialogue.words:kilo${n % 10} AND dialogue.words:zulu${(n * 3) % 10}` : `label:tango${n}`;
    await page.goto(`${shared().url}${path}`);
    await expect(box(page)).toBeVisible();
    await box(page).focus();
    const typed = async () => {
      await page.keyboard.insertText(question);
      await page.keyboard.press("Enter");
    };
    const took = await until(page, typed, "input", `document.querySelectorAll("#hits .hit:not(.waits)").length > 0 && document.querySelector("#hits").ariaBusy !== "true"`);
    if (n > 5) measures.grid.push(took); // the first questions fill the caches of the engine
  }

  // Scrolling: frames that came later than the screen shows the next.
  await page.goto(`${shared().url}${path}?q=${encodeURIComponent("zulu1")}`);
  await expect(hits(page).first()).toBeVisible();
  await answered(page);
  await expect(page.locator(".facets")).toBeVisible(); // the exact count comes with the facets
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
