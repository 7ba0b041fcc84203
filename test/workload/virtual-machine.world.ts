import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import t from "tap";
import { runProgram } from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { WorkloadHosts } from "./workload-support.ts";

const SETUP = fileURLToPath(new URL("./guest-kernel.sh", import.meta.url));
/** Where a guest's kernel is kept between runs: nothing that git or the package sees. */
const GUEST = fileURLToPath(new URL("../../node_modules/.cache/tortie-guest", import.meta.url));
/** Emulated on two busy cores, a kernel takes its time. */
const BOOT_SECONDS = 120;

/** A guest cannot find its clock's rate while the machine is busy, and hangs: so it is told (linux: tsc_early_khz). */
function clockKilohertz(): number {
  const megahertz = /cpu MHz\s*:\s*([\d.]+)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return Math.round(Number(megahertz) * 1000);
}

t.test("a virtual machine behind a tap reaches a container on another host", async (t) => {
  await runProgram([SETUP, GUEST], { deadlineSeconds: 300 });
  const world = await WorkloadHosts.open(t, "vm");
  const [host1, host2] = [world.host(1), world.host(2)];
  const far = await host2.tortie("workload", "add", "far", "--netns", await world.sandbox("far"));
  const targets = far.split(" behind ")[0]?.split(", ") ?? [];
  t.equal(targets.length, 2, far);

  await world.lab.ip("host1", "tuntap add dev tap0 mode tap");
  const said = await host1.tortie("workload", "add", "vm1", "--interface", "tap0");
  t.match(said, / behind tap0; gateway 169\.254\.1\.1, fe80::1/);
  const [ipv4 = "", ipv6 = ""] = said.split(" behind ")[0]?.split(", ") ?? [];

  const line = [
    "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable",
    `tsc_early_khz=${clockKilohertz()}`,
    `workload.ipv4=${ipv4} workload.ipv6=${ipv6} workload.targets=${targets.join(",")}`,
  ].join(" ");
  const guest = world.lab.start(
    "host1",
    [
      "qemu-system-x86_64",
      ...["-accel", "tcg", "-cpu", "max", "-m", "192", "-M", "microvm", "-no-reboot"],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"],
      ...["-kernel", `${GUEST}/vmlinux`, "-initrd", `${GUEST}/initrd.gz`, "-append", line],
      ...["-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no"],
      ...["-device", "virtio-net-device,netdev=net0,mac=02:00:00:00:00:01"],
    ],
    { log: "guest" },
  );
  await waitUntil("the guest is ready", () => guest.logTail(100).includes("guest: ready"), {
    deadlineSeconds: BOOT_SECONDS,
    whenLate: () => guest.logTail(30),
  });
  const console = guest.logTail(100);
  for (const target of targets) t.match(console, `guest: reached ${target}`);
  await world.reaches("far", ipv4);
  await world.reaches("far", ipv6);
  t.pass("and the container reaches the virtual machine");

  await guest.stop("SIGKILL");
  t.equal(await host1.tortie("workload", "remove", "vm1"), "vm1 is removed");
  const left = await world.traces("host1");
  t.same(
    left.filter((trace) => !trace.includes("far")),
    [],
    "which leaves nothing",
  );
});
