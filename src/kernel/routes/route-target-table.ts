import { ipVersion } from "../../../protocol/types/ip-address.ts";
import { unreachable } from "../../../protocol/types/never.ts";
import { LEG_FLAG, SCOPE } from "../netlink/netlink-constants.ts";
import { NetlinkWriter } from "../netlink/netlink-writer.ts";
import {
  kindNumber,
  type RouteLegMessage,
  type RouteMessage,
  writeRouteLegs,
} from "../netlink/route-codec.ts";
import {
  canonicalTarget,
  formatRouteTarget,
  type RouteLeg,
  type RouteTarget,
} from "../route-target.ts";

/** More legs than any fabric has; the kernel takes a few hundred more. */
export const MAX_LEGS = 256;

/** A target made ready for messages: fields of struct rtmsg, and the attributes that follow. */
export type CompiledTarget = {
  readonly text: string;
  readonly scope: number;
  readonly kind: number;
  readonly flags: number;
  readonly attributes: Uint8Array;
  readonly interfaces: readonly number[];
  /** Several legs: IPv6 keeps these as siblings, which need more care. */
  readonly multipath: boolean;
  /** Found in the kernel under our protocol, but in a form that this program does not make. It can only be replaced. */
  readonly foreignForm: boolean;
};

/** The targets of one family, each once, by number. 0 means "no target". */
export class RouteTargetTable {
  readonly #version: 4 | 6;
  readonly #byText = new Map<string, number>();
  readonly #compiled: (CompiledTarget | undefined)[] = [undefined];
  readonly #free: number[] = [];

  constructor(version: 4 | 6) {
    this.#version = version;
  }

  get size(): number {
    return this.#byText.size;
  }

  /** The number of a target; 0 when this family cannot express it (an IPv6 route through an IPv4 gateway). */
  intern(target: RouteTarget): number {
    if (!this.#canExpress(target)) return 0;
    const canonical = canonicalTarget(target);
    const text = formatRouteTarget(canonical);
    return this.#byText.get(text) ?? this.#add(compile(canonical, text, this.#version));
  }

  /** The number of what the kernel has. Dead legs do not count: the kernel does not use them. */
  internMessage(route: RouteMessage): number {
    const target = targetOf(route, this.#version);
    if (target !== undefined) return this.intern(target);
    const text = `foreign form ${JSON.stringify(route)}`;
    const { kind } = route;
    const legs = route.legs.flatMap(({ interfaceIndex }) => interfaceIndex ?? []);
    return (
      this.#byText.get(text) ??
      this.#add(
        {
          text: `${kind} in a form that is not ours`,
          scope: SCOPE.nowhere,
          kind: 0,
          flags: 0,
          attributes: new Uint8Array(0),
          interfaces: legs,
          multipath: route.legs.length > 1,
          foreignForm: true,
        },
        text,
      )
    );
  }

  /** Throws RangeError for a number that stands for nothing. */
  get(id: number): CompiledTarget {
    const target = this.#compiled[id];
    if (target === undefined) throw new RangeError(`no route target ${id}`);
    return target;
  }

  /** Forgets all targets that `isUsed` denies. */
  retain(isUsed: (id: number) => boolean): void {
    for (const [text, id] of this.#byText) {
      if (isUsed(id)) continue;
      this.#byText.delete(text);
      this.#compiled[id] = undefined;
      this.#free.push(id);
    }
  }

  #add(target: CompiledTarget, key = target.text): number {
    const id = this.#free.pop() ?? this.#compiled.length;
    this.#compiled[id] = target;
    this.#byText.set(key, id);
    return id;
  }

  #canExpress(target: RouteTarget): boolean {
    if (target.type !== "gateways") return true;
    if (target.legs.length === 0 || target.legs.length > MAX_LEGS) return false;
    return this.#version === 4 || target.legs.every(({ gateway }) => ipVersion(gateway) === 6);
  }
}

function compile(target: RouteTarget, text: string, version: 4 | 6): CompiledTarget {
  const form = { text, foreignForm: false };
  switch (target.type) {
    case "gateways": {
      const legs = target.legs.map(legMessage);
      const [only] = legs;
      return {
        ...form,
        scope: SCOPE.universe,
        kind: kindNumber("unicast"),
        flags: legs.length === 1 && only?.onLink ? LEG_FLAG.onLink : 0,
        attributes: legAttributes(legs, version),
        interfaces: target.legs.map((leg) => leg.interfaceIndex),
        multipath: legs.length > 1,
      };
    }
    case "interface": {
      const { interfaceIndex } = target;
      const leg = { interfaceIndex, weight: 1, onLink: false, dead: false, linkDown: false };
      return {
        ...form,
        scope: version === 4 ? SCOPE.link : SCOPE.universe,
        kind: kindNumber("unicast"),
        flags: 0,
        attributes: legAttributes([leg], version),
        interfaces: [interfaceIndex],
        multipath: false,
      };
    }
    case "blackhole":
      return {
        ...form,
        scope: SCOPE.universe,
        kind: kindNumber("blackhole"),
        flags: 0,
        attributes: new Uint8Array(0),
        interfaces: [],
        multipath: false,
      };
    default:
      return unreachable(target);
  }
}

function legMessage(leg: RouteLeg): RouteLegMessage {
  const { gateway, interfaceIndex, onLink = false, weight = 1 } = leg;
  return { gateway, interfaceIndex, onLink, weight, dead: false, linkDown: false };
}

function legAttributes(legs: readonly RouteLegMessage[], version: 4 | 6): Uint8Array {
  const writer = new NetlinkWriter(64 * legs.length);
  writeRouteLegs(writer, legs, version);
  return Uint8Array.from(writer.bytes);
}

/** What a route of the kernel is in our terms; undefined when we would not have made it so. */
function targetOf(route: RouteMessage, version: 4 | 6): RouteTarget | undefined {
  if (route.kind === "blackhole") return { type: "blackhole" };
  const plain = route.nexthopId === undefined && route.preferredSource === undefined;
  if (route.kind !== "unicast" || !plain) return undefined;
  const alive = route.legs.filter((leg) => !leg.dead);
  const [first] = alive;
  if (first === undefined) return undefined;
  if (alive.length === 1 && first.gateway === undefined) {
    const wrongScope = version === 4 && route.scope !== SCOPE.link;
    return wrongScope || first.interfaceIndex === undefined
      ? undefined
      : { type: "interface", interfaceIndex: first.interfaceIndex };
  }
  const legs = alive.flatMap(toLeg);
  return legs.length === alive.length ? { type: "gateways", legs } : undefined;
}

function toLeg({ gateway, interfaceIndex, onLink, weight }: RouteLegMessage): RouteLeg[] {
  if (gateway === undefined || interfaceIndex === undefined) return [];
  return [{ gateway, interfaceIndex, onLink, weight }];
}
