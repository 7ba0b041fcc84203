import type { IpAddress } from "../types/ip-address.ts";
import type { Message, OpenMessage } from "../wire/message.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../wire/wire-context.ts";
import { BgpDirection, type BgpFrame } from "./bgp-direction.ts";
import { FragmentReassembler } from "./fragment-reassembler.ts";
import { type IpPacket, parseIpPacket } from "./ip-packet.ts";
import { ipPacketOf } from "./link-layer.ts";
import type { Packet } from "./packet.ts";
import { contextFromOpens, decode, guessContext } from "./session-context.ts";
import { parseTcpSegment, type TcpSegment } from "./tcp-segment.ts";
import { type StreamChunk, TcpStream } from "./tcp-stream.ts";

export type CapturedEndpoint = { readonly address: IpAddress; readonly port: number };

/** One message of a capture, or octets that are no message. `session` counts TCP connections from 1. */
export type BgpRecord = {
  readonly session: number;
  readonly source: CapturedEndpoint;
  readonly destination: CapturedEndpoint;
  readonly frame: BgpFrame;
  /** Absent for skipped octets. */
  readonly decoded?: Message | ProtocolError;
  readonly context: WireContext;
  /** How `context` is known: both OPENs were captured, or it was guessed from the messages. */
  readonly contextFrom: "opens" | "guess";
};

/** Messages that a guess looks at, and keeps waiting for: more of them make it no better. */
const GUESS_MESSAGES = 16;

type Direction = {
  readonly source: CapturedEndpoint;
  readonly destination: CapturedEndpoint;
  readonly stream: TcpStream;
  readonly frames: BgpDirection;
  open?: OpenMessage;
  updates: Uint8Array[];
  started: boolean;
};

type Session = {
  readonly number: number;
  readonly directions: readonly [Direction, Direction];
};

/** Everything that a capture says in BGP, on whatever port: packets in, messages out, in the order of the capture. */
export class BgpCapture {
  readonly #fragments = new FragmentReassembler();
  readonly #sessions = new Map<string, Session>();
  #count = 0;

  add(packet: Packet): BgpRecord[] {
    const bytes = ipPacketOf(packet);
    const ip = bytes && parseIpPacket(bytes);
    const whole = ip && this.#fragments.add(ip);
    const segment = whole && parseTcpSegment(whole);
    if (!whole || !segment) return [];
    const ended: BgpRecord[] = [];
    const { session, direction } = this.#find(whole, segment, ended);
    direction.started ||= segment.syn || segment.data.length > 0;
    const chunks = direction.stream.add(segment, packet);
    return [...ended, ...chunks.flatMap((chunk) => this.#chunk(session, direction, chunk))];
  }

  /** What is still incomplete when the capture ends. */
  finish(): BgpRecord[] {
    const records = [...this.#sessions.values()].flatMap((session) => this.#close(session));
    this.#sessions.clear();
    return records;
  }

  #find(ip: IpPacket, segment: TcpSegment, ended: BgpRecord[]) {
    const source = { address: ip.source, port: segment.sourcePort };
    const destination = { address: ip.destination, port: segment.destinationPort };
    const [a, b] = [text(source), text(destination)];
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    let session = this.#sessions.get(key);
    if (session && segment.syn && directionFrom(session, a).started) {
      // The same ports again: an earlier connection has ended.
      ended.push(...this.#close(session));
      session = undefined;
    }
    session ??= this.#open(key, source, destination);
    return { session, direction: directionFrom(session, a) };
  }

  #open(key: string, source: CapturedEndpoint, destination: CapturedEndpoint): Session {
    this.#count += 1;
    const session: Session = {
      number: this.#count,
      directions: [newDirection(source, destination), newDirection(destination, source)],
    };
    this.#sessions.set(key, session);
    return session;
  }

  #close(session: Session): BgpRecord[] {
    return session.directions.flatMap((direction) => {
      const chunks = direction.stream.finish();
      return [
        ...chunks.flatMap((chunk) => this.#chunk(session, direction, chunk)),
        ...direction.frames.finish().map((frame) => record(session, direction, frame)),
      ];
    });
  }

  #chunk(session: Session, direction: Direction, chunk: StreamChunk): BgpRecord[] {
    return direction.frames.add(chunk).map((frame) => record(session, direction, frame));
  }
}

function newDirection(source: CapturedEndpoint, destination: CapturedEndpoint): Direction {
  return {
    source,
    destination,
    stream: new TcpStream(),
    frames: new BgpDirection(),
    updates: [],
    started: false,
  };
}

function directionFrom(session: Session, source: string): Direction {
  const [forward, backward] = session.directions;
  return text(forward.source) === source ? forward : backward;
}

function record(session: Session, direction: Direction, frame: BgpFrame): BgpRecord {
  const known = knownContext(session, direction);
  const context = known ?? guessed(direction, frame);
  const base = {
    session: session.number,
    source: direction.source,
    destination: direction.destination,
    frame,
    context,
    contextFrom: known ? "opens" : "guess",
  } as const;
  if (frame.type === "skipped") return base;
  const decoded = decode(frame.bytes, context);
  if (!(decoded instanceof ProtocolError) && decoded.type === "open") direction.open = decoded;
  return { ...base, decoded };
}

function knownContext(session: Session, direction: Direction): WireContext | undefined {
  const [forward, backward] = session.directions;
  const other = direction === forward ? backward : forward;
  return direction.open && other.open && contextFromOpens(direction.open, other.open);
}

function guessed(direction: Direction, frame: BgpFrame): WireContext {
  if (frame.type === "skipped" || frame.bytes[18] !== 2) return DEFAULT_WIRE_CONTEXT;
  if (direction.updates.length < GUESS_MESSAGES) direction.updates.push(frame.bytes);
  return guessContext(direction.updates);
}

function text({ address, port }: CapturedEndpoint): string {
  return `[${address}]:${port}`;
}
