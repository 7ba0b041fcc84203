import t from "tap";
import type { ProgramResult } from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { Containerd } from "./containerd.ts";
import { WorkloadHosts } from "./workload-support.ts";

t.test("containerd's containers on two hosts reach each other; rm leaves nothing", async (t) => {
  const world = await WorkloadHosts.open(t, "containerd");
  const [near, far] = await Promise.all([
    Containerd.start(world, "host1"),
    Containerd.start(world, "host2"),
  ]);
  let server: Promise<ProgramResult> | undefined;
  const end = () => far.ctr("tasks", "kill", "--signal", "KILL", "server");
  t.teardown(async () => {
    await end();
    await server;
    await Promise.all([near.stop(), far.stop()]);
  });
  // ctr says DEL when the command that it waits for has ended; in the background it would never.
  let said = "";
  server = far.run("server", ["sleep", "1000"], "--rm");
  void server.then(({ stdout, stderr }) => {
    said = `${stdout}${stderr}`;
  });
  const address = await waitUntil(
    "the server has an address",
    async () => {
      const look = ["tasks", "exec", "--exec-id", "look", "server"];
      const shown = await far.ctr(...look, "ip", "-4", "-o", "addr", "show", "eth0");
      if (said !== "") throw new Error(`the server has ended: ${said}`);
      return /inet (192\.168[0-9.]+)\/32/.exec(shown.stdout)?.[1];
    },
    { deadlineSeconds: 30, whenLate: () => said },
  );
  await world.routed("host1", address, "via 10.98.0.2");
  const before = await world.traces("host1");
  const client = await near.run("client", ["ping", "-c", "2", "-W", "2", address], "--rm");
  t.match(client.stdout, /2 packets received/, `from another host: ${client.stderr}`);
  t.same(await world.traces("host1"), before, "a container that has ended leaves nothing");
  await end();
  await server;
  t.same(await world.traces("host2"), [], "nor one that was killed");
});
