// The bench: the film under the keys of editing programs, marks, edges, lanes, lines, and a film that the browser does not play.
import type { Page } from "@playwright/test";
import { answered, ask, chips, clean, enter, expect, fits, hits, shared, status, test } from "./day.ts";

const assets = new Map<string, string>();

/** open puts a film of the fixture on the bench, at a frame: ten lines and shots of 100 frames each, 25 frames a second, from 01:00:00:00. */
async function open(page: Page, frame = 0, query = "", film = "the-lighthouse", caller = "editor"): Promise<void> {
  if (!assets.has(film)) {
    const answer = await page.request.post(`${shared().url}/cinedex.v1.SearchService/ListTitles`, { data: {}, headers: { Authorization: "Bearer editor-of-the-tests" } });
    for (const t of ((await answer.json()) as { titles: { title: { id: string }; assets: { id: string }[] }[] }).titles) assets.set(t.title.id, t.assets[0]!.id);
  }
  await enter(page, `?q=${encodeURIComponent(query)}&asset=${assets.get(film)!}&frame=${frame}`, caller);
  if (film === "the-lighthouse") await stands(page, frame);
  // The lanes and the lines have come.
  if (film === "the-lighthouse") await expect(page.locator(".transcript li").first()).toBeVisible();
}

/** stands expects the film to stand at a frame, as the page tells the frame and as the player has arrived. */
async function stands(page: Page, frame: number): Promise<void> {
  await expect(page.locator(".frame-number")).toHaveText(new RegExp(`(^|\\D)${frame}(\\D|$)`)); // in any language
  await expect(page.locator(".screen video")).toHaveAttribute("data-frame", String(frame));
}

const frameNow = async (page: Page): Promise<number> => Number((await page.locator(".frame-number").textContent())!.replace(/\D/g, ""));
const rate = (page: Page): Promise<number> => page.locator(".screen video").evaluate((v: HTMLVideoElement) => (v.paused ? 0 : v.playbackRate));
const marks = (page: Page) => page.locator(".marks");
const position = (page: Page) => page.getByRole("slider", { name: "Position in the film" });

test("J, K and L play, commas and points go by frames @everywhere", async ({ page }) => {
  await open(page, 300);
  await page.keyboard.press("l");
  await expect.poll(() => rate(page)).toBe(1);
  await expect.poll(() => frameNow(page)).toBeGreaterThan(303);
  await page.keyboard.press("l");
  await expect.poll(() => rate(page)).toBe(2);
  await page.keyboard.press("k");
  await expect.poll(() => rate(page)).toBe(0);
  let at = await frameNow(page);
  await stands(page, at);
  await page.keyboard.press("j");
  await expect.poll(() => frameNow(page)).toBeLessThan(at - 3);
  await page.keyboard.press("k");
  at = await frameNow(page);
  await stands(page, at);
  for (const [key, by] of [[".", 1], [".", 1], [",", -1], [">", 10], ["<", -10], [",", -1]] as const) {
    await page.keyboard.press(key);
    await stands(page, (at += by));
  }
  await position(page).focus();
  await page.keyboard.press("End");
  await stands(page, 999);
  await page.keyboard.press(".");
  await stands(page, 999);
  await page.keyboard.press("Home");
  await stands(page, 0);
});

test("a range is marked, looped and cleared, and marks snap to lines and shots", async ({ page }) => {
  await open(page, 100);
  await page.keyboard.press("i");
  await page.keyboard.press(">");
  await page.keyboard.press("o");
  await expect(marks(page)).toHaveText("In 01:00:04:00, out 01:00:04:11, 11 frames"); // the out mark is behind the frame
  await page.keyboard.press("I");
  await stands(page, 100);
  await page.keyboard.press("O");
  await stands(page, 110);
  await page.keyboard.press("I");
  await page.keyboard.press("r");
  await page.keyboard.press(" ");
  const seen: number[] = [];
  await expect.poll(async () => {
    seen.push(await frameNow(page));
    return seen.some((n, i) => i > 0 && n < seen[i - 1]!);
  }).toBe(true); // the film went back to the in mark
  await page.keyboard.press(" ");
  await expect.poll(() => rate(page)).toBe(0);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(100);
  expect(Math.max(...seen)).toBeLessThanOrEqual(111);
  await page.keyboard.press("r");
  await page.keyboard.press("x");
  await expect(marks(page)).toHaveText("No range is marked");

  await position(page).focus();
  await page.keyboard.press("Home");
  for (let i = 0; i < 10; i++) await page.keyboard.press("PageUp"); // ten seconds
  await stands(page, 250);
  const bench = page.getByRole("region", { name: "Bench" });
  const snap = page.getByRole("combobox", { name: "Marks snap to" });
  await snap.selectOption("cue");
  await bench.focus();
  await page.keyboard.press("i");
  await page.keyboard.press("o");
  await expect(marks(page)).toHaveText("In 01:00:08:05, out 01:00:11:20, 90 frames");
  await page.keyboard.press("]");
  await stands(page, 305);
  await page.keyboard.press("d");
  await expect(marks(page)).toHaveText("In 01:00:12:05, out 01:00:15:20, 90 frames");
  await snap.selectOption("shot");
  await bench.focus();
  await page.keyboard.press("[");
  await stands(page, 300);
  await page.keyboard.press("i");
  await page.keyboard.press("o");
  await expect(marks(page)).toHaveText("In 01:00:12:00, out 01:00:16:00, 100 frames");
  await page.keyboard.press("x");
  await page.keyboard.press("]");
  await stands(page, 400);
  await page.keyboard.press("s");
  await expect(marks(page)).toHaveText("In 01:00:16:00, out 01:00:20:00, 100 frames");
});

test("N and P go from match to match, and lanes are walked by the arrow keys", async ({ page }) => {
  await open(page, 0, 'dialogue.words:"captain"');
  const lane = (key: string) => page.locator(`[data-lane="${key}"]`);
  await expect(lane("hits").getByRole("button")).toHaveCount(2);
  for (const [key, frame] of [["n", 205], ["n", 905], ["n", 905], ["p", 205], ["p", 205]] as const) {
    await page.keyboard.press(key);
    await stands(page, frame);
  }
  await page.keyboard.press("0"); // the whole film
  await expect(lane("shots").getByRole("button")).toHaveCount(10);
  await expect(lane("characters").getByRole("button")).toHaveCount(10);
  await lane("shots").getByRole("button").first().focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await stands(page, 200);
  await page.keyboard.press("m");
  await expect(marks(page)).toHaveText("In 01:00:08:00, out 01:00:12:00, 100 frames");
});

test("the frame, a chosen part and a drawn part of the frame become the question", async ({ page }) => {
  await open(page, 250);
  const q = () => new URL(page.url()).searchParams.get("q");
  const fine = async () => {
    await answered(page);
    await expect(status(page)).not.toHaveClass(/bad/);
    await expect(hits(page).first()).toBeVisible();
  };
  await page.keyboard.press("v");
  await expect.poll(q).toBe(`frame:"${assets.get("the-lighthouse")!}@01:00:10:00"`);
  await expect(chips(page)).toHaveText([/like the frame.*The Lighthouse/]);
  await fine();
  await page.getByRole("combobox", { name: "Shots like this" }).selectOption({ label: "The left half" });
  await expect.poll(q).toBe(`frame[crop 0,0,0.5,1]:"${assets.get("the-lighthouse")!}@01:00:10:00"`);
  await fine();
  const picture = (await page.locator(".screen video").boundingBox())!;
  const at = (x: number, y: number): [number, number] => [picture.x + x * picture.width, picture.y + y * picture.height];
  await page.mouse.move(...at(0.25, 0.25));
  await page.mouse.down();
  await page.mouse.move(...at(0.4, 0.4));
  await expect(page.locator(".draw i")).toBeVisible();
  await page.mouse.move(...at(0.5, 0.6));
  await page.mouse.up();
  await expect.poll(q).toMatch(/^frame\[crop 0\.2/);
  const crop = /\[crop ([\d.,]+)\]/.exec(q()!)![1]!.split(",").map(Number);
  for (const [i, want] of [0.25, 0.25, 0.25, 0.35].entries()) expect(Math.abs(crop[i]! - want)).toBeLessThan(0.02);
  await fine();
});

test("the speed is chosen, F fills the screen, and a refusal of the full screen is told", async ({ page }) => {
  await open(page, 0);
  const speed = page.getByRole("combobox", { name: "Speed" });
  await speed.selectOption("0.5");
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(() => rate(page)).toBe(0.5);
  await speed.selectOption("4");
  await expect.poll(() => rate(page)).toBe(4);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect.poll(() => rate(page)).toBe(0);
  const at = await frameNow(page);
  await stands(page, at);
  await page.getByRole("region", { name: "Bench" }).focus();
  await page.keyboard.press("f");
  await expect.poll(() => page.evaluate(() => document.fullscreenElement?.className)).toBe("bench");
  await page.keyboard.press(".");
  await stands(page, at + 1);
  await page.keyboard.press("f");
  await expect.poll(() => page.evaluate(() => document.fullscreenElement)).toBe(null);
  await page.evaluate(() => void (Element.prototype.requestFullscreen = () => Promise.reject(new TypeError("not allowed"))));
  await page.keyboard.press("f");
  await expect(page.getByText("does not allow full screen")).toBeVisible();
});

test("the transcript leads to the film, and lines stand on the picture in the chosen language @everywhere", async ({ page }) => {
  await open(page, 0);
  const lines = page.getByRole("region", { name: "Transcript" }).getByRole("listitem");
  await expect(lines).toHaveCount(10);
  await lines.filter({ hasText: "honey" }).getByRole("button").click();
  await stands(page, 305);
  await expect(lines.nth(3)).toHaveAttribute("aria-current", "true");
  await position(page).focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("PageUp"); // four seconds
  await stands(page, 405);
  await expect(lines.nth(4)).toHaveAttribute("aria-current", "true");
  await expect(lines.filter({ has: page.locator("mark") })).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Find in the transcript" }).fill("CAPTAIN");
  await expect(lines).toHaveCount(2);
  await expect(lines.first().locator("mark")).toHaveText("captain");
  await lines.first().getByRole("button").click();
  await stands(page, 205);
  await page.getByRole("searchbox", { name: "Find in the transcript" }).fill("");
  const subtitles = page.locator(".subtitles p");
  await expect(subtitles).toHaveText("A strong black coffee, captain.");
  const tracks = page.getByRole("combobox", { name: /Lines on the picture/ });
  await tracks.selectOption({ label: "German · Dialogue" });
  await expect(subtitles).toHaveText("Einen starken schwarzen Kaffee, Kapitän.");
  await expect(subtitles).toHaveAttribute("lang", "de");
  await expect(page.locator(".transcript [aria-current]")).toContainText("Kaffee");
  // A line that is chosen while the bench writes the frame into the address: the address of before does not lead the film back.
  await page.evaluate(() => {
    const write = history.replaceState;
    history.replaceState = (...address) => {
      history.replaceState = write;
      write.apply(history, address);
      document.querySelector<HTMLElement>(".transcript li button")!.click();
    };
  });
  await position(page).focus();
  await page.keyboard.press("PageUp");
  await expect(page).toHaveURL(/frame=5(&|$)/);
  await stands(page, 5);
  await tracks.selectOption("none");
  await expect(subtitles).toHaveCount(0);
});

test.describe("an editor in German", () => {
  test.use({ locale: "de" });
  test("reads the names of the lanes in German, and then in Japanese", async ({ page }) => {
    await open(page, 0);
    const lanes = page.locator(".lane-name");
    for (const names of [["Einstellungen", "Dialog · Deutsch", "Figuren"], ["ショット", "セリフ · 日本語"]]) {
      for (const name of names) await expect(lanes.filter({ hasText: name }).first()).toBeVisible();
      const english = await lanes.evaluateAll((all) => all.map((e) => e.textContent).filter((s) => /^(Shot|Said|Label|Colours|Light|Camera|Sound|Scene|Loudness|Silence|Speaker)/.test(s ?? "")));
      expect(english).toEqual([]);
      await page.locator('select:has(option[value="ja"])').first().selectOption("ja");
    }
  });
});

test("the bench is worked by the keyboard alone @everywhere", async ({ page }) => {
  await enter(page);
  await ask(page, "whistle");
  await expect(hits(page).first()).toBeVisible();
  await hits(page).first().focus();
  await page.keyboard.press("Enter");
  await expect(page.locator(".transcript li").first()).toBeVisible();
  await page.keyboard.press("k");
  await page.keyboard.press("t");
  await page.keyboard.type("01:00:10:00");
  await page.keyboard.press("Enter");
  await stands(page, 250);
  // A film that a link opens stands at its frame.
  await expect(page).toHaveURL(/frame=250\b/);
  await page.reload();
  await stands(page, 250);
  expect(await rate(page)).toBe(0);
  await page.keyboard.press("t");
  await page.keyboard.type("09:00:00:00");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("No frame of this film");
  await page.keyboard.press("Escape");
  await page.getByRole("region", { name: "Bench" }).focus();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("region", { name: "Bench" })).toHaveCount(0);
});

test("the bench has no fault that axe finds, at 390 pixels in the dark and at 1280 in the light", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 900 });
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page, 250, "captain");
  await page.keyboard.press("d");
  await page.getByText("Keys", { exact: true }).click();
  await clean(page);
  await fits(page);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  await clean(page);
  await fits(page);
});

test("a film that the browser does not play is played by a proxy that the bench asks for, at the same frame", async ({ page, browser }) => {
  // An editor may not ask, and is told who may.
  await open(page, 37, "", "the-reel");
  await expect(page.getByRole("alert")).toContainText("Somebody with the role batch, or an operator, may");
  await clean(page);
  // Whoever may ask is told of a failure, and asks again.
  const other = await (await browser.newContext({ locale: "en-GB" })).newPage();
  const refusing = "**/cinedex.v1.ProxyService/RequestProxy";
  await other.route(refusing, (route) => route.fulfill({ status: 500, contentType: "application/json", body: JSON.stringify({ code: "internal", message: "the disk is full" }) }));
  await open(other, 37, "", "the-reel", "owner");
  await expect(other.getByRole("alert")).toContainText("could not be made");
  await expect(other.getByText("the disk is full")).toBeVisible();
  await clean(other);
  await other.unroute(refusing);
  await other.getByRole("button", { name: "Try again" }).click();
  // The proxy plays for both, at the frame at which each stands.
  for (const p of [other, page]) {
    await expect(p.locator(".screen video")).toHaveAttribute("src", /\/proxy$/);
    await stands(p, 37);
    await p.getByRole("region", { name: "Bench" }).focus();
    await p.keyboard.press(".");
    await stands(p, 38);
    const at = await p.locator(".screen video").evaluate((v: HTMLVideoElement) => v.currentTime);
    expect(Math.floor(at * 25)).toBe(38);
  }
  await other.context().close();
});
