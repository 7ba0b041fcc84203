import t from "tap";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import {
  decodeShutdownCommunication,
  encodeShutdownCommunication,
  notificationText,
} from "../../../protocol/wire/notification-text.ts";
import { fromHex } from "../../../protocol/wire/octets.ts";
import { encodeUtf8 } from "../../../protocol/wire/utf8.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../protocol/wire/wire-context.ts";
import { readJsonLines } from "../../support/fixture.ts";

const text = (code: number, subcode: number, hex = ""): string =>
  notificationText({ code, subcode, data: fromHex(hex) });

t.test("codes and subcodes have names", async (t) => {
  t.equal(text(4, 0), "Hold Timer Expired");
  t.equal(text(6, 7), "Cease/Connection Collision Resolution");
  t.equal(text(6, 10), "Cease/BFD Down");
  t.equal(text(2, 11), "OPEN Message Error/Role Mismatch");
  t.equal(text(2, 9), "OPEN Message Error/subcode 9");
  t.equal(text(8, 0), "Send Hold Timer Expired");
  t.equal(text(99, 3), "Error 99/subcode 3");
});

t.test("the data field in words where an RFC gives it a meaning", async (t) => {
  t.equal(text(1, 2, "1001"), "Message Header Error/Bad Message Length: length 4097");
  t.equal(text(1, 3, "09"), "Message Header Error/Bad Message Type: type 9");
  t.match(text(2, 1, "0004"), "largest supported version 4");
  t.equal(
    text(3, 5, "4001020000"),
    "UPDATE Message Error/Attribute Length Error: ORIGIN, 4001020000",
  );
  t.equal(text(3, 3, "03"), "UPDATE Message Error/Missing Well-known Attribute: NEXT_HOP");
  t.equal(
    text(6, 1, "000101000003e8"),
    "Cease/Maximum Number of Prefixes Reached: ipv4-unicast, limit 1000",
  );
  t.equal(
    text(6, 9, "06020568656c6c6f"),
    'Cease/Hard Reset: Cease/Administrative Shutdown: "hello"',
  );
  t.equal(text(6, 9, "0609".repeat(500)), `Cease/Hard Reset: data ${"0609".repeat(500)}`);
  t.equal(text(7, 1, "ff"), "ROUTE-REFRESH Message Error/Invalid Message Length: data ff");
});

t.test("a shutdown communication is UTF-8, else hex (RFC 9003 §2)", async (t) => {
  t.equal(text(6, 2, "056869c3a421"), 'Cease/Administrative Shutdown: "hiä!"');
  t.equal(text(6, 4, "02fffe"), "Cease/Administrative Reset: data 02fffe");
  t.equal(text(6, 2, "00"), "Cease/Administrative Shutdown: data 00");
  t.equal(text(6, 2, "0361"), "Cease/Administrative Shutdown: data 0361", "length beyond the data");
  t.equal(
    text(6, 2, "020a1b"),
    'Cease/Administrative Shutdown: "\\n\\u001b"',
    "no control characters",
  );
});

t.test("a communication is cut to 255 octets between characters", async (t) => {
  for (const sent of [
    "",
    "maintenance at noon",
    "ä".repeat(200),
    "€".repeat(100),
    "😀".repeat(64),
  ]) {
    const data = encodeShutdownCommunication(sent);
    t.ok(data.length <= 256 && data[0] === data.length - 1);
    if (sent === "") continue;
    const received = decodeShutdownCommunication(data) ?? "";
    t.ok(received.length > 0 && sent.startsWith(received), received);
    t.ok(encodeUtf8(received).length === data.length - 1);
  }
  t.equal(decodeShutdownCommunication(encodeShutdownCommunication("a\ud800b")), "a\ufffdb");
});

t.test("a NOTIFICATION with any code and data is kept as it is", async (t) => {
  const rows = readJsonLines<{ id: string; hex: string }>("test/fixtures/malformed.jsonl");
  const long = rows.find(({ id }) => id === "c-a-notif-shutdown-comm-long");
  const message = decodeMessage(fromHex(long?.hex ?? ""), DEFAULT_WIRE_CONTEXT);
  t.ok(message.type === "notification" && notificationText(message).length > 200);
  const again = encodeMessage(message, DEFAULT_WIRE_CONTEXT);
  t.strictSame(decodeMessage(again, DEFAULT_WIRE_CONTEXT), message);
});
