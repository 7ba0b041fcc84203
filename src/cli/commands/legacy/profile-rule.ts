/*
 * Rules of profiles in the words of 2015: "allow tcp from tag WEB to ports 80,443". What today's rules can say beyond those
 * words is shown, too, but cannot be typed here.
 */
import { parsePrefix } from "../../../../protocol/types/prefix.ts";
import {
  type Profile,
  tagOfSelector,
  tagSelector,
  whyNotATag,
} from "../../../resources/legacy-profile.ts";

/** One rule of a profile as it is stored. */
export type ProfileRule = NonNullable<Profile["spec"]["ingress"]>[number];

/** The rule, or what is wrong with the words. */
export type ParsedRule =
  | { readonly type: "rule"; readonly rule: ProfileRule }
  | { readonly type: "wrong"; readonly why: string };

/**
 * (allow|deny) [(tcp|udp) [from [ports P][tag T][[cidr] C]] [to …] | (icmp|icmpv6) [type N [code N]] [from …] [to …] |
 * [from …] [to …]]
 */
export function parseRule(words: readonly string[]): ParsedRule {
  const cursor = new WordCursor(words);
  try {
    const rule = readRule(cursor);
    const extra = cursor.peek();
    if (extra !== undefined) throw new WordError(`${JSON.stringify(extra)} was not expected here`);
    return { type: "rule", rule };
  } catch (error) {
    if (error instanceof WordError) return { type: "wrong", why: error.message };
    throw error;
  }
}

/** The words of a rule, as `rule show` prints them. */
export function formatRule(rule: ProfileRule): string {
  const { action, protocol, icmp, source, destination } = rule;
  const words = [action.toLowerCase()];
  if (protocol !== undefined) words.push(String(protocol).toLowerCase());
  if (icmp?.type !== undefined) words.push("type", String(icmp.type));
  if (icmp?.code !== undefined) words.push("code", String(icmp.code));
  words.push(...endWords("from", source), ...endWords("to", destination));
  return words.join(" ");
}

class WordError extends Error {}

class WordCursor {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  peek(): string | undefined {
    return this.#words[this.#at];
  }

  next(): string | undefined {
    return this.#words[this.#at++];
  }

  /** Steps over the word if it is the next one. */
  take(word: string): boolean {
    const is = this.peek() === word;
    if (is) this.#at++;
    return is;
  }
}

type RuleEnd = NonNullable<ProfileRule["source"]>;

const PROTOCOLS: { readonly [word: string]: string } = {
  tcp: "TCP",
  udp: "UDP",
  icmp: "ICMP",
  icmpv6: "ICMPv6",
};

function readRule(words: WordCursor): ProfileRule {
  const action = words.next();
  if (action !== "allow" && action !== "deny") {
    throw new WordError("a rule begins with allow or deny");
  }
  const protocol = PROTOCOLS[words.peek() ?? ""];
  if (protocol !== undefined) words.next();
  const icmp = protocol === "ICMP" || protocol === "ICMPv6" ? readIcmp(words) : undefined;
  const withPorts = protocol === "TCP" || protocol === "UDP";
  const source = readEnd("from", words, { withPorts });
  const destination = readEnd("to", words, { withPorts });
  return {
    action: action === "allow" ? "Allow" : "Deny",
    ...(protocol !== undefined && { protocol }),
    ...(icmp !== undefined && { icmp }),
    ...(source !== undefined && { source }),
    ...(destination !== undefined && { destination }),
  };
}

function readIcmp(words: WordCursor): ProfileRule["icmp"] {
  if (!words.take("type")) return undefined;
  const type = readNumber(words.next(), { what: "an ICMP type", most: 254 });
  if (!words.take("code")) return { type };
  return { type, code: readNumber(words.next(), { what: "an ICMP code", most: 255 }) };
}

function readEnd(
  keyword: "from" | "to",
  words: WordCursor,
  { withPorts }: { readonly withPorts: boolean },
): RuleEnd | undefined {
  if (!words.take(keyword)) return undefined;
  const end: RuleEnd = {};
  for (let word = words.peek(); word !== undefined && word !== "to"; word = words.peek()) {
    words.next();
    if (word === "ports") {
      if (!withPorts) throw new WordError("ports need tcp or udp");
      end.ports = readPorts(words.next());
    } else if (word === "tag") end.selector = readTag(words.next());
    else end.nets = [readNet(word === "cidr" ? words.next() : word)];
  }
  if (Object.keys(end).length === 0) throw new WordError(`${keyword} needs ports, tag or a CIDR`);
  return end;
}

function readTag(word: string | undefined): string {
  if (word === undefined) throw new WordError("tag needs a name");
  const why = whyNotATag(word);
  if (why !== undefined) throw new WordError(`tag ${word} ${why}`);
  return tagSelector(word);
}

function readNet(word: string | undefined): string {
  const text = word ?? "";
  const whole = text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`;
  const prefix = parsePrefix(whole);
  if (prefix === undefined) throw new WordError(`${JSON.stringify(text)} is not a CIDR`);
  return prefix;
}

function readPorts(word: string | undefined): (number | string)[] {
  return (word ?? "").split(",").map((part) => {
    const [first, last, ...more] = part.split(":");
    const from = readNumber(first, { what: "a port", most: 65_535 });
    if (last === undefined) return from;
    const to = readNumber(last, { what: "a port", most: 65_535 });
    if (more.length > 0 || to < from) throw new WordError(`${part} is not a range of ports`);
    return `${from}:${to}`;
  });
}

function readNumber(
  word: string | undefined,
  { what, most }: { readonly what: string; readonly most: number },
): number {
  const number = /^\d{1,5}$/.test(word ?? "") ? Number(word) : Number.NaN;
  if (number <= most) return number;
  throw new WordError(`${JSON.stringify(word ?? "")} is not ${what}`);
}

function endWords(keyword: "from" | "to", end: RuleEnd | undefined): readonly string[] {
  if (end === undefined) return [];
  const words: string[] = [];
  if (end.ports !== undefined) words.push("ports", end.ports.join(","));
  if (end.selector !== undefined) {
    const tag = tagOfSelector(end.selector);
    words.push(...(tag === undefined ? ["selector", JSON.stringify(end.selector)] : ["tag", tag]));
  }
  for (const net of end.nets ?? []) words.push("cidr", net);
  return words.length === 0 ? [] : [keyword, ...words];
}
