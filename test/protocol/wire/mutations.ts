import fc from "fast-check";

/** Like what a peer with a bug sends: octets changed at random, or one attribute spoilt with all lengths around it right. */
export const mutations = fc.record({
  octets: fc.oneof(
    { arbitrary: fc.constant([]), weight: 2 },
    fc.array(fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) }), { maxLength: 2 }),
  ),
  attribute: fc.option(
    fc.record({
      which: fc.nat(),
      kind: fc.constantFrom("flags", "shorter", "longer", "set", "repeat", "remove"),
      value: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 0x10, 0x20, 0x40, 0x80, 0xc0)),
    }),
  ),
});

type Mutation = typeof mutations extends fc.Arbitrary<infer T> ? T : never;
type AttributeOctets = { flags: number; code: number; value: number[] };

/** The UPDATE in `bytes`, which is well-formed, with this mutation. */
export function mutated(bytes: Uint8Array, { octets, attribute }: Mutation): Uint8Array {
  const result = attribute ? spoilt(bytes, attribute) : bytes.slice();
  for (const { at, value } of octets) result[19 + (at % (result.length - 19))] = value;
  return result;
}

function spoilt(bytes: Uint8Array, change: NonNullable<Mutation["attribute"]>): Uint8Array {
  const start = 23 + ((bytes[19] ?? 0) << 8) + (bytes[20] ?? 0);
  const end = start + ((bytes[start - 2] ?? 0) << 8) + (bytes[start - 1] ?? 0);
  const attributes = split(bytes, start, end);
  const index = change.which % attributes.length;
  const victim = attributes[index];
  if (victim === undefined) return bytes.slice();
  const { value } = victim;
  const last = Math.max(0, value.length - 1 - (change.value % 4));
  if (change.kind === "flags") victim.flags ^= change.value;
  else if (change.kind === "shorter") value.splice(last);
  else if (change.kind === "longer") value.push(change.value);
  else if (change.kind === "set") value[change.value % (value.length + 1)] = change.value;
  else if (change.kind === "repeat") attributes.push({ ...victim, value: [...value] });
  else attributes.splice(index, 1);
  const all = attributes.flatMap(join);
  const body = [
    ...bytes.subarray(19, start - 2),
    ...u16(all.length),
    ...all,
    ...bytes.subarray(end),
  ];
  return Uint8Array.from([...bytes.subarray(0, 16), ...u16(19 + body.length), 2, ...body]);
}

function split(bytes: Uint8Array, start: number, end: number): AttributeOctets[] {
  const attributes: AttributeOctets[] = [];
  for (let at = start; at < end; ) {
    const [flags = 0, code = 0, high = 0, low = 0] = bytes.subarray(at, at + 4);
    const extended = (flags & 0x10) !== 0;
    const value = at + (extended ? 4 : 3);
    const next = value + (extended ? high * 256 + low : high);
    attributes.push({ flags, code, value: [...bytes.subarray(value, next)] });
    at = next;
  }
  return attributes;
}

function join({ flags, code, value }: AttributeOctets): number[] {
  return value.length > 255 || (flags & 0x10) !== 0
    ? [flags | 0x10, code, ...u16(value.length), ...value]
    : [flags, code, value.length, ...value];
}

function u16(value: number): number[] {
  return [value >> 8, value & 255];
}
