import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import type { Datastore } from "../../../src/datastore/datastore.ts";
import { DatastoreError } from "../../../src/datastore/datastore.ts";
import { allocationsOf } from "../../../src/ipam/block.ts";
import { Ipam } from "../../../src/ipam/ipam.ts";
import { checkIpam } from "../../../src/ipam/ipam-check.ts";
import { readBlock } from "../../../src/ipam/ipam-objects.ts";
import { repairFinding } from "../../../src/ipam/ipam-repair.ts";
import { AddressBook } from "./address-book.ts";
import { CalicoClient } from "./calico-client.ts";
import { Interleaving } from "./interleaving.ts";
import { addressesOf, configuration, object, pick, pool, randomFrom } from "./ipam-support.ts";

/** A pool of four blocks of four addresses: so small that everybody is in everybody's way. */
const BLOCKS = ["10.0.0.0/30", "10.0.0.4/30", "10.0.0.8/30", "10.0.0.12/30"] as const;
const HOSTS = ["a", "b", "c"] as const;
const SIZE = 16;

/** What the cluster of a history begins with. */
export function historyObjects(random: () => number) {
  const hosts = HOSTS.map((host) => object("Node", host));
  const config =
    random() < 0.3
      ? [configuration({ strictAffinity: true, maxBlocksPerHost: 2 })]
      : random() < 0.3
        ? [configuration({ ipCooldownSeconds: 30 })]
        : [];
  return [pool("10.0.0.0/28", { blockSize: 30 }), ...hosts, ...config];
}

export type HistoryOptions = {
  readonly datastore: Datastore;
  readonly seed: number;
  readonly programs: number;
  /** How many calls each program makes. */
  readonly calls: number;
  /** Whether some of the programs are Calico's, which need several writes for each step. */
  readonly withCalico: boolean;
};

/**
 * One history: programs assign, release, lose blocks, die and come back, and then the dust settles. Throws when an address
 * had two owners, an owner lost one, or one was lost for good.
 */
export async function runHistory(options: HistoryOptions): Promise<Interleaving["happened"]> {
  const { datastore, seed, withCalico } = options;
  const random = randomFrom(seed);
  const interleaving = new Interleaving(random);
  const clock = { now: Date.parse("2026-01-01T00:00:00Z") };
  const world: World = {
    datastore,
    random,
    interleaving,
    clock,
    book: new AddressBook(),
    handles: new Set(),
  };
  const running = Promise.all(
    Array.from({ length: options.programs }, (_, index) =>
      runProgram(world, { index, calls: options.calls, calico: withCalico && index % 2 === 1 }),
    ),
  );
  running.catch(() => {});
  let steps = 0;
  await interleaving.run(async () => {
    clock.now += Math.floor(random() * 4000);
    if (++steps % 16 === 0) await assertSound(world, { exact: !withCalico });
  });
  await running;
  interleaving.calm();
  await assertSound(world, { exact: !withCalico });
  await assertNothingLost(world);
  return interleaving.happened;
}

type World = {
  readonly datastore: Datastore;
  readonly random: () => number;
  readonly interleaving: Interleaving;
  readonly clock: { now: number };
  readonly book: AddressBook;
  /** Every handle that anybody ever used. */
  readonly handles: Set<string>;
};

/** A program that is started again whenever it has died, until it has made its calls. */
async function runProgram(
  world: World,
  {
    index,
    calls,
    calico,
  }: { readonly index: number; readonly calls: number; readonly calico: boolean },
): Promise<void> {
  const host = pick(world.random, HOSTS);
  const own: string[] = [];
  let life = { alive: true };
  const open = () => {
    life = { alive: true };
    const datastore = world.interleaving.view(world.datastore, life);
    const now = () => world.clock.now;
    const blocks = [...BLOCKS.slice(index), ...BLOCKS.slice(0, index)];
    return calico
      ? new CalicoClient({ datastore, host, blocks, now })
      : new Ipam({ datastore, now });
  };
  let client = open();
  for (let call = 0; call < calls; call++) {
    const handle = `h${index}-${call}`;
    const work =
      client instanceof Ipam
        ? callOurs(world, { ipam: client, host, handle, own })
        : callCalico(world, { client, handle, own });
    const ended = work.then(() => "ended", ignoreDatastoreErrors);
    if ((await Promise.race([ended, death(world, life)])) === "died") client = open();
  }
}

type OurCall = {
  readonly ipam: Ipam;
  readonly host: string;
  readonly handle: string;
  /** Handles that this program owns. */
  readonly own: string[];
};

async function callOurs(world: World, { ipam, host, handle, own }: OurCall): Promise<void> {
  const { random, book } = world;
  const chance = random();
  if (chance < 0.45) {
    world.handles.add(handle);
    const ipv4Count = 1 + Math.floor(random() * 3);
    const lowestFreeBlock = random() < 0.3;
    const result = await ipam.assign({
      host,
      handle,
      ipv4Count,
      intendedUse: "Workload",
      lowestFreeBlock,
    });
    if (result.type === "refused") return;
    for (const address of addressesOf(result)) book.given(address, handle);
    own.push(handle);
  } else if (chance < 0.55) {
    world.handles.add(handle);
    const addresses = [IpAddress(`10.0.0.${Math.floor(random() * SIZE)}`)];
    const result = await ipam.assignAddresses({ host, handle, addresses });
    if (result.type === "refused") return;
    for (const address of addressesOf(result)) book.given(address, handle);
    own.push(handle);
  } else if (chance < 0.85) {
    const [mine] = own.splice(Math.floor(random() * own.length), 1);
    if (mine === undefined) return;
    book.letGo(mine);
    await ipam.release({ handle: mine });
  } else if (chance < 0.9) {
    // Somebody who is late: the address may be another's by now.
    const address = IpAddress(`10.0.0.${Math.floor(random() * SIZE)}`);
    await ipam.release({ addresses: [{ address, handle: "nobody", sequenceNumber: 1n }] });
  } else if (chance < 0.97) {
    const onlyIfEmpty = random() < 0.5;
    await ipam.releaseAffinity({ host, cidr: Prefix(pick(random, BLOCKS)), onlyIfEmpty });
  } else await ipam.releaseHost(host);
}

async function callCalico(
  world: World,
  {
    client,
    handle,
    own,
  }: { readonly client: CalicoClient; readonly handle: string; readonly own: string[] },
): Promise<void> {
  if (world.random() < 0.6) {
    world.handles.add(handle);
    const address = await client.assign(handle);
    if (address === undefined) return;
    world.book.given(address, handle);
    own.push(handle);
  } else {
    const [mine] = own.splice(Math.floor(world.random() * own.length), 1);
    if (mine === undefined) return;
    world.book.letGo(mine);
    await client.release(mine);
  }
}

/** What must hold at every moment, crashes or not. */
async function assertSound(world: World, { exact }: { readonly exact: boolean }): Promise<void> {
  const { resources } = await world.datastore.list();
  const holders = new Map<string, string | undefined>();
  for (const resource of resources) {
    if (resource.kind !== "IPAMBlock") continue;
    const block = readBlock(resource);
    if (block === undefined) throw new Error(`${resource.metadata.name} cannot be read`);
    for (const { address, handle, releasedAt } of allocationsOf(block)) {
      if (releasedAt === undefined) holders.set(address, handle);
    }
  }
  for (const [address, owner] of world.book.entries) {
    const holder = holders.get(address);
    if (holder !== owner) throw new Error(`${address} is ${owner}'s, but the block says ${holder}`);
  }
  if (!exact) return;
  const { findings } = await checkIpam(world.datastore);
  const wrong = findings.filter(({ type }) => type !== "leak" && type !== "emptyOrphan");
  if (wrong.length > 0) throw new Error(`inconsistent: ${JSON.stringify(wrong, plain)}`);
}

/** After every owner has gone each address can be had again, without any help; and an audit finds nothing that it cannot mend. */
async function assertNothingLost(world: World): Promise<void> {
  const { datastore, clock } = world;
  const ipam = new Ipam({ datastore, now: () => clock.now });
  for (const handle of world.handles) await ipam.release({ handle });
  clock.now += 120_000;
  const everything = await Promise.all(
    Array.from({ length: SIZE }, (_, index) => {
      const host = HOSTS[index % 2] ?? "a";
      return ipam.assign({ host, handle: `all-${index}`, ipv4Count: 1, intendedUse: "Workload" });
    }),
  );
  const addresses = new Set(everything.flatMap(addressesOf));
  if (addresses.size !== SIZE) throw new Error(`only ${addresses.size} of ${SIZE} can be had`);
  for (let index = 0; index < SIZE; index++) await ipam.release({ handle: `all-${index}` });
  clock.now += 120_000;
  for (const finding of (await checkIpam(datastore)).findings) await repairFinding(ipam, finding);
  const left = (await checkIpam(datastore)).findings;
  if (left.length > 0) throw new Error(`not repaired: ${JSON.stringify(left, plain)}`);
}

function ignoreDatastoreErrors(error: unknown): "ended" {
  if (error instanceof DatastoreError) return "ended";
  throw error;
}

async function death({ interleaving }: World, life: { readonly alive: boolean }): Promise<"died"> {
  await interleaving.deathOf(life);
  return "died";
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
