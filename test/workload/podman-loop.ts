import { execFileSync } from "node:child_process";
import type { Test } from "tap";
import { Podman } from "./podman.ts";
import { WorkloadHosts } from "./workload-support.ts";

/** Containers on two hosts reach each other; `count` more come and go, and nothing of them is left. */
export async function containersComeAndGo(t: Test, count: number): Promise<void> {
  const world = await WorkloadHosts.open(t, "podman");
  const [near, far] = [new Podman(world, "host1"), new Podman(world, "host2")];
  const mountsBefore = mounts();
  t.teardown(async () => {
    for (const podman of [near, far]) await podman.run("rm", "-f", "-a", "-t", "0");
  });

  const run = (name: string) => ["run", "-d", "--name", name, "--rootfs", `${far.rootfs}:O`];
  const server = await far.run(...run("server"), "sleep", "1000");
  t.equal(server.code, 0, server.stderr);
  const shown = await far.run("exec", "server", "ip", "-4", "-o", "addr", "show", "eth0");
  const address = /inet ([0-9.]+)/.exec(shown.stdout)?.[1] ?? "";
  t.match(address, /^192\.168\./, shown.stderr);
  await world.routed("host1", address, "via 10.98.0.2");
  const ping = ["ping", "-c", "2", "-W", "2", address];
  const client = await near.run("run", "--rm", "--rootfs", `${near.rootfs}:O`, ...ping);
  t.match(client.stdout, /2 packets received/, `from another host: ${client.stderr}`);

  const before = await world.traces("host1");
  for (let number = 1; number <= count; number++) {
    const one = await near.run(
      "run",
      "--rm",
      "--rootfs",
      `${near.rootfs}:O`,
      "ip",
      "-4",
      "-o",
      "addr",
    );
    if (one.code !== 0 || !/inet 192\.168\./.test(one.stdout)) {
      t.fail(`container ${number} has no address: ${one.stdout}${one.stderr}`);
      break;
    }
  }
  t.same(await world.traces("host1"), before, `${count} containers left nothing`);
  t.equal((await far.run("rm", "-f", "-t", "0", "server")).code, 0);
  t.same(await world.traces("host2"), [], "rm leaves nothing");
  t.same((await world.lab.run("host1", ["ip", "-o", "link"])).match(/cali\w+/g), null);
  t.equal(mounts(), mountsBefore, "nor a mounted namespace");
}

/** Network namespaces that runtimes mounted and forgot. */
function mounts(): number {
  const text = execFileSync("cat", ["/proc/mounts"], { encoding: "utf8" });
  return text.split("\n").filter((line) => /\/run\/netns\/(cni|netns)-/.test(line)).length;
}
