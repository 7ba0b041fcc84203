import t from "tap";
import { ATTRIBUTE_ROWS } from "./rfc7606-attribute-rows.ts";
import { MESSAGE_ROWS } from "./rfc7606-message-rows.ts";
import { readByCursor, readByMessage } from "./two-doors.ts";
import { EXTERNAL } from "./update-octets.ts";

/*
 * RFC 7606 row by row, through both doors.
 */
for (const row of [...MESSAGE_ROWS, ...ATTRIBUTE_ROWS]) {
  t.test(row.name, async (t) => {
    const context = row.context ?? EXTERNAL;
    const reading = readByMessage(row.bytes, context);
    t.strictSame(readByCursor(row.bytes, context), reading, "both doors agree");
    if (reading.outcome === "error") {
      t.ok("reset" in row, `unexpected reset ${reading.notification}`);
      if ("reset" in row) {
        t.strictSame(reading.notification, row.reset);
        if (row.data !== undefined) t.equal(reading.data, row.data);
      }
      if (row.offset !== undefined) t.equal(reading.offset, row.offset);
      return;
    }
    t.ok("faults" in row, "a session reset was due");
    if (!("faults" in row)) return;
    const faults = reading.faults.map((fault) => `${fault.severity} ${fault.attributeCode}`);
    t.strictSame(faults, row.faults);
    if (row.offset !== undefined) t.equal(reading.faults[0]?.offset, row.offset);
    t.equal(reading.announced.length, row.announced ?? 1, "prefixes can be told in any case");
  });
}
