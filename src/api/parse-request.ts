import type { z } from "zod";
import { ApiError } from "./api-error.ts";

/** A body or query that is not there counts as empty. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw badRequest(issues.join("; "));
}

/** A request that says something impossible. */
export function badRequest(what: string, fix?: string): ApiError {
  return new ApiError({ code: "bad-request", what, ...(fix !== undefined && { fix }) });
}
