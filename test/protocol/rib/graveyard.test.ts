import t from "tap";
import { CHANGE_BEST, ChangeLog } from "../../../protocol/rib/change-log.ts";
import { Graveyard } from "../../../protocol/rib/graveyard.ts";
import { PrefixTable } from "../../../protocol/rib/prefix-table.ts";

function makeGraveyard() {
  const prefixes = new PrefixTable(1);
  const log = new ChangeLog(16);
  const graveyard = new Graveyard(prefixes, log);
  const cursor = log.subscribe(CHANGE_BEST);
  const prefix = prefixes.insert(Uint32Array.of(0x0a00_0000), 8);
  const live = () => {
    prefixes.setHead(prefix, 1);
    log.append(prefix, CHANGE_BEST);
  };
  const die = () => {
    prefixes.setHead(prefix, 0);
    log.append(prefix, CHANGE_BEST);
    graveyard.add(prefix);
  };
  const read = () => {
    while (cursor.next() > 0);
  };
  return { prefixes, graveyard, prefix, live, die, read };
}

t.test("a prefix that died is freed when every reader has seen it", (t) => {
  const { prefixes, graveyard, prefix, live, die, read } = makeGraveyard();
  live();
  die();
  graveyard.bury(10);
  t.ok(prefixes.isUsed(prefix), "a reader is before its last entry");
  read();
  graveyard.bury(10);
  t.notOk(prefixes.isUsed(prefix));
  t.end();
});

t.test("a prefix that lived again and died again waits for its last death to be read", (t) => {
  const { prefixes, graveyard, prefix, live, die, read } = makeGraveyard();
  live();
  die();
  live();
  read();
  die();
  graveyard.bury(10);
  t.ok(prefixes.isUsed(prefix), "the reader has seen the first death only");
  read();
  graveyard.bury(10);
  t.notOk(prefixes.isUsed(prefix));
  t.end();
});
