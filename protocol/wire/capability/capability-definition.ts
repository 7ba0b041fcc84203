import type { Capability } from "../capability.ts";
import type { OctetWriter } from "../octet-writer.ts";

/**
 * A row of the capability table. A malformed capability that decides how octets are read makes the OPEN unacceptable (2/0):
 * the peer believes that it announced it. Any other is kept as octets and has no effect, as if it were unknown.
 */
export type CapabilityDefinition<Value extends Capability = Capability> = {
  readonly code: number;
  /** The name in IANA's registry, shortened as people write it. */
  readonly name: string;
  readonly type: Value["type"];
  readonly malformed: "refuse" | "keep";
  /** Undefined when the octets are no such capability. */
  decode(value: Uint8Array): Value | undefined;
  encode(value: Value, writer: OctetWriter): void;
};

/** The variant of Capability with this tag. */
export type CapabilityOf<Type extends Capability["type"]> = Extract<Capability, { type: Type }>;
