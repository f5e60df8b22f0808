// Bins on the page: picking, cutting, two editors, shares, history, exports, imports and saved searches.
import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { ask, clean, enter, expect, fits, hits, shared, signIn, test } from "./day.ts";

const clips = (page: Page): Locator => page.getByRole("list", { name: "Clips" }).getByRole("listitem").filter({ has: page.getByRole("slider") });

/** collected makes a bin with the first hits of a question, and opens the bin. */
async function collected(page: Page, name: string, n = 2, question = "storm"): Promise<void> {
  await ask(page, question);
  await expect(hits(page).nth(n - 1)).toBeVisible();
  await hits(page).first().focus();
  await page.keyboard.press("x");
  if (n > 1) await hits(page).nth(n - 1).click({ modifiers: ["Shift"] });
  const basket = page.getByRole("region", { name: "Picked moments" });
  await expect(basket).toContainText(`${n} moment`);
  await basket.getByLabel("Name of the bin").fill(name);
  await basket.getByRole("button", { name: "Add" }).click();
  await basket.getByRole("button", { name: "Open the bin" }).click();
  await expect(clips(page)).toHaveCount(n);
}

test("hits are picked by Shift, Ctrl, the x key and the tick, and dropped", async ({ page }) => {
  await enter(page);
  await ask(page, "storm");
  const basket = page.getByRole("region", { name: "Picked moments" });
  await hits(page).first().click({ modifiers: ["ControlOrMeta"] });
  await expect(basket).toContainText("1 moment picked");
  await hits(page).nth(2).click({ modifiers: ["Shift"] });
  await expect(basket).toContainText("3 moments picked");
  await hits(page).nth(1).focus();
  await page.keyboard.press("x");
  await expect(basket).toContainText("2 moments picked");
  await page.getByRole("checkbox", { name: /^Pick / }).nth(1).check({ force: true });
  await expect(basket).toContainText("3 moments picked");
  await clean(page, ".basket");
  await basket.getByRole("button", { name: "Clear" }).click();
  await expect(basket).toHaveCount(0);
});

for (const [width, scheme] of [[390, "dark"], [1280, "light"]] as const) {
  test.describe(`${width} pixels, ${scheme}`, () => {
    test.use({ viewport: { width, height: 900 }, colorScheme: scheme });
    test(`a bin is whole and without faults at ${width} pixels, ${scheme}`, async ({ page }) => {
      await enter(page);
      await collected(page, `Looks ${width}`, 3);
      await fits(page);
      await clean(page);
      for (const panel of ["Share", "History", "Import markers"]) {
        await page.getByRole("button", { name: panel, exact: true }).first().click();
        await fits(page);
        await clean(page);
      }
      await page.getByRole("button", { name: "Export" }).click();
      await expect(page.getByText("3 clips, ready")).toBeVisible();
      await fits(page);
      await clean(page);
    });
  });
}

test("a clip is trimmed by the keyboard, frame by frame", async ({ page }) => {
  await enter(page);
  await collected(page, "Trim", 1);
  const out = page.getByRole("slider", { name: "Out point" });
  const before = Number(await out.getAttribute("aria-valuenow"));
  await out.focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await expect(out).toHaveAttribute("aria-valuetext", `frame ${before - 2}, moved by -2`);
  await expect(out).toHaveAttribute("aria-valuetext", `frame ${before - 2}, moved by 0`); // the server has the trim
  await page.reload();
  await expect(page.getByRole("slider", { name: "Out point" })).toHaveAttribute("aria-valuenow", String(before - 2));
});

test("clips are put in order by the keyboard", async ({ page }) => {
  await enter(page);
  await collected(page, "Order", 3);
  const last = (await clips(page).nth(2).getAttribute("aria-label"))!.replace(/^Clip 3: /, "");
  await clips(page).nth(2).getByRole("button", { name: /^Move clip/ }).focus();
  await page.keyboard.press("Home");
  await expect(clips(page).first()).toHaveAttribute("aria-label", `Clip 1: ${last}`);
  await page.reload();
  await expect(clips(page).first()).toHaveAttribute("aria-label", `Clip 1: ${last}`);
});

test("two editors see each other's notes, and a conflict is told", async ({ page, browser }) => {
  await enter(page);
  await collected(page, "Two editors", 1);
  await page.getByRole("button", { name: "Share", exact: true }).first().click();
  const panel = page.getByRole("region", { name: "Share" });
  await panel.getByLabel("Name").fill("colleague");
  await panel.getByLabel("may edit").check();
  await panel.getByRole("button", { name: "Share" }).click();
  await expect(panel).toContainText("Person colleague");
  const other = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await enter(other, new URL(page.url()).search, "colleague");
  await other.getByRole("textbox", { name: "Notes", exact: true }).fill("the best wave");
  await other.getByRole("combobox", { name: "Colour of the clip" }).focus();
  await expect(page.getByRole("textbox", { name: "Notes", exact: true })).toHaveValue("the best wave");
  // Both write: the later writer is told, and decides.
  const mine = page.getByRole("textbox", { name: "Notes", exact: true });
  await mine.click();
  await mine.fill("cut this");
  await other.getByRole("textbox", { name: "Notes", exact: true }).fill("keep this");
  await other.getByRole("combobox", { name: "Colour of the clip" }).focus();
  await expect(async () => {
    const told = await page.request.post(`${shared().url}/cinedex.v1.BinService/GetBin`, { data: { bin: new URL(page.url()).searchParams.get("bin") } });
    expect(await told.text()).toContain("keep this");
  }).toPass();
  await mine.blur();
  await expect(page.getByRole("alert")).toContainText("Not made");
  await page.getByRole("button", { name: "Make mine anyway" }).click();
  await expect(other.getByRole("textbox", { name: "Notes", exact: true })).toHaveValue("cut this");
  await other.context().close();
});

test("a link opens a bin for a colleague, and leaves the address", async ({ page, browser }) => {
  await enter(page);
  await collected(page, "By link", 1);
  await page.getByRole("button", { name: "Share", exact: true }).first().click();
  const panel = page.getByRole("region", { name: "Share" });
  await panel.getByLabel("Share with").selectOption("link");
  await panel.getByLabel("How long").selectOption("7");
  await panel.getByRole("button", { name: "Share" }).click();
  const link = await panel.getByRole("textbox", { name: "Link" }).inputValue();
  const other = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await signIn(other, "colleague");
  await other.goto(link);
  await expect(clips(other)).toHaveCount(1);
  expect(other.url()).not.toContain("link=");
  await expect(other.getByText("shared with you for looking")).toBeVisible();
  await other.context().close();
});

test("a removed clip comes back from the history", async ({ page }) => {
  await enter(page);
  await collected(page, "History", 2);
  await clips(page).first().getByRole("button", { name: /^Remove clip/ }).click();
  await expect(clips(page)).toHaveCount(1);
  await page.getByRole("button", { name: "History", exact: true }).click();
  await page.getByRole("button", { name: "Restore the bin as of revision 2" }).click();
  await expect(clips(page)).toHaveCount(2);
});

test("a marker is put on a clip, and a re-run finds the clip again", async ({ page }) => {
  await enter(page);
  await collected(page, "Marked", 1);
  await page.getByText("0 markers").click();
  await page.getByRole("textbox", { name: "Text of the marker" }).fill("thunder here");
  await page.getByRole("combobox", { name: "Colour of the marker" }).selectOption("red");
  await page.getByRole("button", { name: /^Mark frame/ }).click();
  await expect(page.getByText("thunder here")).toBeVisible();
  await page.getByRole("button", { name: "Re-run" }).click();
  await expect(page.getByText("found as before")).toBeVisible();
});

test("an export tells its remarks, refuses in words, and is saved", async ({ page }) => {
  await enter(page);
  await collected(page, "Handed over", 1);
  await page.getByRole("button", { name: "Export" }).click();
  const dialog = page.getByRole("dialog", { name: "Hand over to the edit" });
  await dialog.getByLabel("Handles").fill("10000");
  await expect(dialog.getByRole("status")).toContainText("handles are shorter");
  await dialog.getByLabel("frame rate").selectOption("59.94");
  await expect(dialog.getByRole("status")).toContainText("no clip has 60000/1001");
  await dialog.getByLabel("frame rate").selectOption("");
  await dialog.getByLabel("Format").selectOption("csv");
  await expect(dialog.getByRole("status")).toContainText("1 clip, ready");
  const [file] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("link", { name: "Save the file" }).click()]);
  expect(file.suggestedFilename()).toBe("handed-over.csv");
  expect(readFileSync(await file.path(), "utf8").trim().split("\n").length).toBe(2);
});

test("markers of a file are read before they are sent", async ({ page }) => {
  await enter(page);
  await collected(page, "Imports", 1);
  await page.getByRole("button", { name: "Import markers" }).click();
  const panel = page.getByRole("region", { name: "Import markers" });
  const file = (name: string, text: string) => panel.getByLabel("File: EDL").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  await file("notes.doc", "nothing");
  await expect(panel.getByRole("status")).toContainText("readable formats");
  await panel.getByLabel("First frame").fill("01:00:00:00");
  await file("markers.txt", "mara\t01:00:01:00\tV1\tred\train\t1\n");
  await expect(panel.getByRole("status")).toContainText("1 marker in markers.txt");
  await panel.getByRole("button", { name: "Bring to the film" }).click();
  await expect(panel.getByRole("status")).toContainText("ingest"); // an editor may read, and the role ingest sends
});

test("a saved search shows its moments, and is exported", async ({ page }) => {
  await enter(page, "?view=bins");
  await page.getByText("Save a search").click();
  await page.getByLabel("Query", { exact: true }).fill("dialogue:storm");
  await page.getByLabel("Name of the search").fill("All storms");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: /All storms/ }).click();
  await expect(page.getByText("new moments appear by themselves")).toBeVisible();
  await clean(page);
  await page.getByRole("button", { name: "Pick all" }).click();
  await expect(page.getByRole("region", { name: "Picked moments" })).toContainText("picked");
});
