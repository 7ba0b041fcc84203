/**
 * A program that assigns and releases until it is killed, and writes to a shared file what it means to do and what it was told, so
 * that whoever killed it knows what it may have left behind. Arguments: endpoint, file, host, name of this life.
 */
import { openSync, writeSync } from "node:fs";
import { DatastoreError } from "../../src/datastore/datastore.ts";
import { EtcdDatastore } from "../../src/datastore/etcd/etcd-datastore.ts";
import { Ipam } from "../../src/ipam/ipam.ts";
import { pick, randomFrom } from "../src/ipam/ipam-support.ts";

const [endpoint = "", file = "", host = "", life = ""] = process.argv.slice(2);
const datastore = new EtcdDatastore({ endpoints: [endpoint], random: () => 0 });
const ipam = new Ipam({ datastore });
const book = openSync(file, "a");
/** One write in append mode: lines of several programs keep their order. */
const say = (...words: readonly string[]) => writeSync(book, `${words.join(" ")}\n`);
const random = randomFrom([...life].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7));
const own: string[] = [];

for (let count = 0; ; count++) {
  try {
    await step(`${life}-${count}`);
  } catch (error) {
    // What was not answered may have been done: whoever reads the book counts on nothing.
    if (!(error instanceof DatastoreError)) throw error;
  }
}

async function step(handle: string): Promise<void> {
  const chance = random();
  if (chance < 0.5 || own.length === 0) {
    say("asks", handle);
    const ipv4Count = 1 + Math.floor(random() * 2);
    const result = await ipam.assign({ host, handle, ipv4Count, intendedUse: "Workload" });
    if (result.type === "refused") return;
    for (const { address } of result.assignments) say("given", handle, address);
    own.push(handle);
  } else if (chance < 0.97) {
    const mine = pick(random, own);
    own.splice(own.indexOf(mine), 1);
    say("lets-go", mine);
    await ipam.release({ handle: mine });
  } else await ipam.releaseHost(host);
}
