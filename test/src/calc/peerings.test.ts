import t from "tap";
import { peeringsOf, stateOf } from "./calc-support.ts";
import { PEERING_ROWS } from "./peering-rows.ts";

t.test("the peerings of a host", async (t) => {
  for (const [name, resources, host, expected] of PEERING_ROWS) {
    const state = stateOf(host, ...resources);
    t.strictSame(peeringsOf(state), expected, name);
    t.strictSame(state.problems, [], name);
  }
});

t.test("the two ends of every peering between nodes agree", async (t) => {
  for (const [name, resources] of PEERING_ROWS) {
    const states = new Map(
      ["a", "b", "c", "i", "j", "q", "r", "s"].map((host) => [host, stateOf(host, ...resources)]),
    );
    for (const [host, state] of states) {
      for (const peering of state.speaker.peers) {
        const other = [...states.values()].find((each) =>
          each.speaker.ownAddresses.includes(peering.address),
        );
        if (other === undefined || resources.some((each) => "reversePeering" in each.spec))
          continue;
        const back = other.speaker.peers.find(
          ({ localAddress, address }) =>
            localAddress === peering.address && state.speaker.ownAddresses.includes(address),
        );
        if (back === undefined) {
          t.equal(
            name,
            "nor where the AS number is not the node's",
            `${host} has ${peering.name}, ${other.nodeName} nothing`,
          );
          continue;
        }
        t.notOk(back.passive && peering.passive, `${name}: somebody opens ${peering.name}`);
        t.equal(back.peerAsn, peering.localAsn, name);
        t.strictSame(back.families, peering.families, name);
        t.equal(back.address, peering.localAddress, name);
      }
    }
  }
});
