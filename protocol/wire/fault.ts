/** How much a malformed part of an UPDATE takes with it, weakest first. RFC 7606 §2; a session reset is a ProtocolError instead. */
export type FaultSeverity = "attribute-discard" | "treat-as-withdraw";

/**
 * Something malformed that the session survives. `offset` counts octets from the start of the message (its marker);
 * `rule` names the sentence that was applied, such as "RFC 7606 §7.1".
 */
export type Fault = {
  readonly severity: FaultSeverity;
  readonly attributeCode: number;
  readonly offset: number;
  readonly length: number;
  readonly rule: string;
  readonly reason: string;
};
