import { DirectoryDatastore } from "../../../src/datastore/directory/directory-datastore.ts";

/** A process of its own that adds to a shared counter, and makes objects of its own: see datastore.test.ts. */
const [directory = "", rounds = "0", name = ""] = process.argv.slice(2);
const datastore = new DirectoryDatastore({ directory });

for (let round = 0; round < Number(rounds); round++) {
  while (!(await increment())) {
    // Somebody else was quicker: read again.
  }
  const metadata = { name: `${name}-${round}` };
  const spec = { peerIP: "10.0.0.1", asNumber: 1 };
  const apiVersion = "projectcalico.org/v3";
  const created = await datastore.create({ apiVersion, kind: "BGPPeer", metadata, spec });
  if (created.type !== "written") throw new Error(created.type);
}
await datastore.close();

async function increment(): Promise<boolean> {
  const read = await datastore.get({ kind: "BGPPeer", name: "counter" });
  if (read === undefined) throw new Error("the counter is gone");
  const asNumber = Number(read.spec["asNumber"]) + 1;
  const result = await datastore.update({ ...read, spec: { ...read.spec, asNumber } });
  return result.type === "written";
}
