/**
 * Imports the test files that its parent names, one after the other, into one tap: the start of a process and the modules
 * that they share are paid once. Its standard output is TAP with one subtest for each `t.test` of the files.
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";

const root = join(import.meta.dirname, "..");

// What a file tears down at its end is torn down at its end; for tap the end would be the last file's.
let teardowns: (() => unknown)[] = [];
t.teardown = (teardown) => {
  teardowns.push(teardown);
};

process.on("message", (file: string) => void run(file));
next();

async function run(file: string): Promise<void> {
  if (file === "") {
    t.end();
    process.disconnect();
    return;
  }
  const before = t.counts.total;
  t.comment(file);
  try {
    await import(pathToFileURL(resolve(root, file)).href);
    // Tests run in order, so all of the file's have ended when this one begins.
    await t.test(`end of ${file}`, (last) => {
      last.pass();
      last.end();
    });
    if (t.counts.total - before < 2) t.fail(`${file} has no tests`);
    for (const teardown of teardowns.toReversed()) await teardown();
    teardowns = [];
  } catch (error) {
    t.fail(`${file} cannot be loaded`, { found: error });
  }
  next();
}

function next(): void {
  // tap does not want the channel to keep the process alive; here it must.
  process.channel?.ref();
  process.send?.("next");
}
