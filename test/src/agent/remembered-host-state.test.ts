import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { ClusterLoss, type ClusterMemory } from "../../../src/agent/cluster-loss.ts";
import { EventLog } from "../../../src/agent/event-log.ts";
import { StateDirectory } from "../../../src/agent/state-directory.ts";
import { guardedTunnels, guardOfDevices, NO_DEVICES } from "../../../src/agent/tunnel-guard.ts";
import { HostCalculation } from "../../../src/calc/calc.ts";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import { nodeV4, resource } from "../calc/calc-support.ts";

t.test("a host state of an older version gets what it lacks, and keeps what it has", (t) => {
  const path = mkdtempSync(join(tmpdir(), "tortie-state-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  const state = new StateDirectory(path, (error) => t.fail(error.message));
  const whole = new HostCalculation({ nodeName: "core-01" }).update([
    ["Node/core-01", nodeV4("core-01")],
  ]);
  state.rememberHostState(whole);
  t.strictSame(state.lastKnownGood("core-01"), JSON.parse(JSON.stringify(whole)));
  const file = join(path, "host-state.json");
  for (const field of Object.keys(whole).filter((key) => key !== "nodeName")) {
    const { [field]: _absent, ...older } = { ...whole } as { [field: string]: unknown };
    writeFileSync(file, JSON.stringify({ format: 1, state: older }));
    const read = state.lastKnownGood("core-01") as unknown as { [field: string]: unknown };
    t.type(read[field], typeof (whole as { [field: string]: unknown })[field], field);
    t.match(read, JSON.parse(JSON.stringify(older)), `all but ${field} is as it was`);
  }
  const { outgoing: _outgoing, ...nat } = whole.nat;
  const listen = { port: 1179, addresses: ["10.0.0.1"] };
  writeFileSync(file, JSON.stringify({ format: 1, state: { ...whole, nat, listen } }));
  const read = state.lastKnownGood("core-01");
  t.strictSame(read?.nat.outgoing, { sources: [], exempt: [], addresses: {} }, "inside of fields");
  t.strictSame(read?.listen, listen, "what may be of two kinds stays what it is");
  writeFileSync(file, JSON.stringify({ format: 0, state: whole }));
  t.equal(state.lastKnownGood("core-01"), undefined, "another format is not read");
  t.end();
});

t.test("strangers are shut out of the tunnels that are wanted and of those that are there", (t) => {
  const link = { index: 1, up: true, carrier: true, mtu: 1500, addresses: [] };
  const present = guardOfDevices([
    { ...link, name: "eth0" },
    { ...link, name: "tunl0", tunnel: { type: "ipip" } },
    { ...link, name: "vxlan.calico", tunnel: { type: "vxlan", port: 4790 } },
    { ...link, name: "vxlan-v6.calico", tunnel: { type: "vxlan", port: 4790 } },
  ]);
  t.strictSame(present, { ipip: true, vxlanPorts: [4790] });
  const fromWorkloads = { ipip: true, vxlan: false };
  const wanted = { ipip: false, vxlanPorts: [4789], nodes: [Prefix("10.0.0.1/32")], fromWorkloads };
  t.strictSame(guardedTunnels(wanted, present), {
    ...wanted,
    ipip: true,
    vxlanPorts: [4789, 4790],
  });
  t.strictSame(guardedTunnels(wanted, NO_DEVICES), wanted);
  t.strictSame(guardedTunnels(undefined, present).nodes, [], "nobody known, nobody may send");
  t.end();
});

t.test(
  "of many changes of the cluster in a row the first and the last are written, a confirmation at once",
  (t) => {
    const written: ClusterMemory[] = [];
    const loss = new ClusterLoss({
      datastore: new MemoryDatastore(),
      log: new EventLog({ level: "error", destination: { write: () => true } }),
      remembered: undefined,
      remember: (memory) => written.push(memory),
      confirmAfterSeconds: undefined,
    });
    const take = (annotations = {}) => {
      const marker = resource("ClusterInformation", "default", {}, { annotations });
      const resources = new Map([["ClusterInformation/default", marker]]);
      loss.take({ loss: undefined, inSync: true, resources });
    };
    for (let number = 1; number <= 100; number++) {
      loss.guard.added(nodeV4(`n${number}`));
      take();
    }
    t.equal(written.length, 1);
    take({ "tortie/loss-confirmed": "2026-01-01T00:00:00Z" });
    t.equal(written.length, 2);
    loss.guard.added(nodeV4("last"));
    take({ "tortie/loss-confirmed": "2026-01-01T00:00:00Z" });
    t.equal(written.length, 2);
    loss.close();
    t.match(
      written[2],
      { population: loss.guard.population, confirmed: /^2026/ },
      "before the end",
    );
    t.end();
  },
);
