import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { hostPrefix, type Prefix, parsePrefix } from "../../protocol/types/prefix.ts";
import { parseDuration } from "../resources/duration.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

/** What people type after `ipam`, checked. */

export function addressWord(word: string | boolean | undefined): IpAddress {
  const address = typeof word === "string" ? parseIpAddress(word) : undefined;
  if (address !== undefined) return address;
  throw usage(`"${word ?? ""}" is not an IP address`, "write it as 192.168.0.17 or fd80::11");
}

/** A range; a single address is one of /32 or /128. */
export function rangeWord(word: string | undefined): Prefix {
  const address = parseIpAddress(word ?? "");
  const range = address === undefined ? parsePrefix(word ?? "") : hostPrefix(address);
  if (range !== undefined) return range;
  throw usage(`"${word ?? ""}" is not a range of addresses`, "write it as 192.168.0.0/28");
}

export function secondsWord(word: string): number {
  const seconds = parseDuration(word);
  if (seconds !== undefined) return seconds;
  throw usage(`"${word}" is not a duration`, 'write it as "30s" or "5m"');
}

export function booleanWord(word: string): boolean {
  if (word === "true" || word === "false") return word === "true";
  throw usage(`"${word}" is neither true nor false`);
}

export function numberWord(word: string): number {
  if (/^\d{1,9}$/.test(word)) return Number(word);
  throw usage(`"${word}" is not a number`);
}

export function usage(what: string, fix?: string): CommandFailure {
  return new CommandFailure({ what, fix, exitCode: ExitCode.usage });
}
