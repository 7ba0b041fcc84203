import { mock } from "node:test";
import t from "tap";
import type { PeerConfig, SpeakerConfig } from "../../../protocol/speaker/speaker-config.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { EventLog } from "../../../src/agent/event-log.ts";
import { RouteSweeps } from "../../../src/agent/route-sweeps.ts";
import { SpeakerSetup } from "../../../src/agent/speaker-setup.ts";
import type { HostState } from "../../../src/calc/host-state.ts";

const HOST = {
  speaker: { asn: 64512, ownAddresses: [IpAddress("10.0.0.1")], peers: [{ name: "tor" }] },
  listen: { port: 179, addresses: [IpAddress("10.0.0.1")] },
} as unknown as Pick<HostState, "speaker" | "listen">;

function setup(listen?: { port: number }) {
  const configured: { config: SpeakerConfig; listen: HostState["listen"] }[] = [];
  const lines: string[] = [];
  const known = { workloads: false };
  const subject = new SpeakerSetup({
    log: new EventLog({ level: "info", destination: { write: (line) => lines.push(line) } }),
    listen,
    held: { apply: (peer: PeerConfig) => ({ ...peer, passive: true }) },
    peersUp: () => ["tor"],
    workloadsAreKnown: () => known.workloads,
    configure: (config, where) => configured.push({ config, listen: where }),
  });
  return { subject, configured, known, lines };
}

t.test("no OPEN before both the kernel and the host's state are known", (t) => {
  for (const first of ["kernel", "host"] as const) {
    const { subject, configured } = setup();
    if (first === "kernel") subject.kernelReady({ preserved: [] });
    else subject.setHost(HOST);
    subject.workloadsChanged();
    subject.setOwnAddresses([IpAddress("10.9.9.9")]);
    t.equal(configured.length, 0, `${first} alone`);
    if (first === "kernel") subject.setHost(HOST);
    else subject.kernelReady({ preserved: [] });
    t.equal(configured.length, 1);
    t.notOk(configured[0]?.config.gracefulRestart, "nothing is left of an earlier run");
    t.strictSame(configured[0]?.config.ownAddresses, ["10.0.0.1", "10.9.9.9"]);
    t.match(configured[0]?.config.peers, [{ name: "tor", passive: true }], "held peers are held");
    t.strictSame(configured[0]?.listen, HOST.listen);
    subject.workloadsChanged();
    t.equal(configured.length, 1, "workloads are no news to the speaker");
    subject.setOwnAddresses([IpAddress("10.0.0.1")]);
    t.strictSame(configured[1]?.config.ownAddresses, ["10.0.0.1"]);
    subject.stop();
    subject.setHost(HOST);
    t.equal(configured.length, 2, "after a stop nothing is configured");
  }
  t.end();
});

t.test("a restart waits until it is known what is announced, and names who was up", (t) => {
  const { subject, configured, known } = setup({ port: 1179 });
  subject.kernelReady({ preserved: [IPV6_UNICAST] });
  subject.setHost(HOST);
  subject.workloadsChanged();
  t.equal(configured.length, 0, "its first words would be incomplete (RFC 4724 §4.1)");
  known.workloads = true;
  subject.workloadsChanged();
  t.match(configured, [
    {
      config: { gracefulRestart: { preservedFamilies: [IPV6_UNICAST], waitForPeers: ["tor"] } },
      listen: { port: 1179, addresses: HOST.listen.addresses },
    },
  ]);
  subject.stop();
  t.end();
});

t.test("a kernel that is silent is not waited for, and its late word counts no more", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.teardown(() => mock.timers.reset());
  const { subject, configured, lines } = setup();
  subject.setHost(HOST);
  mock.timers.tick(9_999);
  t.equal(configured.length, 0);
  mock.timers.tick(1);
  t.equal(configured.length, 1);
  t.match(lines.join(""), /kernel.silent/);
  subject.kernelReady({ preserved: [IPV4_UNICAST] });
  t.equal(configured.length, 1, "forwarding cannot be claimed after the OPEN said otherwise");
  subject.stop();
  const stopped = setup();
  stopped.subject.stop();
  mock.timers.tick(60_000);
  t.strictSame(stopped.lines, []);
  t.end();
});

t.test("a family is swept when the speaker knows its routes and the datastore is in sync", (t) => {
  const swept: unknown[] = [];
  const sweeps = new RouteSweeps((family) => swept.push(family));
  sweeps.datastore({ inSync: true });
  t.strictSame(swept, [], "the speaker has yet to hear its peers");
  sweeps.converged(IPV4_UNICAST);
  t.strictSame(swept.splice(0), [IPV4_UNICAST]);
  sweeps.datastore({ inSync: false });
  sweeps.converged(IPV6_UNICAST);
  sweeps.datastore({ inSync: false });
  t.strictSame(swept, [], "what nobody wants yet may be wanted by a store that is read");
  sweeps.datastore({ inSync: true });
  sweeps.datastore({ inSync: true });
  t.strictSame(swept, [IPV6_UNICAST], "once");
  t.end();
});
