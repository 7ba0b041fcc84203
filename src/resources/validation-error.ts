/** One thing that is wrong with what somebody wrote, with its place and what to do. Holds no secrets. */
export type ValidationError = {
  /** A warning does not keep the object from being accepted. */
  readonly severity: "error" | "warning";
  /** "spec.filters[0]"; empty where the whole object or file is meant. */
  readonly path: string;
  /** "BGPPeer/tor-1", as far as it is known. */
  readonly resource?: string;
  /** Says what is wrong; the path is not repeated in it. */
  readonly message: string;
  /** One edit or command that mends it. */
  readonly fix?: string;
  readonly place?: SourcePlace;
};

/** Where in the text: line and column count from 1. */
export type SourcePlace = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line and a caret under the wrong part; absent where the line may hold a key. */
  readonly excerpt?: string;
};

/**
 * As a person reads it:
 *
 *     pool.yaml:6:9  error  spec.cidr: "192.168.0.0/33": prefix length must be 0–32 for IPv4
 *        6 |   cidr: 192.168.0.0/33
 *          |         ^^^^^^^^^^^^^^
 *       fix: …
 */
export function formatValidationError(error: ValidationError): string {
  const { place, severity, resource, path, message, fix } = error;
  const where = place ? `${place.file}:${place.line}:${place.column}` : resource;
  const what = path === "" ? message : `${path}: ${message}`;
  const lines = [`${where === undefined ? "" : `${where}  `}${severity}  ${what}`];
  if (place?.excerpt !== undefined) lines.push(place.excerpt);
  if (fix !== undefined) lines.push(`  fix: ${fix}`);
  return lines.join("\n");
}

/** "2 errors, 1 warning in 1 file": the last line of a report. */
export function summarizeValidation(
  errors: readonly ValidationError[],
  { files }: { readonly files: number },
): string {
  const count = (severity: string) => errors.filter((each) => each.severity === severity).length;
  const parts = [plural(count("error"), "error"), plural(count("warning"), "warning")];
  return `${parts.join(", ")} in ${plural(files, "file")}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
