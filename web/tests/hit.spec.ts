// A hit is played, is a question of its own, and is picked from the timeline of its title; and the ways to ask.
import type { Page } from "@playwright/test";
import { ask, box, chips, clean, enter, expect, hits, path, shared, status, test } from "./day.ts";

/** playing waits until the film on the bench plays, or stands. */
const playing = (page: Page, is: boolean) => expect.poll(() => page.locator(".screen video").evaluate((v: HTMLVideoElement) => !v.paused && v.currentTime > 0)).toBe(is);

/** frame is the number of the frame that stands on the bench. */
const frame = async (page: Page) => Number(await page.getByRole("slider", { name: "Position in the film" }).getAttribute("aria-valuenow"));

test("Enter plays a hit from its first frame, the space bar stops, and Escape leads back", async ({ page }) => {
  await enter(page, "?q=dialogue:whistle");
  const hit = hits(page).filter({ hasText: "whistle" }).first();
  await expect.poll(() => hit.locator("img").evaluate((i: HTMLImageElement) => i.naturalWidth)).toBeGreaterThan(0);
  await hit.focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/frame=\d+/);
  const first = Number(/frame=(\d+)/.exec(page.url())![1]);
  await playing(page, true);
  await expect(hit).toBeFocused();
  await expect(page.locator(".hit[aria-current]")).toHaveCount(1);
  await page.keyboard.press("Space");
  await playing(page, false);
  expect(await frame(page)).toBeGreaterThanOrEqual(first);
  expect(await frame(page)).toBeLessThan(first + 250);
  await page.keyboard.press("Space");
  await playing(page, true);
  await page.keyboard.press("Escape");
  await expect(page.locator(".bench")).toHaveCount(0);
  await expect(hit).toBeFocused();
  expect(await hit.evaluate((e) => getComputedStyle(e).outlineStyle)).toBe("solid");
  await page.keyboard.press("ArrowUp");
  await expect(box(page)).toBeFocused();
});

test("words are looked for everywhere, in what is said, or in what is seen", async ({ page }) => {
  await enter(page);
  const way = page.getByLabel("Ask in");
  await expect(way).toHaveValue("any");
  await box(page).fill("black coffee");
  await way.selectOption({ label: "said" });
  await expect(chips(page)).toHaveText([/said.*black coffee/]);
  await expect(box(page)).toBeFocused();
  await expect(hits(page).filter({ hasText: "A strong black coffee, captain." }).first()).toBeVisible();
  await page.keyboard.press("Alt+3");
  await expect(chips(page)).toHaveText([/seen.*black coffee/]);
  await expect(way).toHaveValue("like_text");
  await page.keyboard.press("Alt+1");
  await expect(chips(page)).toHaveCount(0);
  await expect(box(page)).toHaveValue("black coffee");
  await box(page).fill("");
  await page.keyboard.press("Alt+2");
  await expect(box(page)).toHaveValue("dialogue:");
  await clean(page, ".ask");
  // A filter of languages that narrows nothing says so, and an open quote is told by its column.
  await page.goto(`${shared().url}${path}?q=${encodeURIComponent("look:lamp lang:es")}`);
  await expect(status(page)).toContainText("language filter does nothing");
  await page.goto(`${shared().url}${path}?q=${encodeURIComponent("dialogue:capitán lang:es")}`);
  await expect(hits(page).first()).toBeVisible();
  await expect(status(page)).not.toContainText("does nothing");
  await page.goto(shared().url + path);
  await ask(page, 'dialogue:"coffee');
  await expect(status(page)).toContainText("column 10");
});

test("hits are picked from the timeline of a title, and all of a title is shown", async ({ page }) => {
  await enter(page, "?q=dialogue:captain&group=title");
  const line = page.locator(".line").filter({ hasText: "The Lighthouse" });
  const ticks = line.locator(".tick:not(.near)");
  const basket = page.getByRole("region", { name: "Picked moments" });
  await expect(ticks.nth(1)).toBeVisible();
  const n = await ticks.count();
  await ticks.first().click({ modifiers: ["ControlOrMeta"] });
  await expect(basket).toContainText("1 moment picked");
  await expect(ticks.first()).toHaveAccessibleName(/, picked$/);
  await ticks.first().focus();
  await page.keyboard.press("x");
  await expect(basket).toHaveCount(0);
  await page.getByRole("checkbox", { name: /^Pick The Lighthouse/ }).check({ force: true });
  await expect(basket).toContainText("1 moment picked");
  await line.getByRole("button", { name: /^Pick \d+ match/ }).click();
  await expect(basket).toContainText(`${n} moments picked`);
  await expect(page.locator(".bench")).toHaveCount(0);
  await clean(page);
  await basket.getByLabel("Name of the bin").fill("From the timeline");
  await basket.getByRole("button", { name: "Add" }).click();
  await expect(basket).toContainText(`${n} moments added`);
  await line.getByRole("button", { name: "All of this title" }).click();
  await expect(chips(page).filter({ hasText: "The Lighthouse" })).toHaveCount(1);
  await expect(page.locator(".grid .hit").first()).toBeVisible();
});

test.describe("a German editor", () => {
  test.use({ locale: "de-DE" });
  test("reads dates as Germans write dates, and in English on the English page", async ({ page }) => {
    await enter(page, "?q=dialogue:captain");
    await hits(page).first().focus();
    await page.keyboard.press("x");
    const basket = page.getByRole("region", { name: "Ausgewählte Momente" });
    await basket.getByRole("button", { name: "Hinzufügen" }).click();
    await basket.getByRole("button", { name: "Bin öffnen" }).click();
    await page.getByRole("button", { name: "Verlauf", exact: true }).click();
    await expect(page.locator(".history li").first()).toContainText(/\d{2}\.\d{2}\.\d{4}, \d{2}:\d{2}/);
    await page.getByRole("combobox", { name: "Sprache" }).selectOption("en");
    await expect(page.locator(".history li").first()).toContainText(/[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d{2}/);
  });
});
