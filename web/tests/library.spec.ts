// The library, uploads and the operators' part.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clean, enter, expect, fits, shared, test } from "./day.ts";

/** film is a film of the fixture under another content and of a size, so that the film is new to the library and is sent in pieces. */
function film(path: string, bytes: number): string {
  const b = readFileSync(join(shared().films, (readdirSync(shared().films, { recursive: true }) as string[]).find((f) => f.endsWith(".mp4"))!));
  const box = Buffer.alloc(bytes); // a box that players pass over
  box.writeUInt32BE(bytes, 0);
  box.write("free" + path, 4, "latin1");
  writeFileSync(path, Buffer.concat([b, box]));
  return path;
}

test("the library shows each film with poster, length and stages", async ({ page }) => {
  await enter(page, "?view=library");
  const first = page.locator(".film").first();
  await expect(first.locator("img")).toBeVisible();
  await expect(first.getByRole("img", { name: /algorithms have looked at the film/ })).toBeVisible();
  await first.getByRole("button", { name: /^Stages of/ }).click();
  await expect(first.locator(".stages")).toContainText("shots");
  await clean(page);
  await fits(page);
});

test("a film leads to a search within the film", async ({ page }) => {
  await enter(page, "?view=library");
  await page.locator(".film h3 a").first().click();
  await expect(page).toHaveURL(/q=title/);
});

test("a reader is told why no film can be sent", async ({ page }) => {
  await enter(page, "?view=library");
  await expect(page.getByText("may not send films")).toBeVisible();
});

test("a picture is refused in words, with what to do", async ({ page }) => {
  await enter(page, "?view=library", "uploader");
  await page.getByRole("button", { name: "Choose a film" }).click();
  await page.getByLabel("Film, and subtitles").setInputFiles({ name: "still.mp4", mimeType: "video/mp4", buffer: Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(5000)]) });
  await page.getByLabel("Id of the title").fill("lighthouse");
  await clean(page);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("a picture (image/png), and no film");
  await expect(page.getByRole("alert")).toContainText("Choose a film, such as MP4");
});

test("an upload that breaks goes on after the page was loaded again, and the film comes into the library", async ({ page }, info) => {
  const path = film(info.outputPath("sent from the page.mp4"), 20 << 20);
  const choose = async () => {
    await page.getByRole("button", { name: "Choose a film" }).click();
    await page.getByLabel("Film, and subtitles").setInputFiles(path);
    await page.getByRole("button", { name: "Send", exact: true }).click();
  };
  let pieces = 0;
  await page.route("**/uploads/*", (route) => (route.request().method() === "PATCH" && ++pieces > 1 ? route.abort("connectionreset") : route.continue()));
  await enter(page, "?view=library", "uploader");
  await choose();
  await expect(page.locator(".sending")).toContainText("waiting for the server");
  await page.reload();
  await expect(page.getByText(/unfinished: /)).toBeVisible();
  await page.unroute("**/uploads/*");
  const sent: string[] = [];
  page.on("request", (r) => {
    if (r.url().includes("/uploads/")) sent.push(`${r.method()} ${r.headers()["upload-offset"] ?? ""}`);
  });
  await choose();
  await expect(page.locator(".sending")).toContainText("sent; being looked at");
  expect(sent.filter((s) => s.startsWith("POST"))).toEqual([]);
  expect(sent.filter((s) => s.startsWith("PATCH"))).toEqual([`PATCH ${16 << 20}`]);
  await expect(page.locator(".film", { hasText: "sent from the page" })).toBeVisible({ timeout: 45_000 });
});

test("an operator sees lag and jobs, and plans a replay before the replay", async ({ page }) => {
  await enter(page, "?view=operators", "owner");
  await expect(page.getByRole("heading", { name: "Lag" })).toBeVisible();
  await expect(page.getByRole("cell", { name: "indexer" }).first()).toBeVisible();
  await page.getByLabel("Algorithms (empty: all)").fill("shots");
  await page.getByRole("button", { name: "Dry run" }).first().click();
  await expect(page.locator(".operators pre")).not.toBeEmpty();
  await clean(page);
  await fits(page);
});

test("a person without the role is told whom to ask", async ({ page }) => {
  await enter(page, "?view=operators");
  await expect(page.getByText("This part is for operators")).toBeVisible();
});
