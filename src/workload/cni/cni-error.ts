/** Error codes of the CNI specification 1.1.0; from 100 on they are the plugin's own. */
export const CNI_ERROR = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  notJson: 6,
  invalidConfiguration: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  conflict: 100,
  noAddress: 101,
  kernel: 102,
  notPermitted: 103,
  checkFailed: 104,
  internal: 199,
} as const;

/** A call that failed, as the runtime is told. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string | undefined;

  constructor(
    code: number,
    message: string,
    { details, cause }: { readonly details?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = "CniError";
    this.code = code;
    this.details = details;
  }
}

/** Ends a call because a text cannot be read. */
export function notJson(message: string, cause: unknown): never {
  throw new CniError(CNI_ERROR.notJson, message, { details: String(cause), cause });
}
