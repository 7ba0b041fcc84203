import pino from "pino";
import type { SpeakerEvent } from "../../protocol/speaker/speaker-io.ts";
import type { Fault } from "../../protocol/wire/fault.ts";
import type { EventCounters } from "../api/metrics.ts";
import type { Labels, Sample } from "../api/openmetrics.ts";
import { EventRing, type RecordedEvent } from "../bgp/event-ring.ts";
import { LineLimit } from "./line-limit.ts";

/** Events kept for `tortie` and for crash files. */
const RING_CAPACITY = 1000;
/** What waits for a reader of the log that does not read; beyond it lines are dropped, because a log must never block. */
const LONGEST_BACKLOG = 4 * 1024 * 1024;
/** Series of one counter: labels come from peers and codes, which are few, but the limit does not rely on it. */
const MOST_SERIES = 4096;

export type LogLevel = SpeakerEvent["level"];
export type Fields = { readonly [field: string]: unknown };

/** Where lines go: standard output, or a test's memory. */
export type LogDestination = pino.DestinationStream & { readonly flushSync?: () => void };

/**
 * Every event of the daemon passes here once: it becomes a line of the log (a stable name and fields, no prose), stays in
 * the ring for the API, and moves the counters. Fields that are called like a key are hidden, whoever wrote them.
 */
export class EventLog {
  readonly #logger: pino.Logger;
  readonly #destination: LogDestination;
  readonly #ring = new EventRing(RING_CAPACITY);
  readonly #limit = new LineLimit();
  readonly #transitions = new Counter();
  readonly #notifications = new Counter();
  readonly #malformed = new Counter();

  constructor(options: { readonly level: LogLevel; readonly destination?: LogDestination }) {
    this.#destination =
      options.destination ?? pino.destination({ dest: 1, sync: false, maxLength: LONGEST_BACKLOG });
    this.#logger = pino(
      {
        level: options.level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        redact: {
          paths: ["password", "md5Key", "*.password", "*.md5Key", "*.*.password", "*.*.md5Key"],
          censor: "<hidden>",
        },
      },
      this.#destination,
    );
  }

  /** An event of the daemon itself. */
  log(level: LogLevel, name: string, fields: Fields = {}): void {
    this.record({ level, name, fields });
  }

  record(event: SpeakerEvent): void {
    this.#count(event);
    const { level, name, peer, fields, notification } = event;
    const at = new Date();
    const suppressed = this.#limit.pass(`${name} ${peer ?? ""}`, at.getTime());
    if (suppressed === undefined) return;
    const shown: Fields = {
      ...fields,
      ...(notification !== undefined && { notification: notificationFields(notification) }),
      ...(suppressed > 0 && { suppressed }),
    };
    const named = peer !== undefined && { peer };
    if (level !== "debug") this.#ring.record({ at, level, name, ...named, fields: shown });
    this.#logger[level]({ event: name, ...named, ...shown });
  }

  recent(query: { readonly limit: number; readonly peer?: string }): RecordedEvent[] {
    return this.#ring.recent(query);
  }

  counters(): EventCounters {
    return {
      transitions: this.#transitions.samples(),
      notifications: this.#notifications.samples(),
      malformedAttributes: this.#malformed.samples(),
    };
  }

  /** Before the process ends: what is still buffered is written now. */
  flush(): void {
    try {
      this.#destination.flushSync?.();
    } catch {
      // Nobody reads the log any more; there is no place left to say so.
    }
  }

  #count({ name, peer = "", fields, notification }: SpeakerEvent): void {
    if (name === "peer.up") this.#transitions.increment({ peer, to: "established" });
    if (name === "peer.down") this.#transitions.increment({ peer, to: "idle" });
    if (name === "update.fault") {
      for (const { severity } of (fields["faults"] ?? []) as readonly Fault[]) {
        this.#malformed.increment({ peer, action: severity });
      }
    }
    if (notification !== undefined) {
      const { code, subcode } = notification.message;
      this.#notifications.increment({ direction: notification.direction, code, subcode });
    }
  }
}

type Notification = NonNullable<SpeakerEvent["notification"]>;

function notificationFields({ direction, message }: Notification): Fields {
  const data = Buffer.from(message.data).toString("hex");
  return { direction, code: message.code, subcode: message.subcode, ...(data !== "" && { data }) };
}

/** A counter with labels. */
class Counter {
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>();

  increment(labels: Labels): void {
    const key = Object.values(labels).join("\0");
    const series = this.#series.get(key);
    if (series !== undefined) series.value++;
    else if (this.#series.size < MOST_SERIES) this.#series.set(key, { labels, value: 1 });
  }

  samples(): Sample[] {
    return [...this.#series.values()].map(({ labels, value }) => ({ labels, value }));
  }
}
