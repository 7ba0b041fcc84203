/**
 * What a route costs: octets of the tables by part, of V8's heap and of the process, for a synthetic full table told to
 * some clients, and what stays when half of the routes, or the peer that fed them, are gone; one JSON line a measurement.
 * Each case runs in a process of its own, with the collector at hand (`--expose-gc`), so that "process" is what the case took.
 *
 *   sh .ci/with-node node test/bench/memory.bench.ts [prefixes]
 */
import { spawnSync } from "node:child_process";
import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import { Rib } from "../../protocol/rib/rib.ts";
import { totalOctets } from "../../protocol/rib/rib-memory.ts";
import { UpdateGroups } from "../../protocol/speaker/export/update-groups.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Instant } from "../../protocol/types/instant.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { CLIENT_PROFILE } from "./client-profile.ts";
import { type SyntheticTable, synthesiseTable } from "./rib-table.ts";

/** As a driver does it: decide and send after about this many prefixes. */
const SLICE = 4096;
const FLAP_CYCLES = 20;
const FEEDER = 1;
const FIRST_CLIENT = 2;
const NOW = Instant(0);
const NEXT_HOPS = { ipv4: IpAddress("10.0.0.1"), ipv6: IpAddress("2001:db8::1") };

/** A reflector with a feeding peer and some clients, and no I/O. */
class Reflector {
  readonly #rib = new Rib(DEFAULT_DECISION);
  readonly #groups = new UpdateGroups(this.#rib);
  readonly #family: Family;
  readonly #clients: readonly number[];
  readonly #words: Uint32Array;
  readonly #octets = new Uint8Array(256);

  constructor(family: Family, clients: number) {
    this.#family = family;
    this.#words = new Uint32Array(family === IPV4_UNICAST ? 1 : 4);
    this.#clients = Array.from({ length: clients }, (_, i) => FIRST_CLIENT + i);
    for (const peer of [FEEDER, ...this.#clients]) {
      const address = IpAddress(`10.0.0.${peer}`);
      const facts = { type: "ibgp", routeReflectorClient: true, routerId: peer, address } as const;
      this.#rib.setPeer(peer, facts);
    }
    this.#rib.nextHopChanged(
      Object.values(NEXT_HOPS).map((nextHop) => ({
        nextHop,
        reachable: true,
        metric: 1,
        onLink: true,
      })),
    );
    for (const peerIndex of this.#clients) this.#groups.join({ peerIndex, family }, CLIENT_PROFILE);
  }

  /** Announces the table; `variant` changes the attributes of all of it. */
  announce(table: SyntheticTable, variant: number): void {
    const family = this.#rib.family(this.#family);
    let set = 0;
    for (let i = 0; i < table.prefixes.length; i++) {
      if (i === 0 || table.setOf[i] !== table.setOf[i - 1]) {
        if (i % SLICE < 8) this.#turn();
        set = this.#intern(table, table.setOf[i] as number, variant);
      }
      this.#readPrefix(table, i);
      family.announce(FEEDER, this.#words, table.lengths[i] as number, 0, set, set);
    }
    this.settle();
  }

  /** Takes back every route whose place in the table is a multiple of `step`. */
  withdraw(table: SyntheticTable, step: number): void {
    const family = this.#rib.family(this.#family);
    for (let i = 0; i < table.prefixes.length; i += step) {
      this.#readPrefix(table, i);
      family.withdraw(FEEDER, this.#words, table.lengths[i] as number, 0);
      if (i % SLICE < step) this.#turn();
    }
    this.settle();
  }

  leave(): void {
    this.#rib.family(this.#family).removePeer(FEEDER);
    this.settle();
  }

  settle(): void {
    do this.#pull();
    while (this.#rib.work(SLICE) || this.#rib.hasGarbage());
    this.#pull();
    while (this.#rib.work(SLICE) || this.#rib.hasGarbage());
  }

  routes(): number {
    return this.#rib.family(this.#family).routeCount();
  }

  memory() {
    const rib = this.#rib.memory();
    const sent = this.#groups.byteLength();
    return { ...rib, sent, tables: totalOctets(rib) + sent };
  }

  #turn(): void {
    this.#rib.work(2 * SLICE);
    this.#pull();
  }

  #pull(): void {
    for (let given = true; given; ) {
      given = false;
      for (const peer of this.#clients) {
        if (this.#groups.pull(peer, 1 << 18, NOW).length > 0) given = true;
      }
    }
  }

  #readPrefix(table: SyntheticTable, i: number): void {
    const address = table.prefixes[i] as number;
    if (this.#family === IPV4_UNICAST) {
      this.#words[0] = address;
      return;
    }
    // The same tree of prefixes below 2001::/16; lengths up to /48 as they are used.
    this.#words[0] = 0x2001_0000 | (address >>> 16);
    this.#words[1] = (address << 16) >>> 0;
  }

  /** The set with its next hop in the right family; a variant has another LOCAL_PREF, which stands right before the communities. */
  #intern(table: SyntheticTable, number: number, variant: number): number {
    const from = table.setStart[number] as number;
    const end = table.setStart[number + 1] as number;
    const ipv6 = this.#family === IPV6_UNICAST;
    const head = ipv6
      ? [16, 0x20, 1, 0x0d, 0xb8, ...new Array<number>(11).fill(0), 1]
      : [4, 10, 0, 0, 1];
    this.#octets.set(head);
    this.#octets.set(table.octets.subarray(from + 5, end), head.length);
    const length = head.length + end - from - 5;
    new DataView(this.#octets.buffer).setUint32(length - COMMUNITIES_OCTETS - 4, 100 + variant);
    return this.#rib.attributeSets.intern(this.#octets, 0, length);
  }
}

/** COMMUNITIES with two of them, behind LOCAL_PREF in every set of the synthetic table. */
const COMMUNITIES_OCTETS = 11;

type Case = {
  readonly family: "ipv4" | "ipv6";
  readonly clients: number;
  readonly prefixes: number;
};

function runCase({ family, clients, prefixes }: Case): void {
  const ofFamily = family === "ipv4" ? IPV4_UNICAST : IPV6_UNICAST;
  const table = tableOf(family, prefixes);
  const start = processOctets();
  const reflector = new Reflector(ofFamily, clients);
  const report = (state: string) => {
    const { tables, ...parts } = reflector.memory();
    const now = processOctets();
    const routes = reflector.routes();
    const line = {
      bench: "memory",
      family,
      clients,
      state,
      routes,
      tables,
      ...(routes > 0 && { tablesPerRoute: round(tables / routes) }),
      heap: now.heap - start.heap,
      process: now.resident - start.resident,
      ...(routes > 0 && { processPerRoute: round((now.resident - start.resident) / routes) }),
      parts,
    };
    console.log(JSON.stringify(line));
  };
  reflector.announce(table, 0);
  report("loaded");
  for (let cycle = 1; cycle <= FLAP_CYCLES; cycle++) reflector.announce(table, cycle);
  report(`attributes changed ${FLAP_CYCLES} times`);
  reflector.withdraw(table, 2);
  report("every second route withdrawn");
  reflector.leave();
  report("feeding peer left");
  reflector.announce(table, 0);
  report("loaded again");
  reflector.leave();
  report("left again");
}

/** IPv6 has lengths of its own: those of IPv4 and 16 more, whose host bits are zero just so. */
function tableOf(family: Case["family"], prefixes: number): SyntheticTable {
  const table = synthesiseTable(prefixes);
  if (family === "ipv4") return table;
  return { ...table, lengths: table.lengths.map((length) => length + 16) };
}

function processOctets(): { readonly heap: number; readonly resident: number } {
  // Twice: what a first collection finds at the end of its marking is freed by the next one.
  for (let i = 0; i < 2; i++) globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, resident: rss };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const [argument = "600000"] = process.argv.slice(2);
if (argument.startsWith("{")) runCase(JSON.parse(argument) as Case);
else {
  for (const [family, clients] of [
    ["ipv4", 1],
    ["ipv4", 10],
    ["ipv4", 50],
    ["ipv6", 10],
  ] as const) {
    const it = JSON.stringify({ family, clients, prefixes: Number(argument) } satisfies Case);
    const file = import.meta.filename;
    spawnSync(process.execPath, ["--expose-gc", "--max-semi-space-size=4", file, it], {
      stdio: "inherit",
    });
  }
}
