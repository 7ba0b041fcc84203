import t, { type Test } from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { Ipam } from "../../../src/ipam/ipam.ts";
import { cluster, configuration, object, outcome, pick, pool, randomFrom } from "./ipam-support.ts";
import { fnv1, Oracle } from "./oracle.ts";
import { runHistories } from "./run-histories.ts";

t.test("one allocator gives what the slow and obvious model gives", (t) => {
  t.equal(fnv1("a").toString(16), "af63bd4c8601b7be", "the published value");
  return runAgainstOracle(t);
});

// The many are in test/sim; these keep what is known to have gone wrong.
t.test("histories of several allocators, with crashes between any two calls", async (t) => {
  await runHistories(t, { histories: 100, withCalico: false });
});

t.test("the same beside clients that need several writes for one step, as Calico's", async (t) => {
  await runHistories(t, { histories: 100, withCalico: true });
});

async function runAgainstOracle(t: Test): Promise<void> {
  const reached = new Set<string>();
  for (let seed = 0; seed < 120; seed++) {
    const random = randomFrom(seed);
    const strict = random() < 0.4;
    const reserved = random() < 0.5 ? ["10.0.0.5", "10.0.0.8"] : [];
    const { ipam } = cluster(
      pool("10.0.0.0/27", { blockSize: 30 }),
      configuration({ strictAffinity: strict }),
      object("IPReservation", "r", { reservedCIDRs: reserved.map((each) => `${each}/32`) }),
    );
    const oracle = new Oracle({ blocks: 8, strict, reserved: new Set(reserved) });
    const handles: string[] = [];
    for (let step = 0; step < 30; step++) {
      const { said, real, model } = await bothDo({ ipam, oracle, random, handles, step });
      if (real !== model) return void t.equal(real, model, `seed ${seed}, step ${step}: ${said}`);
      reached.add(`${said.split(" ")[0]} ${real.split(".")[0]}`);
    }
  }
  for (const wanted of [
    "assign 10",
    "assign exhausted",
    "address 10",
    "address taken",
    "address foreignBlock",
    "release 10",
  ]) {
    t.equal(reached.has(wanted), true, wanted);
  }
}

/** One step, asked of both. */
async function bothDo({
  ipam,
  oracle,
  random,
  handles,
  step,
}: {
  readonly ipam: Ipam;
  readonly oracle: Oracle;
  readonly random: () => number;
  readonly handles: string[];
  readonly step: number;
}): Promise<{ readonly said: string; readonly real: string; readonly model: string }> {
  const host = pick(random, ["a", "b", "core-07"]);
  const handle = `h${step}`;
  const chance = random();
  if (chance < 0.5) {
    const ipv4Count = 1 + Math.floor(random() * 6);
    const result = await ipam.assign({ host, handle, ipv4Count, intendedUse: "Workload" });
    if (result.type === "assigned") handles.push(handle);
    const model = oracle.assign(host, handle, ipv4Count);
    // The limit of blocks is never reached here: what is refused is refused for want of addresses.
    return { said: `assign ${host} ${ipv4Count}`, real: outcome(result), model };
  }
  if (chance < 0.65) {
    const last = Math.floor(random() * 32);
    const addresses = [IpAddress(`10.0.0.${last}`)];
    const result = await ipam.assignAddresses({ host, handle, addresses });
    if (result.type === "assigned") handles.push(handle);
    const model = oracle.assignAddress(host, handle, last);
    return { said: `address ${host} ${last}`, real: outcome(result), model };
  }
  if (chance < 0.97) {
    const [mine = "nobody"] = handles.splice(Math.floor(random() * handles.length), 1);
    const { released } = await ipam.release({ handle: mine });
    return {
      said: `release ${mine}`,
      real: released.toSorted().join(" "),
      model: oracle.release(mine),
    };
  }
  await ipam.releaseHost(host);
  oracle.releaseHost(host);
  return { said: `leave ${host}`, real: "", model: "" };
}
