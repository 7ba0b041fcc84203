import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { writeResources } from "../../src/lab/resources.ts";
import { TORTIED, type Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { isWithin } from "../support/load.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

// What happens to one daemon: keys that must not show, bad input, a dead store, and the three ways to stop.
const CANARY = "canary-9f3b-key";

type Status = {
  readonly health: string;
  readonly problems: readonly { readonly what: string; readonly cause?: string }[];
  readonly datastore: { readonly state: string };
};

function resourceFolder(rack: Rack): string {
  return `${rack.lab.folder}/resources`;
}

async function statusOf(host: Tortied): Promise<Status> {
  return (await host.get("/v1/status")) as Status;
}

async function statusBecomes(host: Tortied, what: string, holds: (status: Status) => boolean) {
  let last: Status | undefined;
  await waitUntil(
    what,
    async () => {
      last = await statusOf(host);
      return holds(last);
    },
    { deadlineSeconds: 60, everyMilliseconds: 50, whenLate: () => JSON.stringify(last) },
  );
}

async function openTwo(
  test: { readonly teardown: (end: () => Promise<void>) => void },
  name: string,
) {
  const rack = await Rack.open({ name, hosts: 2 });
  test.teardown(() => rack.close());
  const [first, second] = rack.hosts;
  const [w1, w2] = rack.workloads;
  if (!first || !second || !w1 || !w2) throw new Error("two hosts with a workload each");
  const learned = new Map([[w1.ipv4, `via ${nodeAddress(1).ipv4} dev eth0`]]);
  return { rack, first, second, w1, w2, learned };
}

t.test("an MD5 key makes the session, and shows nowhere", async (t) => {
  const { rack, first, second } = await openTwo(t, "canary");
  writeResources(resourceFolder(rack), "mesh.yaml", [
    {
      kind: "BGPConfiguration",
      name: "default",
      spec: { nodeMeshPassword: CANARY, logSeverityScreen: "Debug" },
    },
  ]);
  await rack.start();
  t.pass("Established with the key");
  // A broken copy of the resource: errors quote what is wrong, and must not quote this.
  writeFileSync(
    join(resourceFolder(rack), "broken.yaml"),
    `apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: broken}\nspec:\n  peerIP: 10.0.0.300\n  asNumber: 1\n  pasword: ${CANARY}\n`,
  );
  await statusBecomes(first, "the broken file is reported", ({ problems }) => problems.length > 0);
  const paths = [
    "/v1/status",
    "/v1/peers",
    "/v1/routes",
    "/v1/kernel",
    "/v1/events?limit=1000",
    "/v1/resources/bgpconfigurations",
    "/v1/resources/bgppeers",
    "/v1/resources/nodes",
  ];
  for (const path of paths) {
    t.notMatch(JSON.stringify(await first.get(path)), CANARY, `GET ${path}`);
  }
  t.match(JSON.stringify(await first.get("/v1/resources/bgpconfigurations")), "<hidden>");
  const lines = [
    ["status", "-o", "json"],
    ["bgp", "peers", "-o", "yaml"],
    ["bgp", "neighbor", nodeAddress(2).ipv4],
    ["get", "bgpconfig", "default", "-o", "yaml"],
    ["events", "--limit", "1000"],
    ["datastore", "validate", resourceFolder(rack)],
  ];
  for (const words of lines) {
    t.notMatch(await first.tortie(...words), CANARY, `tortie ${words.join(" ")}`);
  }
  for (const host of [first, second]) {
    t.notMatch(readFileSync(host.daemon.logFile, "utf8"), CANARY, `the log of ${host.node}`);
    const state = join(rack.lab.nodeFolder(host.node), "state");
    for (const file of readdirSync(state)) {
      t.equal(statSync(join(state, file)).mode & 0o077, 0, `${file} is for its owner only`);
    }
  }
});

t.test(
  "bad resources and a dead store: the daemon goes on, and starts, with what was good",
  async (t) => {
    const { rack, first, second, learned } = await openTwo(t, "store");
    await rack.start();
    await rack.routed("host2", learned);
    const folder = resourceFolder(rack);

    writeFileSync(join(folder, "bad.yaml"), "kind: [");
    await statusBecomes(first, "the bad file is named", ({ problems }) =>
      problems.some(({ what }) => what.includes("bad.yaml")),
    );
    t.equal((await first.peers())[0]?.state, "Established");
    rmSync(join(folder, "bad.yaml"));
    await statusBecomes(first, "all is well again", ({ health }) => health === "ok");

    renameSync(folder, `${folder}.away`);
    await statusBecomes(
      first,
      "the store is gone",
      ({ datastore }) => datastore.state === "unreachable",
    );
    t.equal((await first.peers())[0]?.state, "Established", "what was read stays in force");
    await first.kill();
    await first.start();
    await statusBecomes(
      first,
      "it starts from its memory",
      ({ datastore }) => datastore.state === "last-known-good",
    );
    await rack.sessionsUp();
    await rack.routed("host2", learned);
    t.pass("and announces what it announced");
    renameSync(`${folder}.away`, folder);
    await statusBecomes(
      first,
      "the store is back",
      ({ datastore }) => datastore.state === "in-sync",
    );
    await rack.sessionsUp([first, second]);
  },
);

t.test("SIGTERM is half of a restart; node stop is the end; cleanup leaves nothing", async (t) => {
  const { rack, first, learned, w1, w2 } = await openTwo(t, "stop");
  await rack.start();
  await rack.routed("host2", learned);
  const toSecond = new Map([[w2.ipv4, `via ${nodeAddress(2).ipv4} dev eth0`]]);
  await rack.routed("host1", toSecond);

  const started = performance.now();
  await first.terminate();
  t.equal(first.daemon.end, "exit code 0");
  t.ok(isWithin(performance.now() - started, 5000), "it stops quickly");
  await rack.routed("host2", learned);
  await rack.routed("host1", toSecond);
  t.pass("SIGTERM: routes stay on both hosts");

  await first.start();
  await rack.sessionsUp();
  const second = spawnSync(
    "ip",
    [
      "netns",
      "exec",
      rack.lab.namespace("host1"),
      TORTIED,
      "--config",
      join(rack.lab.nodeFolder("host1"), "tortied.yaml"),
    ],
    { encoding: "utf8" },
  );
  t.equal(second.status, 1, "a second daemon does not start");
  t.match(second.stderr, /error: tortied cannot start\n {2}cause: another daemon answers/);

  t.match(await first.tortie("node", "stop", "--message", "for ever"), /withdrawing and stopping/);
  await rack.notRouted("host2", [w1.ipv4, w1.ipv6]);
  await waitUntil("it has ended", async () => first.daemon.end !== undefined, {
    deadlineSeconds: 60,
  });
  t.equal(first.daemon.end, "exit code 10", "the service manager knows not to start it again");
  await rack.routed("host1", toSecond);
  t.pass("without --cleanup, this host's kernel routes stay");

  await first.start();
  await rack.sessionsUp();
  await first.tortie("node", "stop", "--cleanup");
  await waitUntil("it has ended", async () => first.daemon.end !== undefined, {
    deadlineSeconds: 60,
  });
  const left = await rack.lab.run("host1", ["ip", "route", "show", "proto", "116"]);
  t.equal(left.trim(), "", "no route of ours is left");
  const left6 = await rack.lab.run("host1", ["ip", "-6", "route", "show", "proto", "116"]);
  t.equal(left6.trim(), "");
});
