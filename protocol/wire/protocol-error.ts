/**
 * A peer's crime: the session ends with this NOTIFICATION. RFC 4271 §6. The only error that decoding ever throws.
 * `data` is the exact data field; `offset` counts octets from the start of the message, when the place is known.
 */
export class ProtocolError extends Error {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
  readonly offset: number | undefined;

  constructor(details: {
    readonly code: number;
    readonly subcode: number;
    readonly reason: string;
    readonly data?: Uint8Array;
    readonly offset?: number;
  }) {
    super(`${details.code}/${details.subcode}: ${details.reason}`);
    this.name = "ProtocolError";
    this.code = details.code;
    this.subcode = details.subcode;
    this.data = details.data ?? new Uint8Array(0);
    this.offset = details.offset;
  }
}
