import {
  type IpAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  ipVersion,
} from "../../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../../protocol/types/prefix.ts";

/** The fewest prefixes that are together exactly the addresses from `first` to `last`; undefined when there are none. */
export function prefixesOfRange(first: IpAddress, last: IpAddress): readonly Prefix[] | undefined {
  if (ipVersion(first) !== ipVersion(last)) return undefined;
  const bits = ipVersion(first) === 4 ? 32 : 128;
  let from = numberOf(first);
  const end = numberOf(last);
  if (from > end) return undefined;
  const prefixes: Prefix[] = [];
  while (from <= end) {
    let hostBits = 0;
    while (hostBits < bits) {
      const size = 1n << BigInt(hostBits + 1);
      if (from % size !== 0n || from + size - 1n > end) break;
      hostBits++;
    }
    prefixes.push(Prefix(`${addressOf(from, bits)}/${bits - hostBits}`));
    from += 1n << BigInt(hostBits);
  }
  return prefixes;
}

function numberOf(address: IpAddress): bigint {
  return BigInt(`0x${Buffer.from(ipAddressToBytes(address)).toString("hex")}`);
}

function addressOf(value: bigint, bits: number): IpAddress {
  return ipAddressFromBytes(Buffer.from(value.toString(16).padStart(bits / 4, "0"), "hex"));
}
