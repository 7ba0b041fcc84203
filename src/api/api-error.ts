import type { ApiErrorDetail } from "./api-types.ts";

/** A request that cannot be answered; becomes the HTTP status and the JSON body of the answer. */
export class ApiError extends Error {
  readonly detail: ApiErrorDetail;

  constructor(detail: ApiErrorDetail, options?: ErrorOptions) {
    super(detail.what, options);
    this.name = "ApiError";
    this.detail = detail;
  }

  get status(): number {
    return STATUS[this.detail.code];
  }
}

const STATUS: { readonly [code in ApiErrorDetail["code"]]: number } = {
  "bad-request": 400,
  "not-permitted": 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "too-large": 413,
  conflict: 409,
  exhausted: 409,
  kernel: 500,
  internal: 500,
  "not-ready": 503,
};
