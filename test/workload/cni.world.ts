import t from "tap";
import { callCni, networkConfig, WorkloadHosts } from "./workload-support.ts";

/** "192.168.0.1" of a result's first address. */
function firstAddress(answer: { ips?: readonly { address: string }[] }): string {
  return answer.ips?.[0]?.address.split("/")[0] ?? "";
}

t.test("the plugin keeps to the specification", async (t) => {
  const world = await WorkloadHosts.open(t, "cni");
  const [host1, host2] = [world.host(1), world.host(2)];
  const netns = await world.sandbox("box1");
  const other = await world.sandbox("box2");
  const config = networkConfig(host1);
  const one = { containerId: "c1", netns, config };

  await t.test(
    "two containers on two hosts reach each other as soon as ADD has answered",
    async (t) => {
      const added = await callCni({ ...one, command: "ADD" });
      t.equal(added.code, 0, added.stdout);
      t.match(added.json, {
        cniVersion: "1.0.0",
        interfaces: [
          { name: /^cali/, mac: "ee:ee:ee:ee:ee:ee" },
          { name: "eth0", sandbox: netns },
        ],
        ips: [
          { address: /^192\.168\.\d+\.\d+\/32$/, gateway: "169.254.1.1", interface: 1 },
          { address: /^fd80:24e2:.*\/128$/, gateway: "fe80::1", interface: 1 },
        ],
        routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
      });
      const far = await callCni({
        command: "ADD",
        containerId: "c2",
        netns: other,
        config: networkConfig(host2),
      });
      t.equal(far.code, 0, far.stdout);
      for (const { address } of far.json.ips ?? []) {
        await world.reaches("box1", address.split("/")[0] ?? "");
      }
      const checked = { ...one, command: "CHECK", config: { ...config, prevResult: added.json } };
      t.equal((await callCni(checked)).code, 0, "CHECK agrees");
      await world.lab.ip("box1", "address flush dev eth0 scope global");
      const wrong = await callCni(checked);
      t.match(wrong.json, { code: 104, msg: /lacks 192\.168\./ }, "CHECK sees what is missing");
    },
  );

  await t.test("DEL may be repeated, without a namespace, and leaves nothing", async (t) => {
    for (const host of [host1, host2]) {
      const containerId = host === host1 ? "c1" : "c2";
      for (const again of ["first", "second"]) {
        const gone = await callCni({ command: "DEL", containerId, config: networkConfig(host) });
        t.same([gone.code, gone.stdout], [0, ""], `${again} DEL of ${containerId}`);
      }
    }
    t.same(await world.traces("host1"), []);
    t.same(await world.traces("host2"), []);
  });

  await t.test("each version gets its own words", async (t) => {
    for (const [cniVersion, shape] of [
      ["0.2.0", { ip4: { ip: /^192\.168\./, gateway: "169.254.1.1" }, ip6: { ip: /^fd80:/ } }],
      ["0.3.1", { ips: [{ version: "4", address: /^192/ }, { version: "6" }] }],
      [
        "0.4.0",
        { ips: [{ version: "4" }, { version: "6" }], interfaces: [{}, { sandbox: netns }] },
      ],
      ["1.1.0", { ips: [{ interface: 1 }], interfaces: [{ mtu: 1500 }, { mtu: 1500 }] }],
    ] as const) {
      const call = { ...one, config: networkConfig(host1, { cniVersion }) };
      const added = await callCni({ ...call, command: "ADD" });
      t.match(added.json, { cniVersion, ...shape }, cniVersion);
      t.equal((await callCni({ ...call, command: "DEL" })).code, 0);
    }
    const { json } = await callCni({ command: "VERSION", config: '{"cniVersion":"0.4.0"}' });
    t.match(json, { cniVersion: "0.4.0", supportedVersions: ["0.1.0", "0.2.0", "0.3.0"] });
    t.ok(json.supportedVersions?.includes("1.1.0"));
  });

  await t.test("capabilities: addresses and MAC are given, bandwidth is passed over", async (t) => {
    const runtimeConfig = {
      ips: ["192.168.7.7/24", "fd80:24e2:f998:72d6::77"],
      mac: "02:00:00:00:00:77",
      bandwidth: { ingressRate: 1000, ingressBurst: 1000 },
    };
    const call = { ...one, config: networkConfig(host1, { runtimeConfig }) };
    const { json } = await callCni({ ...call, command: "ADD" });
    t.match(json, {
      interfaces: [{}, { mac: "02:00:00:00:00:77" }],
      ips: [{ address: "192.168.7.7/32" }, { address: "fd80:24e2:f998:72d6::77/128" }],
    });
    const rival = { ...call, containerId: "c9", netns: other, command: "ADD" };
    t.match((await callCni(rival)).json, { code: 100, msg: /192\.168\.7\.7/ }, "taken is said");
    t.equal((await callCni({ ...call, command: "DEL" })).code, 0);
    t.equal((await callCni({ ...rival, command: "DEL" })).code, 0);
    t.same(await world.traces("host1"), [], "and the refused one left nothing");
  });

  await t.test("another IPAM plugin assigns, checks and releases", async (t) => {
    const ipam = {
      type: "host-local",
      dataDir: `${world.lab.folder}/host-local`,
      ranges: [[{ subnet: "10.44.0.0/24" }]],
    };
    const call = { ...one, config: networkConfig(host1, { ipam }) };
    const { json } = await callCni({ ...call, command: "ADD" });
    t.match(json, { ips: [{ address: "10.44.0.2/32", gateway: "169.254.1.1" }] });
    await world.routed("host2", "10.44.0.2", "via 10.98.0.1");
    t.equal((await callCni({ ...call, command: "DEL" })).code, 0);
    const next = await callCni({ ...call, containerId: "c3", command: "ADD" });
    t.equal(firstAddress(next.json), "10.44.0.3");
    const missing = networkConfig(host1, { ipam: { type: "no-such-plugin" } });
    t.match((await callCni({ ...one, command: "ADD", config: missing })).json, { code: 7 });
    t.equal((await callCni({ ...call, containerId: "c3", command: "DEL" })).code, 0);
    t.same(await world.traces("host1"), []);
  });

  await t.test("GC removes what the runtime does not know, of its own network", async (t) => {
    await callCni({ ...one, command: "ADD" });
    const elsewhere = { ...one, containerId: "c5", netns: other };
    await callCni({
      ...elsewhere,
      command: "ADD",
      config: networkConfig(host1, { name: "other" }),
    });
    const valid = { "cni.dev/valid-attachments": [], cniVersion: "1.1.0" };
    t.equal((await callCni({ command: "GC", config: networkConfig(host1, valid) })).code, 0);
    const left = (await world.traces("host1")).filter((trace) => /^workloadendpoint/.test(trace));
    t.match(left, [/c5/]);
    await callCni({
      ...elsewhere,
      command: "DEL",
      config: networkConfig(host1, { name: "other" }),
    });
    t.same(await world.traces("host1"), []);
  });

  await t.test("what cannot be done is said in the specification's numbers", async (t) => {
    for (const [what, call, code] of [
      ["an unknown version", { config: networkConfig(host1, { cniVersion: "9.0.0" }) }, 1],
      ["a namespace that is not there", { netns: "/run/netns/nothing" }, 3],
      ["a file that is no namespace", { netns: "/etc/passwd" }, 3],
      ["no container", { containerId: "" }, 4],
      ["an interface name that is a path", { interfaceName: "../x" }, 4],
      ["no JSON", { config: "{" }, 6],
      ["the host's own namespace", { netns: `/run/netns/${world.lab.namespace("host1")}` }, 7],
      ["no daemon", { config: networkConfig(host1, { socket: "/nothing" }) }, 11],
    ] as const) {
      const { json } = await callCni({ ...one, command: "ADD", ...call });
      t.match(json, { code, msg: String }, `${what}: ${json.msg}`);
    }
    t.same(await world.traces("host1"), []);
    const gone = networkConfig(host1, { socket: "/nothing", cniVersion: "1.1.0" });
    t.match((await callCni({ command: "STATUS", config: gone })).json, { code: 50 });
    t.equal((await callCni({ command: "STATUS", config })).code, 0);
    t.match((await callCni({ ...one, command: "DEL", config: gone })).json, { code: 11 });
  });

  await t.test("twenty calls at once get twenty addresses, and give them back", async (t) => {
    const names = Array.from({ length: 20 }, (_, index) => `many${index}`);
    const paths = await Promise.all(names.map((name) => world.sandbox(name)));
    const calls = paths.map((path, index) => ({ containerId: `m${index}`, netns: path, config }));
    const added = await Promise.all(calls.map((call) => callCni({ ...call, command: "ADD" })));
    t.same(
      added.map(({ code }) => code),
      calls.map(() => 0),
    );
    t.equal(new Set(added.map(({ json }) => firstAddress(json))).size, 20);
    const gone = await Promise.all(calls.map((call) => callCni({ ...call, command: "DEL" })));
    t.same(
      gone.map(({ code }) => code),
      calls.map(() => 0),
    );
    t.same(await world.traces("host1"), []);
  });

  await t.test("twenty calls at once for one container leave it whole or gone", async (t) => {
    const commands = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? "ADD" : "DEL"));
    const answers = await Promise.all(commands.map((command) => callCni({ ...one, command })));
    t.same(
      answers.map(({ code, json }) => [code, json.msg]),
      commands.map(() => [0, undefined]),
      "none stands in another's way",
    );
    const again = await callCni({ ...one, command: "ADD" });
    t.equal(again.code, 0, "the last word counts");
    await world.reaches("host1", firstAddress(again.json));
    t.equal((await callCni({ ...one, command: "DEL" })).code, 0);
    t.same(await world.traces("host1"), []);
  });
});
