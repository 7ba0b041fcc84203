import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runProgram } from "../../src/lab/program.ts";

/** Packs an image's only layer: busybox, and programs of this machine with the libraries that they need. Returns a tar file. */
export async function packImage(name: string, programs: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `tt${process.pid}-image-`));
  const root = join(folder, "root");
  for (const each of ["bin", "etc", "tmp", "proc", "sys", "dev", "root", "usr/bin"]) {
    mkdirSync(join(root, each), { recursive: true });
  }
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  const applets = (await runProgram(["busybox", "--list"])).trim().split("\n");
  for (const applet of applets) {
    if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  }
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  for (const program of programs) await copyProgram(program, root);
  const file = join(folder, `${name}.tar`);
  await runProgram(["tar", "-C", root, "-cf", file, "."]);
  rmSync(root, { recursive: true, force: true });
  return file;
}

/** Removes what packImage made. */
export function removeImage(file: string): void {
  rmSync(dirname(file), { recursive: true, force: true });
}

async function copyProgram(program: string, root: string): Promise<void> {
  const path = (await runProgram(["sh", "-c", `command -v ${program}`])).trim();
  const target = join(root, program === "bash" ? "bin/bash" : `usr/bin/${program}`);
  rmSync(target, { force: true });
  copyFileSync(path, target);
  const listing = await runProgram(["ldd", path]);
  for (const [library] of listing.matchAll(/\/[^ )]+/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    if (!existsSync(join(root, library))) copyFileSync(library, join(root, library));
  }
}
