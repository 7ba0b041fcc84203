import { Asn } from "../../protocol/types/asn.ts";
import { Community } from "../../protocol/types/community.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import type { AttributeSet } from "../../protocol/wire/attribute-set.ts";
import { encodeAttributeSet } from "../../protocol/wire/attribute-set.ts";
import { decodeMessage } from "../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../protocol/wire/encode-message.ts";
import { readFrame } from "../../protocol/wire/header.ts";
import type { UpdateMessage } from "../../protocol/wire/message.ts";
import { UpdateCursor } from "../../protocol/wire/update-cursor.ts";
import { UpdateWriter } from "../../protocol/wire/update-writer.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../protocol/wire/wire-context.ts";

/*
 * How fast octets become numbers and numbers octets, on UPDATEs shaped like those of a full table: 7.3 prefixes each, a path of
 * five AS numbers, some communities. Prints one JSON line a measurement: processor time, the best of several rounds,
 * so that a busy machine matters less.
 */
const UPDATES = 40_000;
const ROUNDS = 4;
const SLOW_DOOR_UPDATES = 10_000;
const CONTEXT: WireContext = { ...DEFAULT_WIRE_CONTEXT, peerType: "internal" };

/** Numbers that look random and are the same in every run. */
function lcg(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * limit);
  };
}

function attributeSet(random: (limit: number) => number, family: Family): AttributeSet {
  const asns = Array.from({ length: 3 + random(5) }, () => Asn(1 + random(400_000)));
  const communities = Array.from({ length: random(4) }, () => Community(random(0xffff_ffff)));
  return {
    nextHop: IpAddress(family === IPV4_UNICAST ? "192.0.2.1" : "2001:db8::1"),
    origin: "igp",
    asPath: [{ type: "sequence", asns }],
    ...(random(3) === 0 ? { med: random(1000) } : {}),
    localPref: 100,
    ...(communities.length > 0 ? { communities } : {}),
  };
}

type Stream = { readonly bytes: Uint8Array; readonly updates: number; readonly prefixes: number };

/** Whole UPDATEs one after the other. */
function stream(family: Family): Stream {
  const random = lcg(1);
  const writer = new UpdateWriter(CONTEXT);
  const bytes = new Uint8Array(UPDATES * 260);
  writer.attach(bytes);
  let prefixes = 0;
  for (let i = 0; i < UPDATES; i++) {
    writer.announce(encodeAttributeSet(attributeSet(random, family)), family);
    const count = 1 + random(13) + (random(3) === 0 ? 1 : 0);
    for (let j = 0; j < count; j++) {
      const length = family === IPV4_UNICAST ? 16 + random(9) : 32 + random(17);
      const word = (random(0x1_0000_0000) >>> 8) << 8;
      if (!writer.putAnnounced(length, word >>> 0, random(0x1_0000) * 0x1_0000, 0, 0, 0)) {
        throw new Error("the stream is longer than its buffer");
      }
    }
    prefixes += count;
  }
  return { bytes: bytes.subarray(0, writer.finish()), updates: UPDATES, prefixes };
}

function measure(name: string, work: { updates: number; prefixes: number }, run: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    run();
    best = Math.min(best, process.cpuUsage(before).user);
  }
  const seconds = best / 1e6;
  const line = {
    bench: name,
    updates: work.updates,
    prefixes: work.prefixes,
    updatesPerSecond: Math.round(work.updates / seconds),
    prefixesPerSecond: Math.round(work.prefixes / seconds),
    nanosecondsPerUpdate: Math.round((best * 1000) / work.updates),
    node: process.version,
  };
  console.log(JSON.stringify(line));
}

/** A sum over all fields, so that nothing of the walk can be optimised away. */
let sink = 0;

function walk({ bytes }: Stream, options: { readonly sets: boolean }): void {
  const cursor = new UpdateCursor();
  let at = 0;
  while (at < bytes.length) {
    const end = at + readFrame(bytes, at, bytes.length, CONTEXT);
    cursor.open(bytes, at, end, CONTEXT);
    while (cursor.nextWithdrawn()) sink = (sink + cursor.word0) | 0;
    while (cursor.nextAnnounced()) sink = (sink + (cursor.word0 ^ cursor.length)) | 0;
    if (options.sets) sink = (sink + cursor.attributeSet(cursor.family).length) | 0;
    at = end;
  }
}

/** What `walk` collects, with the set in a copy: the input of the encoder. */
function collect(input: Stream): readonly { set: Uint8Array; words: Uint32Array }[] {
  const cursor = new UpdateCursor();
  const updates: { set: Uint8Array; words: Uint32Array }[] = [];
  let at = 0;
  while (at < input.bytes.length) {
    const end = at + readFrame(input.bytes, at, input.bytes.length, CONTEXT);
    cursor.open(input.bytes, at, end, CONTEXT);
    const words: number[] = [];
    while (cursor.nextAnnounced()) words.push(cursor.length, cursor.word0, cursor.word1);
    const set = cursor.attributeSet(cursor.family).slice();
    updates.push({ set, words: Uint32Array.from(words) });
    at = end;
  }
  return updates;
}

function writeAll(
  updates: readonly { set: Uint8Array; words: Uint32Array }[],
  family: Family,
  context: WireContext,
  out: Uint8Array,
): void {
  const writer = new UpdateWriter(context);
  writer.attach(out);
  for (const { set, words } of updates) {
    writer.announce(set, family);
    for (let i = 0; i < words.length; i += 3) {
      const length = words[i] as number;
      writer.putAnnounced(length, words[i + 1] as number, words[i + 2] as number, 0, 0, 0);
    }
  }
  sink = (sink + writer.finish()) | 0;
}

for (const [name, family] of [
  ["ipv4", IPV4_UNICAST],
  ["ipv6", IPV6_UNICAST],
] as const) {
  const input = stream(family);
  measure(`codec.cursor.${name}`, input, () => walk(input, { sets: false }));
  measure(`codec.cursor-and-sets.${name}`, input, () => walk(input, { sets: true }));
  const updates = collect(input);
  const out = new Uint8Array(input.bytes.length * 2);
  measure(`codec.writer.${name}`, input, () => writeAll(updates, family, CONTEXT, out));
  const old = { ...CONTEXT, fourOctetAsn: false };
  measure(`codec.writer-two-octet.${name}`, input, () => writeAll(updates, family, old, out));
}

const input = stream(IPV4_UNICAST);
const messages: UpdateMessage[] = [];
const slices: Uint8Array[] = [];
for (let at = 0; slices.length < SLOW_DOOR_UPDATES; ) {
  const end = at + readFrame(input.bytes, at, input.bytes.length, CONTEXT);
  slices.push(input.bytes.subarray(at, end));
  at = end;
}
for (const slice of slices) messages.push(decodeMessage(slice, CONTEXT) as UpdateMessage);
const slow = {
  updates: SLOW_DOOR_UPDATES,
  prefixes: messages.reduce((sum, message) => sum + message.nlri.length, 0),
};
measure("codec.decodeMessage.ipv4", slow, () => {
  for (const slice of slices) sink = (sink + decodeMessage(slice, CONTEXT).type.length) | 0;
});
measure("codec.encodeMessage.ipv4", slow, () => {
  for (const message of messages) sink = (sink + encodeMessage(message, CONTEXT).length) | 0;
});
console.log(JSON.stringify({ bench: "codec.checksum", value: sink }));
