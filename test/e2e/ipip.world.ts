import { fileURLToPath } from "node:url";
import t from "tap";
import { tryProgram } from "../../src/lab/program.ts";

const RUNNER = fileURLToPath(new URL("../support/with-ipip-kernel.sh", import.meta.url));
const INSIDE = fileURLToPath(new URL("./ipip-in-kernel.ts", import.meta.url));
const STEPS = 20;

// Not every kernel has IP-in-IP; Debian's user-mode-linux does, and boots in seconds.
t.test(
  "IP-in-IP carries workloads' packets across subnets; its mode changes without loss",
  async (t) => {
    const command = ["bash", RUNNER, process.execPath, INSIDE];
    const { code, stdout, stderr } = await tryProgram(command, { deadlineSeconds: 340 });
    const steps = stdout.split("\n").filter((line) => line.startsWith("ok "));
    for (const step of steps) t.pass(step.slice(3));
    t.equal(code, 0, stderr.slice(-3000));
    t.equal(steps.length, STEPS, "every step was reached");
  },
);
