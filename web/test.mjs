// Runs the unit tests: every src/**/*.test.ts, bundled by esbuild, in Node's own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = await mkdtemp(join(tmpdir(), "cinedex-web-"));
const tests = (await readdir(join(here, "src"), { recursive: true })).filter((f) => /\.test\.tsx?$/.test(f)).map((f) => join(here, "src", f));
try {
  await build({ entryPoints: tests, outbase: join(here, "src"), outdir: out, outExtension: { ".js": ".mjs" }, bundle: true, format: "esm", platform: "node", target: "node20", jsx: "automatic", jsxImportSource: "preact", sourcemap: "inline", logLevel: "warning" });
  const built = (await readdir(out, { recursive: true })).filter((f) => f.endsWith(".mjs")).map((f) => join(out, f));
  process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" }).status ?? 1;
} finally {
  await rm(out, { recursive: true, force: true });
}
