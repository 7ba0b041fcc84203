/*
 * Profiles as people of 2015 knew them: a set of tags, and rules that speak of tags. Today a tag is a label that the profile
 * gives to its endpoints (labelsToApply), and "from tag X" is the selector has(X).
 */
import { createHash } from "node:crypto";
import { API_VERSION } from "./resource.ts";
import type { ResourceOf } from "./schemas.ts";

/** A profile as it is stored. */
export type Profile = ResourceOf<"Profile">;

/** Keeps the name that a person typed, where a resource cannot be called so. */
export const TYPED_NAME = "tortie.org/typed-name";

/** What a profile of this name does if nobody says otherwise: its members may talk to one another, and to the world. */
export function defaultProfile(typedName: string): Profile {
  const name = profileResourceName(typedName);
  return {
    apiVersion: API_VERSION,
    kind: "Profile",
    metadata: {
      name,
      ...(name !== typedName && { annotations: { [TYPED_NAME]: typedName } }),
    },
    spec: {
      ingress: [{ action: "Allow", source: { selector: tagSelector(typedName) } }],
      egress: [{ action: "Allow" }],
      labelsToApply: { [typedName]: "" },
    },
  };
}

/** The name of the resource: what was typed, or as much of it as a resource's name can hold, and a digest of the rest. */
export function profileResourceName(typed: string): string {
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(typed)) return typed;
  const readable = typed
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
  const digest = createHash("sha256").update(typed).digest("hex").slice(0, DIGITS);
  return readable === "" ? `profile-${digest}` : `${readable}-${digest}`;
}

/** The name that people know a profile by. */
export function typedName({ metadata }: Profile): string {
  return metadata.annotations?.[TYPED_NAME] ?? metadata.name;
}

/** Why a word cannot name a profile or a tag; undefined when it can. A tag is a label, and stands in selectors. */
export function whyNotATag(word: string): string | undefined {
  return /^[A-Za-z0-9_.-]{1,128}$/.test(word)
    ? undefined
    : "must be 1 to 128 letters, digits, '_', '.' and '-'";
}

/** Endpoints with this tag. */
export function tagSelector(tag: string): string {
  return `has(${tag})`;
}

/** The tag that a selector means; undefined where it means more. */
export function tagOfSelector(selector: string): string | undefined {
  return /^has\(([A-Za-z0-9_./-]+)\)$/.exec(selector.trim())?.[1];
}

const DIGITS = 6;
